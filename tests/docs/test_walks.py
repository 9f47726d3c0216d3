"""Run every command of the documentation pages, and check the promised results."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.docs.walk import ROOT, Step, steps_of

pytestmark = [
    pytest.mark.peer,
    pytest.mark.long,
    pytest.mark.timeout(400),
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("unshare"), reason="root makes the network"
    ),
]


def walk(page, *heading):
    """Run the commands of a page; return their output."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.docs.walk", str(ROOT / "docs" / page), *heading],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    return done.stdout


def test_the_start_page_leads_to_messages_and_the_microphone():
    output = walk("start.md")
    assert len(re.findall(r'^streamer/\S+/main/va \{"v":1,', output, re.MULTILINE)) == 10
    assert '"mood":' in output
    assert "ok   broker: publish" in output


def test_home_assistant_gets_discovery_and_command_acknowledgements():
    output = walk("home-assistant.md")
    assert re.search(r"^homeassistant/device/streamer_hall/main/config \{", output, re.MULTILINE)
    assert re.search(r'^streamer/hall/main/ack/freeze \{"v":1,.*"ok":true', output, re.MULTILINE)
    assert re.search(r'^streamer/hall/main/ack/rate \{"v":1,.*"ok":false', output, re.MULTILINE)


def test_a_light_receives_changing_levels():
    output = walk("lights.md", "In five minutes")
    assert "show.toml is valid" in output
    packets, looks = map(
        int, re.search(r"^universe 1: (\d+) packets, (\d+)", output, re.MULTILINE).groups()
    )
    assert packets > 50
    assert looks > 20


def test_a_model_is_trained_on_five_clips_and_exported():
    output = walk("training.md", "With your own music")
    assert "wrote runs/quick/model.pt" in output
    assert "wrote mine.onnx" in output


def test_the_dashboard_is_served():
    assert "$ streamer run --input demo --dashboard" in walk("dashboard.md", "Dashboard")


class TestSteps:
    def test_a_block_keeps_running_if_its_paragraph_says_so(self):
        page = "Leave it\nrunning:\n\n```sh\na\n```\n\nThen:\n\n```sh\nb\n```\n\n```\nno\n```\n"
        assert steps_of(page) == [Step("a\n", True, False), Step("b\n", False, False)]

    def test_running_blocks_are_stopped_if_the_paragraph_says_so(self):
        page = "```sh\na\n```\n\nNow stop it:\n\n```sh\nb\n```\n"
        assert steps_of(page) == [Step("a\n", False, False), Step("b\n", False, True)]

    def test_a_section_ends_at_the_next_heading_of_its_level(self):
        page = "## A\n```sh\na\n```\n### B\n```sh\nb\n```\n## C\n```sh\nc\n```\n"
        assert [step.commands for step in steps_of(page, "A")] == ["a\n", "b\n"]
        assert [step.commands for step in steps_of(page, "C")] == ["c\n"]
