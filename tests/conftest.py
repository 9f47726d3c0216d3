"""How `make test` shares the tests between two processes (`pytest -n 2 --dist loadgroup`).

The runtime's tests wait for real peers and measure times, so no two of them run at once. All others
compute; they run beside them, in a process of their own.
"""

from pathlib import Path

import pytest

_RUNTIME = Path(__file__).parent / "streamer"


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        group = "runtime" if _RUNTIME in item.path.parents else "rest"
        item.add_marker(pytest.mark.xdist_group(group))
