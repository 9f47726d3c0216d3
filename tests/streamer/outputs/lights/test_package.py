"""Public names and optional dependencies of the lights package."""

import subprocess
import sys

import pytest

import streamer.outputs.lights as package

pytestmark = pytest.mark.long

DEPENDENCIES = ["coloraide", "pythonosc", "sacn", "stupidArtnet"]


def test_the_package_exports_its_public_names():
    assert set(package.__all__) == {
        "LightController", "LiveShow", "Show", "example_text", "load_show", "watch_show",
    }  # fmt: skip
    assert all(hasattr(package, name) for name in package.__all__)


@pytest.mark.parametrize("missing", DEPENDENCIES)
def test_without_the_extra_the_error_names_the_install_command(missing, tmp_path):
    program = (
        f"import sys; sys.modules['{missing}'] = None\n"
        "import streamer.app.runtime\n"  # does not need the extra
        "sys.argv = ['streamer', 'lights', '--example']\n"
        "from streamer.cli import main; main()\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert process.returncode == 2
    assert process.stderr == (
        f"streamer: lights need the package {missing}, which is not installed: "
        'pip install "damer-streamer[lights]"\n'
    )


def test_the_command_line_does_not_import_the_extra_at_startup(tmp_path):
    program = "import sys, streamer.cli; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", program], cwd=tmp_path, text=True)
    assert set(loaded.split()).isdisjoint(DEPENDENCIES)
