"""How the tests are shared between two processes (`pytest -n 2 --dist loadgroup`).

Tests that time what real peers do stay in one process, so that no two of them run at once. The
others go file by file to whichever process is free.
"""

from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_RUNTIME = _HERE / "streamer"
_TIMED = {
    *(_RUNTIME / name for name in ("audio", "catalogue", "cli", "mqtt", "outputs")),
    *(_RUNTIME / f"test_{name}.py" for name in ("attached", "live", "reload", "run", "service")),
    _RUNTIME / "engines" / "remote",
    _HERE / "benchmarks" / "test_fleet.py",
    _HERE / "deploy" / "examples",
    _HERE / "deploy" / "serving",
    _HERE / "docs",
    _HERE / "faults",
}
_UNTIMED = {
    *(_RUNTIME / "audio" / f"test_{name}.py" for name in ("decode", "resample")),
    _RUNTIME / "catalogue" / "test_folder.py",
    *(_RUNTIME / "cli" / f"test_{name}.py" for name in ("forget", "help", "mistakes", "plot")),
    *(_RUNTIME / "mqtt" / f"test_{name}.py" for name in ("hostile", "payloads", "security")),
    _RUNTIME / "outputs" / "recording" / "test_pictures.py",
    _HERE / "deploy" / "serving" / "test_mistakes.py",
    _HERE / "docs" / "test_reference.py",
}


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        homes = {item.path, *item.path.parents}
        timed = not homes.isdisjoint(_TIMED) and homes.isdisjoint(_UNTIMED)
        group = "timed" if timed else str(item.path.relative_to(_HERE))
        item.add_marker(pytest.mark.xdist_group(group))
