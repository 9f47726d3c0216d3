"""Both views of the last three seconds, recomputed: librosa's Mel, the package gammatone's ERB.

Both with our parameters: 128 Mel bands, 84 channels, 2,048 samples of window and 256 of hop.
"""

import librosa
import numpy as np
from gammatone.gtgram import gtgram

from benchmarks.peers.protocol import Audio, Update, contend, last_window

RATE = 22050


def prepare() -> Update:
    def update(audio: Audio, end: int) -> None:
        window = last_window(audio, end, RATE)
        power = librosa.feature.melspectrogram(
            y=window, sr=RATE, n_fft=2048, hop_length=256, n_mels=128, center=False
        )
        np.log(np.maximum(power, 1e-8))
        gtgram(window, RATE, window_time=256 / RATE, hop_time=256 / RATE, channels=84, f_min=50)

    return update


if __name__ == "__main__":
    contend(RATE, prepare)
