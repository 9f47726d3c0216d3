"""A few kills; `python -m tests.faults.killing` makes two hundred."""

import pytest

from tests.faults import killing


@pytest.mark.peer
@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_program_that_is_killed_starts_again_and_leaves_nothing_broken(tmp_path, monkeypatch):
    monkeypatch.setattr(killing, "WITHIN", killing.COMPILING)  # how soon is measured, not tested
    tally = killing.Tally()
    killing.run(6, 3, tmp_path, tally)
    assert not tally.troubles, tally.table()
    assert tally.kills >= 6
    assert tally.rows > 0
