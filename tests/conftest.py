"""Mark and distribute the tests (`pytest -n 2 --dist loadgroup`).

Tests marked `peer` share one process, so that no two real peers compete for the machine, and
`make test-peers` runs them last. Others go file by file to whichever process is free. Tests that
start the program, build the wheel or fit a network are marked `long`.
"""

import pytest
from hypothesis import HealthCheck, settings

# A slow machine is no failure: no limit on the time of an example, nor on that of drawing one.
settings.register_profile("any-speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-speed")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        group = "peers" if item.get_closest_marker("peer") else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
        starts_program = "program" in getattr(item, "fixturenames", ())
        if starts_program or any(map(item.get_closest_marker, ("train", "wheel"))):
            item.add_marker(pytest.mark.long)
