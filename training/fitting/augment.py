"""What may happen to a window before the network sees it in training."""

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
from training.sound.venue import training_talk

_EQUALISER_POINTS_HZ = (60.0, 150.0, 400.0, 1000.0, 2500.0, 6000.0)
_POWER_OF_DB = np.log(10.0) / 10.0
_NOISE_BELOW_DB = (0.0, 40.0)
_PEOPLE_BELOW_DB, _PEOPLE, _TALK_SECONDS = (0.0, 25.0), (1, 4, 24), 60
_LOG_ROOM_SECONDS, _ROOM_DB = (math.log(0.3), math.log(3.0)), (-14.0, 0.0)
_CODEC_HZ, _CODEC_DB_PER_OCTAVE = (5000.0, 10000.0), 60.0
_MOST_MASKED = 0.4  # of a window's frames
_CODEC, _ADDITION, _MASK = 2, 4, 4  # numbers that each of them takes of a window's
CHANGES = _CODEC + 3 * _ADDITION + 1 + len(_EQUALISER_POINTS_HZ) + 2 * _MASK

Chance = NDArray[np.float64]  # of each window a number in [0, 1)
Take = Callable[[int], NDArray[np.float64]]


class Augment:
    """Codec, room, noise, people, equaliser and gain, alike for both views; SpecAugment on each.

    All is done to the power of each band, so that cached frames serve. Gain and equaliser are exact
    but for the Mel floor; noise adds its expected power, people that of their talk; a room smears
    power by its energy decay; a codec is its low-pass. SpecAugment: Park et al., 2019.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._what = recipe.augmentation
        self._spec = spec = recipe.front_end
        centres = _band_centres(spec)
        points = np.log(_EQUALISER_POINTS_HZ)
        self._octaves = torch.from_numpy(np.log2(centres)).float()
        self._equaliser = np.stack(
            [np.interp(np.log(centres), points, row) for row in np.eye(len(points))], axis=1
        )
        self._noise = torch.from_numpy(_white_noise_power(spec)).float()

    def __call__(
        self, mel: Tensor, cochleagram: Tensor, chances: NDArray[np.float64]
    ) -> tuple[Tensor, Tensor]:
        """Change mel (B, mel_bands, T) and cochleagram (B, gammatone_channels, T), as copies.

        What happens to a window hangs on its row of `chances` alone, of which the last `CHANGES`
        numbers count, in [0, 1).
        """
        columns = iter(chances[:, -CHANGES:].T)

        def take(count: int) -> NDArray[np.float64]:
            return np.stack([next(columns) for _ in range(count)])  # (count, B)

        if self._spec.origin == "internal":  # others are of unknown scaling
            mel, cochleagram = self._treat(mel.clone(), cochleagram.clone(), take)
        return self._mask(mel, take(_MASK)), self._mask(cochleagram, take(_MASK))

    def _treat(self, mel: Tensor, cochleagram: Tensor, take: Take) -> tuple[Tensor, Tensor]:
        """Do what is alike for both views, in place."""
        what = self._what
        mel, cochleagram = self._amplify(mel, cochleagram, self._codec(*take(_CODEC)))
        additions = ((what.room, self._tail), (what.noise, self._hiss), (what.people, self._talk))
        for share, added in additions:
            chosen, *how = take(_ADDITION)
            rows = np.flatnonzero(chosen < share)
            if len(rows):
                power = torch.cat(
                    [mel[rows].exp(), cochleagram[rows].pow(1 / self._spec.compression)], dim=1
                )
                power += added(power, *(column[rows] for column in how))
                mel[rows] = power[:, : self._spec.mel_bands].log()
                cochleagram[rows] = power[:, self._spec.mel_bands :].pow(self._spec.compression)
        (gain,) = _between((-what.gain_db, what.gain_db), take(1))
        limits = (-what.equaliser_db, what.equaliser_db)
        ripple = _between(limits, take(len(_EQUALISER_POINTS_HZ))).T @ self._equaliser.T
        return self._amplify(mel, cochleagram, torch.from_numpy(gain[:, None] + ripple).float())

    def _amplify(self, mel: Tensor, cochleagram: Tensor, decibels: Tensor) -> tuple[Tensor, Tensor]:
        """Amplify every band by its own decibels, (B, mel_bands + gammatone_channels)."""
        exponent = (_POWER_OF_DB * decibels)[:, :, None]
        bands = self._spec.mel_bands
        louder = (mel + exponent[:, :bands]).clamp_min(float(np.log(self._spec.mel_floor)))
        return louder, cochleagram * (exponent[:, bands:] * self._spec.compression).exp()

    def _codec(self, chosen: Chance, edge: Chance) -> Tensor:
        """Decibels of a low-pass from a random edge, none where not chosen, (B, bands)."""
        octave = torch.from_numpy(np.log2(_between(_CODEC_HZ, edge))).float()
        above = (self._octaves[None] - octave[:, None]).clamp_min(0.0)
        return -_CODEC_DB_PER_OCTAVE * above * torch.from_numpy(chosen < self._what.codec)[:, None]

    def _tail(self, power: Tensor, length: Chance, level: Chance, _: Chance) -> Tensor:
        """Diffuse tail of a room: power convolved with the decay of its reverberation time."""
        seconds = np.exp(_between(_LOG_ROOM_SECONDS, length))[:, None]
        frames = np.arange(power.shape[-1]) * self._spec.hop / self._spec.sample_rate
        decay = np.exp(-6.0 * np.log(10.0) * frames / seconds)
        wet = 10 ** (_between(_ROOM_DB, level)[:, None] / 10)
        kernel = torch.from_numpy(wet * decay / decay.sum(axis=1, keepdims=True)).float()
        size = 2 * power.shape[-1]
        spectrum = torch.fft.rfft(power, size) * torch.fft.rfft(kernel, size)[:, None]
        tail: Tensor = torch.fft.irfft(spectrum, size)[..., : power.shape[-1]]
        return tail.clamp_min_(0.0)

    def _hiss(self, power: Tensor, tilt: Chance, level: Chance, _: Chance) -> Tensor:
        """Noise of a random tilt, -6 to 0 dB an octave, at a random level below the music's."""
        slope = torch.from_numpy(_between((-6.0, 0.0), tilt)).float()[:, None]
        coloured = self._noise * (slope * _POWER_OF_DB * (self._octaves - 10.0)).exp()
        bands = self._spec.mel_bands
        louder = power[:, :bands].mean(dim=2).sum(dim=1) / coloured[:, :bands].sum(dim=1)
        below = torch.from_numpy(_between(_NOISE_BELOW_DB, level)).float()
        noise: Tensor = coloured * (louder * (-below * _POWER_OF_DB).exp())[:, None]
        return noise[:, :, None]

    def _talk(self, power: Tensor, place: Chance, kind: Chance, level: Chance) -> Tensor:
        """One person, a table or a crowd, at a random level below the music's."""
        bank = _talk_power(self._spec)  # (kinds, bands, frames)
        frames, bands = power.shape[-1], self._spec.mel_bands
        starts = (place * (bank.shape[-1] - frames + 1)).astype(np.int64)
        kinds = (kind * len(bank)).astype(np.int64)
        loudness = bank[:, :bands].mean(dim=2).sum(dim=1)[kinds]
        louder = power[:, :bands].mean(dim=2).sum(dim=1) / loudness
        below = torch.from_numpy(_between(_PEOPLE_BELOW_DB, level)).float()
        talk = torch.stack(
            [bank[k, :, at : at + frames] for k, at in zip(kinds, starts, strict=True)]
        )
        added: Tensor = talk * (louder * (-below * _POWER_OF_DB).exp())[:, None, None]
        return added

    def _mask(self, view: Tensor, chances: NDArray[np.float64]) -> Tensor:
        """Mask a stretch of frames and one of bands of each window by its mean."""
        bands, frames = view.shape[1:]
        longest = min(self._what.mask_frames, int(_MOST_MASKED * frames))
        over_time = _stretch(frames, longest, *chances[:2])[:, None]
        over_bands = _stretch(bands, self._what.mask_bands, *chances[2:])[:, :, None]
        return torch.where(over_time | over_bands, view.mean(dim=(1, 2), keepdim=True), view)


