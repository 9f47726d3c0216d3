"""Fuzz each target for a few seconds; `make fuzz` takes twenty minutes."""

import pytest

from tests.fuzz.report import table
from tests.fuzz.runner import run
from tests.fuzz.targets import ALL, TARGETS
from tests.fuzz.targets.broken import FAULTS
from tests.fuzz.worker import random_for

pytestmark = pytest.mark.long

SECONDS = 3.0
SEED = 1


@pytest.mark.parametrize("target", TARGETS)
def test_any_input_is_accepted_or_rejected_with_one_line(target, tmp_path):
    outcome = run(target, seed=SEED, seconds=SECONDS, output=tmp_path)
    assert not outcome.findings, [*outcome.messages.values(), sorted(tmp_path.iterdir())]
    assert outcome.inputs > 10
    assert len(outcome.kinds) > 3
    assert target in table([outcome])


@pytest.mark.parametrize("target", TARGETS)
def test_an_input_depends_only_on_seed_and_number(target, tmp_path):
    instance = ALL[target](tmp_path)
    try:
        one, other = (instance.make(random_for(target, 7, 3)) for _ in range(2))
    finally:
        instance.close()
    assert one == other


@pytest.mark.timeout(400)
@pytest.mark.long
def test_every_kind_of_fault_is_found_and_its_input_saved(tmp_path):
    outcome = run("broken", seed=1, seconds=300, inputs=30, output=tmp_path)
    messages = " ".join(outcome.messages.values())
    for each in ("ValueError: a fault", "the process ended with -6", "takes too long", "took ",
                 "a secret is revealed", "not printable"):  # fmt: skip
        assert each in messages
    assert outcome.kinds["fine"]
    assert outcome.inputs == 30
    saved = {folder.joinpath("fault").read_text() for folder in tmp_path.iterdir()}
    assert saved == set(FAULTS) - {"fine"}
