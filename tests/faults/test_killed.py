"""Crash test with six kills; `python -m tests.faults.killing` runs two hundred."""

import pytest

from tests.faults import killing


@pytest.mark.peer
@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_killed_process_restarts_and_leaves_no_damage(tmp_path, monkeypatch):
    monkeypatch.setattr(
        killing, "START_LIMIT", killing.COMPILE_LIMIT
    )  # start-up time is not tested here
    tally = killing.Tally()
    killing.run(6, 3, tmp_path, tally)
    assert not tally.problems, tally.table()
    assert tally.kills >= 6
    assert tally.rows > 0