def _between(limits: tuple[float, float], chances: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = limits
    return low + (high - low) * chances


def _stretch(size: int, longest: int, length: Chance, place: Chance) -> Tensor:
    """Which of `size` places a random stretch covers, shorter than `longest`, (B, size)."""
    extent = length * longest
    start = np.floor(place * (size - extent))[:, None]
    places = np.arange(size)
    return torch.from_numpy((places >= start) & (places < start + np.floor(extent)[:, None]))


def _band_centres(spec: FrontEndSpec) -> NDArray[np.float64]:
    """Centre in Hz of every Mel band and gammatone channel, (mel_bands + gammatone_channels,)."""
    edges = hz_to_mel(np.array([spec.mel_low, spec.mel_high]))
    mel = mel_to_hz(np.linspace(edges[0], edges[1], spec.mel_bands + 2)[1:-1])
    return np.concatenate([mel, erb_centre_frequencies(spec)])


@lru_cache(maxsize=4)
def _white_noise_power(spec: FrontEndSpec) -> NDArray[np.float64]:
    """Mean power of white noise in every band of both views, heard by the front end itself."""
    sound = np.random.default_rng(0).standard_normal(4 * spec.sample_rate).astype(np.float32)
    settled = slice(spec.sample_rate // spec.hop, None)
    mean: NDArray[np.float64] = _band_power(spec, 0.1 * sound)[settled].mean(axis=0)
    return mean


@lru_cache(maxsize=2)
def _talk_power(spec: FrontEndSpec) -> Tensor:
    """Power of talk in every band of both views, (kinds, bands, frames)."""
    random = np.random.default_rng(0)
    kinds = []
    for people in _PEOPLE:
        talk = training_talk(people, _TALK_SECONDS * spec.sample_rate, spec.sample_rate, random)
        kinds.append(_band_power(spec, 0.1 * talk / talk.std()).T)
    return torch.from_numpy(np.stack(kinds)).float()


def _band_power(spec: FrontEndSpec, sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power in every band of both views, (frames, mel_bands + gammatone_channels)."""
    frames = FrontEnd(spec).push(sound)
    mel = np.exp(frames.mel.astype(np.float64))
    return np.concatenate(
        [mel, frames.cochleagram.astype(np.float64) ** (1 / spec.compression)], axis=1
    )
