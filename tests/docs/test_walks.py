"""Whoever has only the documentation reaches what it promises: each command is run."""

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
    """Do what a page says; return all that is said meanwhile."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.docs.walk", str(ROOT / "docs" / page), *heading],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    return done.stdout


def test_five_minutes_lead_to_messages_and_to_the_own_microphone():
    said = walk("start.md")
    assert len(re.findall(r'^streamer/\S+/main/va \{"v":1,', said, re.MULTILINE)) == 10
    assert '"mood":' in said
    assert "ok   broker: publish" in said


def test_home_assistant_is_told_of_the_zone_and_commands_are_answered():
    said = walk("home-assistant.md")
    assert re.search(r"^homeassistant/device/streamer_hall/main/config \{", said, re.MULTILINE)
    assert re.search(r'^streamer/hall/main/ack/freeze \{"v":1,.*"ok":true', said, re.MULTILINE)
    assert re.search(r'^streamer/hall/main/ack/rate \{"v":1,.*"ok":false', said, re.MULTILINE)


def test_a_light_follows_the_music():
    said = walk("lights.md", "In five minutes")
    assert "show.toml is valid" in said
    packets, looks = map(
        int, re.search(r"^universe 1: (\d+) packets, (\d+)", said, re.MULTILINE).groups()
    )
    assert packets > 50
    assert looks > 20


def test_a_model_is_trained_on_five_clips_and_listens():
    said = walk("training.md", "With your own music")
    assert "wrote runs/quick/model.pt" in said
    assert "wrote mine.onnx" in said


def test_the_dashboard_is_served():
    assert "$ streamer run --input demo --dashboard" in walk("dashboard.md", "Dashboard")


class TestReading:
    def test_a_block_goes_on_where_the_paragraph_says_so(self):
        page = "Leave it\nrunning:\n\n```sh\na\n```\n\nThen:\n\n```sh\nb\n```\n\n```\nno\n```\n"
        assert steps_of(page) == [Step("a\n", True, False), Step("b\n", False, False)]

    def test_what_goes_on_is_stopped_where_the_paragraph_says_so(self):
        page = "```sh\na\n```\n\nNow stop it:\n\n```sh\nb\n```\n"
        assert steps_of(page) == [Step("a\n", False, False), Step("b\n", False, True)]

    def test_a_heading_ends_with_the_next_of_its_kind(self):
        page = "## A\n```sh\na\n```\n### B\n```sh\nb\n```\n## C\n```sh\nc\n```\n"
        assert [step.commands for step in steps_of(page, "A")] == ["a\n", "b\n"]
        assert [step.commands for step in steps_of(page, "C")] == ["c\n"]
