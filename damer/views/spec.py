"""What the front end hears: every number of both views in one frozen object."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontEndSpec:
    """Definition of the two views and of the window the network sees.

    Weights carry the `digest` of the spec they were trained on; an engine refuses others.

    Attributes
    ----------
    origin
        "internal": computed by `FrontEnd`. "external": ready arrays of unknown scaling, such as the
        official feature files of a data set, which no running front end can produce.
    sample_rate
        In Hz.
    hop
        Samples from one frame's end to the next; frame k of both views ends at (k + 1) * hop.
    fft_size
        Samples of the Hann window of one Mel frame.
    mel_bands, mel_low, mel_high
        Number and range in Hz of the Slaney Mel filters.
    mel_floor
        Least power before the logarithm.
    gammatone_channels, gammatone_low, gammatone_high
        Number and range in Hz of the ERB-spaced fourth-order gammatone channels.
    compression
        Exponent applied to the mean squared envelope.
    window_frames
        Frames of one window, T.
    """

    origin: Literal["internal", "external"] = "internal"
    sample_rate: int = 22050
    hop: int = 256
    fft_size: int = 2048
    mel_bands: int = 128
    mel_low: float = 0.0
    mel_high: float = 11025.0
    mel_floor: float = 1e-8
    gammatone_channels: int = 84
    gammatone_low: float = 50.0
    gammatone_high: float = 0.95 * 11025.0
    compression: float = 0.3
    window_frames: int = 258

    @property
    def digest(self) -> str:
        """Short fingerprint (16 hexadecimal digits of SHA-256) of all numbers above."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def window_seconds(self) -> float:
        """Length of the window in seconds."""
        return self.window_frames * self.hop / self.sample_rate
