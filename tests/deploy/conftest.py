"""Fixtures shared by the tests of deployment: windows of both views."""

import numpy as np
import pytest

from damer.views import FrontEnd
from damer.weights import SHIPPED_MODEL
from streamer.demo import PIECE
from streamer.engines import OnnxEngine
from training.sound.render import decode


@pytest.fixture(scope="session")
def demo_windows():
    """Forty windows of the demo piece: mel (40, bands, T) and cochleagram (40, channels, T)."""
    spec = OnnxEngine(SHIPPED_MODEL).front_end
    frames = FrontEnd(spec).push(decode(PIECE, spec.sample_rate))
    ends = np.linspace(spec.window_frames, len(frames.mel), 40).astype(int)
    return [
        np.stack([view[end - spec.window_frames : end].T for end in ends])
        for view in (frames.mel, frames.cochleagram)
    ]
