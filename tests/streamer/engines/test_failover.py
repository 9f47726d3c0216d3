"""An engine that fails, hangs or returns invalid estimates is replaced."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from streamer.engines import Estimate, FailoverEngine, failover, open_engine
from streamer.errors import EngineError


class Failing:
    """Engine that fails, or returns an invalid estimate, after a number of calls."""

    def __init__(self, engine, times, name="a GPU", invalid=None):
        self.name, self.model, self.last_error = name, engine.model, ""
        self.front_end, self.smoothing = engine.front_end, engine.smoothing
        self.left = times
        self.invalid = invalid

    def infer(self, mel, cochleagram):
        self.left -= 1
        zeros = np.zeros(len(mel), np.float32)
        if self.left >= 0:
            return Estimate(zeros, zeros, zeros + 0.1, zeros + 0.1)
        if self.invalid is not None:
            return Estimate(*(zeros + number for number in self.invalid))
        raise RuntimeError("CUDA: an illegal memory access was encountered")


def windows(engine, count=1):
    spec = engine.front_end
    return (
        np.zeros((count, spec.mel_bands, spec.window_frames), np.float32),
        np.zeros((count, spec.gammatone_channels, spec.window_frames), np.float32),
    )


@pytest.fixture
def without_interval(monkeypatch):
    monkeypatch.setattr(failover, "MIN_REPLACE_INTERVAL", 0.0)


def test_the_fallback_takes_over_when_the_gpu_fails(engine, caplog):
    both = FailoverEngine(Failing(engine, 2), lambda: engine)
    for _ in range(2):
        assert both.infer(*windows(engine)).valence[0] == 0.0
    assert (both.name, both.last_error) == ("a GPU", "")
    expected = engine.infer(*windows(engine))
    for _ in range(3):
        assert both.infer(*windows(engine)).valence == expected.valence
    assert both.name == engine.name
    assert "illegal memory access" in both.last_error
    assert caplog.text.count("continuing with") == 1


@pytest.mark.parametrize(
    "invalid",
    [(np.nan, 0, 1, 1), (0, np.inf, 1, 1), (0, 1.5, 1, 1), (0, 0, 0, 1), (0, 0, 1, np.inf)],
)
def test_an_invalid_estimate_is_a_failure(engine, invalid):
    both = FailoverEngine(Failing(engine, 0, invalid=invalid), lambda: engine)
    answer = both.infer(*windows(engine))
    assert answer.valence == engine.infer(*windows(engine)).valence
    assert "not finite, or out of range" in both.last_error


def test_concurrent_failures_open_one_replacement(engine):
    opened = []

    def open_next():
        opened.append(engine)
        return engine

    both = FailoverEngine(Failing(engine, 0), open_next)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: both.infer(*windows(engine)), range(12)))
    assert len(opened) == 1
    assert len({float(one.valence[0]) for one in answers}) == 1


def test_a_failing_replacement_is_an_error(engine):
    both = FailoverEngine(Failing(engine, 0), lambda: Failing(engine, 0))
    for _ in range(2):
        with pytest.raises(EngineError, match="illegal memory access"):
            both.infer(*windows(engine))


@pytest.mark.usefixtures("without_interval")
def test_a_reopened_engine_reports_no_error_and_may_fail_again(engine):
    engines = [Failing(engine, 1), Failing(engine, 1)]
    one = FailoverEngine(Failing(engine, 1), lambda: engines.pop(0))
    for _ in range(3):
        assert one.infer(*windows(engine)).valence[0] == 0.0
    assert one.last_error == ""
    assert engines == []


def test_replacements_are_rate_limited(engine):
    opened = []

    def open_next():
        opened.append(1)
        return Failing(engine, 0)

    one = FailoverEngine(Failing(engine, 0), open_next)
    for _ in range(20):
        with pytest.raises(EngineError):
            one.infer(*windows(engine))
    assert len(opened) == 1


def test_an_engine_from_the_configuration_can_be_replaced():
    one = open_engine()
    before = one.infer(*windows(one))
    one.replace("it hangs")
    assert one.infer(*windows(one)).valence == before.valence
    assert one.last_error == ""
