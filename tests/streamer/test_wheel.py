"""Contents of the wheel, and its use in an environment without a checkout."""

import csv
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

UPLOT = "streamer/outputs/dashboard/page/vendor/uPlot.LICENSE"
pytestmark = [pytest.mark.wheel, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel from a copy of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "runs", "*.egg-info")
    source.mkdir()
    for name in ("streamer", "damer"):
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE", "config.toml"):
        shutil.copy(ROOT / name, source / name)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, source],
        check=True,
    )
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def call(wheel, tmp_path_factory):
    """Return a function that runs Python with only the wheel and its dependencies installed."""
    folder = tmp_path_factory.mktemp("empty")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--constraint", constraints, wheel], check=True
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def call(*arguments):
        return subprocess.run(
            [python, *arguments],
            cwd=folder,
            env=environment | {"XDG_CONFIG_HOME": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )

    return call


def test_the_wheel_contains_every_file_that_the_program_needs(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        for path in (
            "streamer/config/default.toml",
            "streamer/demo/piece.opus",
            "streamer/demo/sections.json",
            "streamer/outputs/dashboard/page/index.html",
            "streamer/outputs/dashboard/page/vendor/uPlot.iife.min.js",
            "streamer/py.typed",
            "damer/py.typed",
            "damer/weights/damer.onnx",
        ):
            assert path in names
        assert archive.read("streamer/config/default.toml") == (ROOT / "config.toml").read_bytes()


def test_the_wheel_contains_every_licence(wheel):
    with zipfile.ZipFile(wheel) as archive:
        folder = next(name for name in archive.namelist() if name.endswith("METADATA"))[:-8]
        for path in ("LICENSE", "damer/weights/LICENSE", "streamer/demo/LICENSE", UPLOT):
            assert archive.read(f"{folder}licenses/{path}") == (ROOT / path).read_bytes()
        assert "damer/weights/LICENSE" in archive.namelist()
        assert "streamer/demo/LICENSE" in archive.namelist()


def test_the_wheel_contains_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            assert name.split("/")[0] in ("streamer", "damer") or ".dist-info/" in name
            assert "__pycache__" not in name
            assert "/." not in name


@pytest.mark.long
def test_the_installed_wheel_analyses_a_file(call, tmp_path):
    answer = call("-c", "import streamer, damer; print(streamer.__file__, damer.__file__)")
    assert answer.returncode == 0, answer.stderr
    assert str(ROOT) not in answer.stdout
    demo = call("-c", "from streamer.demo import PIECE; print(PIECE)").stdout.strip()
    table = tmp_path / "out.csv"
    answer = call("-m", "streamer", "analyze", demo, "--output", str(table), "--rate", "1")
    assert answer.returncode == 0, answer.stderr
    with table.open() as rows:
        assert len(list(csv.DictReader(rows))) >= 80


@pytest.mark.long
def test_the_installed_wheel_has_the_default_configuration(call):
    program = "from streamer.config.files import default_text; print(default_text(), end='')"
    assert call("-c", program).stdout == (ROOT / "config.toml").read_text()


@pytest.mark.long
def test_without_the_extra_the_dashboard_error_names_the_install_command(call):
    done = call("-m", "streamer", "run", "--dashboard", "--no-view")
    assert done.returncode == 2
    assert 'pip install "damer-streamer[dashboard]"' in done.stderr
    assert "Traceback" not in done.stderr
