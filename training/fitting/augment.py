"""Augment windows in training: gain, equaliser, room, noise, babble, codec, SpecAugment."""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from damer.views import FrontEnd, FrontEndSpec
from damer.views.gammatone import erb_centre_frequencies
from damer.views.mel import hz_to_mel, mel_to_hz
from training.fitting.recipe import Recipe
from training.sound.venue import training_babble

_EQUALISER_POINTS_HZ = (60.0, 150.0, 400.0, 1000.0, 2500.0, 6000.0)
_POWER_OF_DB = np.log(10.0) / 10.0
_NOISE_BELOW_DB = (0.0, 40.0)
_BABBLE_BELOW_DB, _BABBLE_VOICES, _BABBLE_SECONDS = (0.0, 25.0), (1, 4, 24), 60
_LOG_ROOM_SECONDS, _ROOM_DB = (math.log(0.3), math.log(3.0)), (-14.0, 0.0)
_CODEC_HZ, _CODEC_DB_PER_OCTAVE = (5000.0, 10000.0), 60.0
_MAX_MASKED_SHARE = 0.4  # of a window's frames
_CODEC, _ADDITION, _MASK = 2, 4, 4  # uniform numbers of a window that each uses
AUGMENT_UNIFORMS = _CODEC + 3 * _ADDITION + 1 + len(_EQUALISER_POINTS_HZ) + 2 * _MASK

Uniform = NDArray[np.float64]  # one number in [0, 1) for each window, (B,)
NextUniforms = Callable[[int], NDArray[np.float64]]


class Augment:
    """Augment both views alike by codec, room, noise, babble, equaliser, gain; each by SpecAugment.

    All of it is applied to band powers, so that cached frames can be used. Gain and equaliser are
    exact but for the Mel floor; noise and babble add their power; a room smears power by its energy
    decay; a codec is a low-pass. SpecAugment: Park et al., 2019.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._settings = recipe.augmentation
        self._spec = spec = recipe.front_end
        centres = _band_centres(spec)
        points = np.log(_EQUALISER_POINTS_HZ)
        self._octaves = torch.from_numpy(np.log2(centres)).float()
        self._equaliser = np.stack(
            [np.interp(np.log(centres), points, row) for row in np.eye(len(points))], axis=1
        )
        self._noise = torch.from_numpy(_white_noise_power(spec)).float()

    def __call__(
        self, mel: Tensor, cochleagram: Tensor, uniforms: NDArray[np.float64]
    ) -> tuple[Tensor, Tensor]:
        """Augment copies of mel (B, mel_bands, T) and cochleagram (B, gammatone_channels, T).

        The augmentation of a window depends only on the last `AUGMENT_UNIFORMS` numbers of its row
        of `uniforms`.
        """
        columns = iter(uniforms[:, -AUGMENT_UNIFORMS:].T)

        def next_uniforms(count: int) -> NDArray[np.float64]:
            return np.stack([next(columns) for _ in range(count)])  # (count, B)

        if self._spec.origin == "internal":  # the scaling of others is unknown
            mel, cochleagram = self._change_power(mel.clone(), cochleagram.clone(), next_uniforms)
        masked = self._mask(mel, next_uniforms(_MASK))
        return masked, self._mask(cochleagram, next_uniforms(_MASK))

    def _change_power(
        self, mel: Tensor, cochleagram: Tensor, next_uniforms: NextUniforms
    ) -> tuple[Tensor, Tensor]:
        """Apply all but SpecAugment to both views, in place."""
        settings = self._settings
        mel, cochleagram = self._amplify(mel, cochleagram, self._codec(*next_uniforms(_CODEC)))
        additions = (
            (settings.room, self._reverberation),
            (settings.noise, self._coloured_noise),
            (settings.people, self._babble),
        )
        for share, added_power in additions:
            chosen, *parameters = next_uniforms(_ADDITION)
            rows = np.flatnonzero(chosen < share)
            if len(rows):
                power = torch.cat(
                    [mel[rows].exp(), cochleagram[rows].pow(1 / self._spec.compression)], dim=1
                )
                power += added_power(power, *(column[rows] for column in parameters))
                mel[rows] = power[:, : self._spec.mel_bands].log()
                cochleagram[rows] = power[:, self._spec.mel_bands :].pow(self._spec.compression)
        (gain,) = _scale((-settings.gain_db, settings.gain_db), next_uniforms(1))
        limits = (-settings.equaliser_db, settings.equaliser_db)
        points = _scale(limits, next_uniforms(len(_EQUALISER_POINTS_HZ)))
        ripple = points.T @ self._equaliser.T
        return self._amplify(mel, cochleagram, torch.from_numpy(gain[:, None] + ripple).float())

    def _amplify(self, mel: Tensor, cochleagram: Tensor, decibels: Tensor) -> tuple[Tensor, Tensor]:
        """Amplify each band by its gain in dB, (B, mel_bands + gammatone_channels)."""
        exponent = (_POWER_OF_DB * decibels)[:, :, None]
        bands = self._spec.mel_bands
        louder = (mel + exponent[:, :bands]).clamp_min(float(np.log(self._spec.mel_floor)))
        return louder, cochleagram * (exponent[:, bands:] * self._spec.compression).exp()

    def _codec(self, chosen: Uniform, edge: Uniform) -> Tensor:
        """Gains in dB of a low-pass with a random edge, 0 for windows not chosen, (B, bands)."""
        octave = torch.from_numpy(np.log2(_scale(_CODEC_HZ, edge))).float()
        above = (self._octaves[None] - octave[:, None]).clamp_min(0.0)
        return (
            -_CODEC_DB_PER_OCTAVE * above * torch.from_numpy(chosen < self._settings.codec)[:, None]
        )

    def _reverberation(self, power: Tensor, length: Uniform, level: Uniform, _: Uniform) -> Tensor:
        """Power of diffuse reverberation: convolution with an exponential decay."""
        seconds = np.exp(_scale(_LOG_ROOM_SECONDS, length))[:, None]
        frames = np.arange(power.shape[-1]) * self._spec.hop / self._spec.sample_rate
        decay = np.exp(-6.0 * np.log(10.0) * frames / seconds)
        wet = 10 ** (_scale(_ROOM_DB, level)[:, None] / 10)
        kernel = torch.from_numpy(wet * decay / decay.sum(axis=1, keepdims=True)).float()
        size = 2 * power.shape[-1]
        spectrum = torch.fft.rfft(power, size) * torch.fft.rfft(kernel, size)[:, None]
        tail: Tensor = torch.fft.irfft(spectrum, size)[..., : power.shape[-1]]
        return tail.clamp_min_(0.0)

    def _coloured_noise(self, power: Tensor, tilt: Uniform, level: Uniform, _: Uniform) -> Tensor:
        """Power of noise with a random tilt of -6 to 0 dB an octave, at a random level."""
        slope = torch.from_numpy(_scale((-6.0, 0.0), tilt)).float()[:, None]
        coloured = self._noise * (slope * _POWER_OF_DB * (self._octaves - 10.0)).exp()
        bands = self._spec.mel_bands
        louder = power[:, :bands].mean(dim=2).sum(dim=1) / coloured[:, :bands].sum(dim=1)
        below = torch.from_numpy(_scale(_NOISE_BELOW_DB, level)).float()
        noise: Tensor = coloured * (louder * (-below * _POWER_OF_DB).exp())[:, None]
        return noise[:, :, None]

    def _babble(self, power: Tensor, place: Uniform, kind: Uniform, level: Uniform) -> Tensor:
        """Power of one voice, a table or a crowd, at a random level below the music's."""
        bank = _babble_power(self._spec)  # (kinds, bands, frames)
        frames, bands = power.shape[-1], self._spec.mel_bands
        starts = (place * (bank.shape[-1] - frames + 1)).astype(np.int64)
        kinds = (kind * len(bank)).astype(np.int64)
        loudness = bank[:, :bands].mean(dim=2).sum(dim=1)[kinds]
        louder = power[:, :bands].mean(dim=2).sum(dim=1) / loudness
        below = torch.from_numpy(_scale(_BABBLE_BELOW_DB, level)).float()
        babble = torch.stack(
            [bank[k, :, at : at + frames] for k, at in zip(kinds, starts, strict=True)]
        )
        added: Tensor = babble * (louder * (-below * _POWER_OF_DB).exp())[:, None, None]
        return added

    def _mask(self, view: Tensor, uniforms: NDArray[np.float64]) -> Tensor:
        """Replace a range of frames and one of bands of each window by its mean (SpecAugment)."""
        bands, frames = view.shape[1:]
        max_frames = min(self._settings.mask_frames, int(_MAX_MASKED_SHARE * frames))
        over_time = _random_range(frames, max_frames, *uniforms[:2])[:, None]
        over_bands = _random_range(bands, self._settings.mask_bands, *uniforms[2:])[:, :, None]
        return torch.where(over_time | over_bands, view.mean(dim=(1, 2), keepdim=True), view)


