"""Front-end specification: every parameter of both views in one frozen object."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontEndSpec:
    """Parameters of the two views and of the network's window.

    Weights carry the `digest` of the spec they were trained on; an engine refuses others.

    Attributes
    ----------
    origin
        "internal": frames computed by `FrontEnd`. "external": feature arrays of unknown scaling,
        such as a data set's own files, which `FrontEnd` cannot compute.
    sample_rate
        Hz.
    hop
        Samples per frame; frame k of both views ends at sample (k + 1) * hop.
    fft_size
        Length of the Hann window of a Mel frame, samples.
    mel_bands, mel_low, mel_high
        Number and frequency range (Hz) of the Slaney Mel filters.
    mel_floor
        Lower limit of the power before the logarithm.
    gammatone_channels, gammatone_low, gammatone_high
        Number and frequency range (Hz) of the ERB-spaced fourth-order gammatone channels.
    compression
        Exponent of the mean squared envelope.
    window_frames
        Frames per window, T.
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
        """Digest of all parameters: the first 16 hexadecimal digits of a SHA-256."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def window_seconds(self) -> float:
        """Length of the window, s."""
        return self.window_frames * self.hop / self.sample_rate
