"""Distribute the tests over two processes (`pytest -n 2 --dist loadgroup`).

Tests marked `peer` share one process, so that no two real peers compete for the machine. The others
go file by file to whichever process is free.
"""

import pytest


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        group = "peers" if item.get_closest_marker("peer") else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
