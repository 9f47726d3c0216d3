"""How `make test` shares the tests between two processes (`pytest -n 2 --dist loadgroup`).

The runtime's tests wait for real peers and measure times, so no two of them run at once; all others
compute, and run beside them.
"""

from pathlib import Path

import pytest

_RUNTIME = Path(__file__).parent / "streamer"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        group = "runtime" if _RUNTIME in item.path.parents else "rest"
        item.add_marker(pytest.mark.xdist_group(group))
