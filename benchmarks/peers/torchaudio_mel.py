"""Rolling Mel view only: torchaudio on the new 0.1 s and the window before it."""

import torch

from benchmarks.peers.protocol import STEP_SECONDS, Audio, Update, contend
from benchmarks.peers.torchaudio_transforms import torchaudio_transforms

RATE = 22050
N_FFT, HOP = 2048, 256


def prepare() -> Update:
    torch.set_num_threads(1)
    mel = torchaudio_transforms().MelSpectrogram(
        RATE, n_fft=N_FFT, hop_length=HOP, n_mels=128, center=False, norm="slaney",
        mel_scale="slaney",
    )  # fmt: skip
    reach = round(STEP_SECONDS * RATE) + N_FFT - HOP

    def update(audio: Audio, end: int) -> None:
        with torch.inference_mode():
            mel(torch.from_numpy(audio[end - reach : end])).clamp_min(1e-8).log()

    return update


if __name__ == "__main__":
    contend(RATE, prepare)
