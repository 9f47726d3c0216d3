"""How `make test` shares the tests between two processes (`pytest -n 2 --dist loadgroup`).

Tests that wait for real peers and measure times stay in one process, so that no two of them run at
once. What only computes runs beside them.
"""

from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_RUNTIME = _HERE / "streamer"
_WAITING = [
    _RUNTIME,
    _HERE / "faults",
    _HERE / "deploy" / "examples",
    _HERE / "deploy" / "serving",
    _HERE / "docs",
]
_COMPUTING = [
    _RUNTIME / name for name in ("calibration", "config", "engines", "tracking", "test_analyze.py")
]
_MEASURING = [_RUNTIME / "engines" / "remote"]


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        homes = {item.path, *item.path.parents}
        waits = not homes.isdisjoint(_WAITING) and homes.isdisjoint(_COMPUTING)
        waits |= not homes.isdisjoint(_MEASURING)
        item.add_marker(pytest.mark.xdist_group("waiting" if waits else "computing"))