def _scale(limits: tuple[float, float], uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale uniform numbers to a range."""
    low, high = limits
    return low + (high - low) * uniforms


def _random_range(size: int, longest: int, length: Uniform, place: Uniform) -> Tensor:
    """Mask of a random range of `size` indices, shorter than `longest`, (B, size)."""
    extent = length * longest
    start = np.floor(place * (size - extent))[:, None]
    indices = np.arange(size)
    return torch.from_numpy((indices >= start) & (indices < start + np.floor(extent)[:, None]))


def _band_centres(spec: FrontEndSpec) -> NDArray[np.float64]:
    """Centre frequencies in Hz of all bands, (mel_bands + gammatone_channels,)."""
    edges = hz_to_mel(np.array([spec.mel_low, spec.mel_high]))
    mel = mel_to_hz(np.linspace(edges[0], edges[1], spec.mel_bands + 2)[1:-1])
    return np.concatenate([mel, erb_centre_frequencies(spec)])


@lru_cache(maxsize=4)
def _white_noise_power(spec: FrontEndSpec) -> NDArray[np.float64]:
    """Mean power of white noise in each band of both views, measured with the front end."""
    audio = np.random.default_rng(0).standard_normal(4 * spec.sample_rate).astype(np.float32)
    after_onset = slice(spec.sample_rate // spec.hop, None)
    mean: NDArray[np.float64] = _band_power(spec, 0.1 * audio)[after_onset].mean(axis=0)
    return mean


@lru_cache(maxsize=2)
def _babble_power(spec: FrontEndSpec) -> Tensor:
    """Power of babble in each band of both views, (kinds, bands, frames)."""
    random = np.random.default_rng(0)
    kinds = []
    for voices in _BABBLE_VOICES:
        count = _BABBLE_SECONDS * spec.sample_rate
        babble = training_babble(voices, count, spec.sample_rate, random)
        kinds.append(_band_power(spec, 0.1 * babble / babble.std()).T)
    return torch.from_numpy(np.stack(kinds)).float()


def _band_power(spec: FrontEndSpec, audio: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power in each band of both views, (frames, mel_bands + gammatone_channels)."""
    frames = FrontEnd(spec).push(audio)
    mel = np.exp(frames.mel.astype(np.float64))
    return np.concatenate(
        [mel, frames.cochleagram.astype(np.float64) ** (1 / spec.compression)], axis=1
    )
