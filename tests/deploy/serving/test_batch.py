"""Run requests of several streamers in one batch."""

import numpy as np
import pytest

from deploy.serving.batch import InferenceRequest, count_windows, infer_requests
from streamer.engines import open_engine
from streamer.errors import EngineError


@pytest.fixture(scope="module")
def engine():
    return open_engine()


@pytest.fixture(scope="module")
def requests(demo_windows):
    mel, cochleagram = demo_windows
    cuts = [(0, 1), (1, 4), (4, 6)]
    return [
        InferenceRequest(mel[a:b], cochleagram[a:b], expires)
        for (a, b), expires in zip(cuts, (9, 1, 9), strict=True)
    ]


def test_each_request_gets_its_own_estimates_and_an_expired_one_none(engine, requests):
    assert count_windows(requests) == 6
    first, late, last = infer_requests(engine, requests, now=5.0)
    assert isinstance(late, EngineError)
    assert str(late) == "too late"
    for request, found in ((requests[0], first), (requests[2], last)):
        single = engine.infer(request.mel, request.cochleagram)
        np.testing.assert_allclose(found.valence, single.valence, atol=1e-6)
        np.testing.assert_allclose(found.arousal_std, single.arousal_std, atol=1e-6)


def test_the_engine_is_not_called_for_expired_requests(requests):
    assert all(str(found) == "too late" for found in infer_requests(None, requests, now=10.0))


def test_an_engine_error_is_returned_for_every_request(requests):
    class Broken:
        def infer(self, mel, cochleagram):
            raise EngineError("off the bus")

    assert [str(found) for found in infer_requests(Broken(), requests, now=0.0)] == [
        "off the bus"
    ] * 3
