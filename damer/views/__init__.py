"""Incremental log-Mel spectrogram and gammatone cochleagram, bit-identical for any block size.

Needs NumPy and Numba only. Returned frames belong to the caller.
"""

from damer.views.frontend import Frames, FrontEnd
from damer.views.gammatone import Cochleagram
from damer.views.mel import LogMel
from damer.views.spec import FrontEndSpec

__all__ = ["Cochleagram", "Frames", "FrontEnd", "FrontEndSpec", "LogMel"]
