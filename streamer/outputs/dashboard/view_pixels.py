"""Frames of both views as the dashboard draws them: a byte for each band."""

import base64

import numpy as np
from numpy.typing import NDArray

from damer.views import Frames

_MEL = (-13.0, 7.0)  # from a quiet room's noise to the loudest of music
_COCHLEAGRAM = (0.0, 0.3)


def pack_views(frames: Frames) -> dict[str, str]:
    """Return frames coded for the page.

    Each is base64 of n * bands bytes, a frame after the other, its lowest band first: 0 is the
    least that is drawn, 255 the most.
    """
    return {
        "mel": _packed(frames.mel, *_MEL),
        "cochleagram": _packed(frames.cochleagram, *_COCHLEAGRAM),
    }


def _packed(view: NDArray[np.float32], least: float, most: float) -> str:
    share = (view - least) * (255.0 / (most - least))
    return base64.b64encode(share.clip(0.0, 255.0).astype(np.uint8).tobytes()).decode()
