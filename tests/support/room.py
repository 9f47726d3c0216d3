"""Simulate a room: reverberation, distance and silence."""

import numpy as np
from numpy.typing import NDArray


def add_room(
    audio: NDArray[np.float32], rate: int, decay: float, gain_db: float, silence: float = 4.0
) -> NDArray[np.float32]:
    """Return mono audio as a distant microphone in a reverberant room captures it.

    Parameters
    ----------
    audio, rate
        Mono samples (n,), and their rate in Hz.
    decay
        Reverberation time, s; reverberation is as loud as the direct sound.
    gain_db
        Level change by the distance, dB.
    silence
        Seconds of silence before it. Default: 4.
    """
    random = np.random.default_rng(1)
    count = int(decay * rate)
    response = random.normal(size=count) * 10.0 ** (-3 * np.arange(count) / count)
    response /= np.sqrt(np.sum(response**2))
    response[0] = 1.0
    size = len(audio) + count
    spectrum = np.fft.rfft(audio, size) * np.fft.rfft(response, size)
    reverberant = np.fft.irfft(spectrum, size)[: len(audio)] * 10 ** (gain_db / 20)
    return np.concatenate([np.zeros(int(silence * rate)), reverberant]).astype(np.float32)
