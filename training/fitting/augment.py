"""What may happen to a window before the network sees it in training."""

import sys
import types
from typing import Any

import numpy as np
import torch
from torch import Tensor

from damer.views.gammatone import centre_frequencies
from damer.views.mel import hz_to_mel, mel_to_hz
from training.fitting.recipe import Recipe

_EQUALISER_POINTS_HZ = (60.0, 150.0, 400.0, 1000.0, 2500.0, 6000.0)
_LOG_POWER_OF_DB = np.log(10.0) / 10.0


def spec_augment_masks() -> Any:
    """Give torchaudio's masking transforms.

    torchaudio's wheel is linked to CUDA and does not import beside a CPU-only torch; its Python
    transforms need nothing of that, so the extension module is replaced by an inert one.
    """
    if not torch.cuda.is_available() and "torchaudio" not in sys.modules:
        inert = types.ModuleType("torchaudio._extension")
        inert.__dict__.update(
            _IS_TORCHAUDIO_EXT_AVAILABLE=False,
            _IS_ALIGN_AVAILABLE=False,
            _check_cuda_version=lambda: None,
            fail_if_no_align=lambda function: function,
        )
        sys.modules["torchaudio._extension"] = inert
    from torchaudio import transforms

    return transforms


class Augment:
    """Random gain and equaliser, the same for both views, then SpecAugment on each alone.

    Gain and equaliser are exact in the views' own domain but for the Mel floor: decibels add to the
    logarithm of power and multiply the compressed envelope. SpecAugment: Park et al., 2019.
    """

    def __init__(self, recipe: Recipe, seed: int) -> None:
        self._recipe = recipe
        self._random = np.random.default_rng(seed)
        spec = recipe.front_end
        edges = hz_to_mel(np.array([spec.mel_low, spec.mel_high]))
        mel_centres = mel_to_hz(np.linspace(edges[0], edges[1], spec.mel_bands + 2)[1:-1])
        points = np.log(_EQUALISER_POINTS_HZ)
        self._mel_mix = _interpolation(points, np.log(mel_centres))
        self._cochleagram_mix = _interpolation(points, np.log(centre_frequencies(spec)))
        self._spec = spec
        transforms = spec_augment_masks()
        self._masks = (
            transforms.TimeMasking(recipe.mask_frames, iid_masks=True, p=0.4),
            transforms.FrequencyMasking(recipe.mask_bands, iid_masks=True),
        )

    def __call__(self, mel: Tensor, cochleagram: Tensor) -> tuple[Tensor, Tensor]:
        """Change mel (B, mel_bands, T) and cochleagram (B, gammatone_channels, T), as copies."""
        recipe, count = self._recipe, len(mel)
        gain = self._random.uniform(-recipe.gain_db, recipe.gain_db, (count, 1))
        ripple = self._random.uniform(-1, 1, (count, len(_EQUALISER_POINTS_HZ)))
        ripple *= recipe.equaliser_db
        mel_db = torch.from_numpy(gain + ripple @ self._mel_mix.T).float()[:, :, None]
        tone_db = torch.from_numpy(gain + ripple @ self._cochleagram_mix.T).float()[:, :, None]
        mel = (mel + mel_db * _LOG_POWER_OF_DB).clamp_min(float(np.log(self._spec.mel_floor)))
        exponent = tone_db * (_LOG_POWER_OF_DB * self._spec.compression)
        return self._mask(mel), self._mask(cochleagram * exponent.exp())

    def _mask(self, view: Tensor) -> Tensor:
        fill = view.mean(dim=(1, 2), keepdim=True)
        centred = (view - fill)[:, None]  # (B, 1, bands, T): a mask of its own for each window
        for mask in self._masks:
            centred = mask(centred)
        return centred[:, 0] + fill


def _interpolation(points: Any, at: Any) -> Any:
    return np.stack([np.interp(at, points, row) for row in np.eye(len(points))], axis=1)
