"""The two views of DAMER: log-Mel spectrogram and gammatone cochleagram, incremental and exact.

NumPy and Numba only. Frames given out belong to the caller.
"""

from damer.views.frontend import Frames, FrontEnd
from damer.views.gammatone import Cochleagram
from damer.views.mel import LogMel
from damer.views.spec import FrontEndSpec

__all__ = ["Cochleagram", "Frames", "FrontEnd", "FrontEndSpec", "LogMel"]
