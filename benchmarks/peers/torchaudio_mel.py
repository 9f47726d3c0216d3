"""The Mel view alone, rolling: torchaudio on the new tenth of a second and the window before it."""

import sys
import types

import torch

from benchmarks.peers.protocol import STEP_SECONDS, Sound, Update, contend

RATE = 22050
N_FFT, HOP = 2048, 256


def prepare() -> Update:
    torch.set_num_threads(1)
    if not torch.cuda.is_available():  # torchaudio's wheel wants CUDA; its transforms do not
        inert = types.ModuleType("torchaudio._extension")
        inert.__dict__.update(
            _IS_TORCHAUDIO_EXT_AVAILABLE=False,
            _IS_ALIGN_AVAILABLE=False,
            _check_cuda_version=lambda: None,
            fail_if_no_align=lambda function: function,
        )
        sys.modules["torchaudio._extension"] = inert
    from torchaudio.transforms import MelSpectrogram

    mel = MelSpectrogram(
        RATE, n_fft=N_FFT, hop_length=HOP, n_mels=128, center=False, norm="slaney",
        mel_scale="slaney",
    )  # fmt: skip
    reach = round(STEP_SECONDS * RATE) + N_FFT - HOP

    def update(sound: Sound, end: int) -> None:
        with torch.inference_mode():
            mel(torch.from_numpy(sound[end - reach : end])).clamp_min(1e-8).log()

    return update


if __name__ == "__main__":
    contend(RATE, prepare)
