"""An engine that fails, hangs or answers nonsense is replaced, and the show goes on."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from streamer.engines import Estimate, FailoverEngine, open_engine
from streamer.engines import failover as resilient
from streamer.errors import EngineError


class Failing:
    """Answers so many times, and then fails as a GPU does that falls off its bus."""

    def __init__(self, engine, times, name="a GPU", nonsense=None):
        self.name, self.model, self.last_error = name, engine.model, ""
        self.front_end, self.smoothing = engine.front_end, engine.smoothing
        self.left = times
        self.nonsense = nonsense

    def infer(self, mel, cochleagram):
        self.left -= 1
        zeros = np.zeros(len(mel), np.float32)
        if self.left >= 0:
            return Estimate(zeros, zeros, zeros + 0.1, zeros + 0.1)
        if self.nonsense is not None:
            return Estimate(*(zeros + number for number in self.nonsense))
        raise RuntimeError("CUDA: an illegal memory access was encountered")


def windows(engine, count=1):
    spec = engine.front_end
    return (
        np.zeros((count, spec.mel_bands, spec.window_frames), np.float32),
        np.zeros((count, spec.gammatone_channels, spec.window_frames), np.float32),
    )


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(resilient, "REST", 0.0)


def test_when_the_gpu_fails_the_processor_goes_on(engine, caplog):
    both = FailoverEngine(Failing(engine, 2), lambda: engine)
    for _ in range(2):
        assert both.infer(*windows(engine)).valence[0] == 0.0
    assert (both.name, both.last_error) == ("a GPU", "")
    expected = engine.infer(*windows(engine))
    for _ in range(3):
        assert both.infer(*windows(engine)).valence == expected.valence
    assert both.name == engine.name
    assert "illegal memory access" in both.last_error
    assert caplog.text.count("goes on") == 1


@pytest.mark.parametrize(
    "nonsense",
    [(np.nan, 0, 1, 1), (0, np.inf, 1, 1), (0, 1.5, 1, 1), (0, 0, 0, 1), (0, 0, 1, np.inf)],
)
def test_an_answer_that_is_no_estimate_is_a_failure(engine, nonsense):
    both = FailoverEngine(Failing(engine, 0, nonsense=nonsense), lambda: engine)
    answer = both.infer(*windows(engine))
    assert answer.valence == engine.infer(*windows(engine)).valence
    assert "not finite, or out of range" in both.last_error


def test_zones_that_meet_the_failure_together_open_one_other_engine(engine):
    opened = []

    def open_next():
        opened.append(engine)
        return engine

    both = FailoverEngine(Failing(engine, 0), open_next)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: both.infer(*windows(engine)), range(12)))
    assert len(opened) == 1
    assert len({float(one.valence[0]) for one in answers}) == 1


def test_when_the_other_one_fails_too_it_is_an_error(engine):
    both = FailoverEngine(Failing(engine, 0), lambda: Failing(engine, 0))
    for _ in range(2):
        with pytest.raises(EngineError, match="illegal memory access"):
            both.infer(*windows(engine))


@pytest.mark.usefixtures("at_once")
def test_the_same_engine_opened_anew_is_no_trouble_and_may_fail_again(engine):
    engines = [Failing(engine, 1), Failing(engine, 1)]
    one = FailoverEngine(Failing(engine, 1), lambda: engines.pop(0))
    for _ in range(3):
        assert one.infer(*windows(engine)).valence[0] == 0.0
    assert one.last_error == ""
    assert engines == []


def test_engines_are_not_opened_faster_than_they_can_fail(engine):
    opened = []

    def open_next():
        opened.append(1)
        return Failing(engine, 0)

    one = FailoverEngine(Failing(engine, 0), open_next)
    for _ in range(20):
        with pytest.raises(EngineError):
            one.infer(*windows(engine))
    assert len(opened) == 1


def test_what_is_opened_by_the_configuration_can_be_replaced():
    one = open_engine()
    before = one.infer(*windows(one))
    one.replace("it hangs")
    assert one.infer(*windows(one)).valence == before.valence
    assert one.last_error == ""
