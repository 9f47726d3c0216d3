"""What the package gives, and what it wants."""

import subprocess
import sys

import pytest

import streamer.outputs.lights as package

WANTED = ["coloraide", "pythonosc", "sacn", "stupidArtnet"]


def test_the_names_it_exports():
    assert set(package.__all__) == {
        "LightController", "LiveShow", "Show", "example_text", "load_show", "watch_show",
    }  # fmt: skip
    assert all(hasattr(package, name) for name in package.__all__)


@pytest.mark.parametrize("missing", WANTED)
def test_without_its_extra_it_says_what_to_install(missing, tmp_path):
    program = (
        f"import sys; sys.modules['{missing}'] = None\n"
        "import streamer.app.runtime\n"  # needs none of it
        "sys.argv = ['streamer', 'lights', '--example']\n"
        "from streamer.cli import main; main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr == (
        f"streamer: lights need the package {missing}, which is not installed: "
        'pip install "damer-streamer[lights]"\n'
    )


def test_the_command_line_loads_none_of_it_before_it_is_asked_for(tmp_path):
    program = "import sys, streamer.cli; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", program], cwd=tmp_path, text=True)
    assert set(loaded.split()).isdisjoint(WANTED)
