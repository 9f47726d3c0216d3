"""Questions of several streamers, answered as one."""

import numpy as np
import pytest

from deploy.serving.batch import Question, answer, count_windows
from streamer.engines import open_engine
from streamer.errors import EngineError


@pytest.fixture(scope="module")
def engine():
    return open_engine()


@pytest.fixture(scope="module")
def questions(demo_windows):
    mel, cochleagram = demo_windows
    cuts = [(0, 1), (1, 4), (4, 6)]
    return [
        Question(mel[a:b], cochleagram[a:b], expires)
        for (a, b), expires in zip(cuts, (9, 1, 9), strict=True)
    ]


def test_each_gets_its_own_and_who_waits_no_more_gets_none(engine, questions):
    assert count_windows(questions) == 6
    first, late, last = answer(engine, questions, now=5.0)
    assert isinstance(late, EngineError)
    assert str(late) == "too late"
    for question, found in ((questions[0], first), (questions[2], last)):
        alone = engine.infer(question.mel, question.cochleagram)
        np.testing.assert_allclose(found.valence, alone.valence, atol=1e-6)
        np.testing.assert_allclose(found.arousal_std, alone.arousal_std, atol=1e-6)


def test_the_engine_is_not_asked_for_nobody(questions):
    assert all(str(found) == "too late" for found in answer(None, questions, now=10.0))


def test_when_the_engine_fails_everybody_is_told(questions):
    class Broken:
        def infer(self, mel, cochleagram):
            raise EngineError("off the bus")

    assert [str(found) for found in answer(Broken(), questions, now=0.0)] == ["off the bus"] * 3
