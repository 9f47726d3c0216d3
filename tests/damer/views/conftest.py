"""Fixtures of the view tests: the specification and test signals."""

import numpy as np
import pytest

from damer.views import FrontEndSpec


@pytest.fixture(scope="session")
def spec():
    return FrontEndSpec()


@pytest.fixture(scope="session")
def signals(spec):
    """One and a half seconds of several signals, float32, by name."""
    random = np.random.default_rng(0)
    time = np.arange(3 * spec.sample_rate // 2) / spec.sample_rate
    tones = sum(np.sin(2 * np.pi * hertz * time) for hertz in (55.0, 440.0, 3520.0, 9000.0))
    clicks = np.zeros(len(time))
    clicks[:: spec.sample_rate // 7] = 0.9
    kinds = {
        "noise": 0.3 * random.standard_normal(len(time)),
        "faint noise": 1e-4 * random.standard_normal(len(time)),
        "tones": 0.2 * tones,
        "clicks": clicks,
    }
    return {name: np.clip(signal, -1, 1).astype(np.float32) for name, signal in kinds.items()}
