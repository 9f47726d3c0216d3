"""Simulate venues on audio: level changes, reverberation, talking people, MP3 coding."""

import io
import subprocess
import zlib
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import fftconvolve

Audio = NDArray[np.float32]
Venue = Callable[[Audio, int, np.random.Generator], Audio]

_DIRECT_TO_REVERBERANT_DB = 0.0  # some metres from the loudspeaker
_CROWD_VOICES = 24
_VOICES = ("en", "en+f2", "en+m3", "en+f4", "en+m7", "en-us", "en-us+f3", "en+m1")
_SENTENCES = (
    "Did you see them last year? They were playing outside, and it rained all evening.",
    "Two beers and a glass of water, please. No, we are standing over there, by the door.",
    "I told her that we would meet after the second song, but she has not called me back yet.",
    "This is my favourite one. Wait until the strings come in, you will not believe it.",
    "Where did you leave your coat? The cloakroom closes at eleven, as far as I know.",
    "Good evening everybody, and thank you for coming. We have a few announcements to make.",
)
_TRAINING_VOICES = ("en-gb-scotland", "en-us+f1", "en+m2", "en+f3", "en-us+m4", "en+m5", "en-us+f5")
_TRAINING_SENTENCES = (
    "Could you hold my jacket for a moment? I will be right back.",
    "It must have been twenty years ago, in that small place near the harbour.",
    "No, really? He never told me about it, not a word.",
    "Three more over here, thanks, and keep the change.",
    "Ladies and gentlemen, we will start again in a quarter of an hour.",
    "They turned it up a little, did they not? I can hardly hear you.",
)


def simulate_venue(name: str, audio: Audio, rate: int, seed_text: str) -> Audio:
    """Apply `VENUES[name]` to mono audio, (n,); randomness depends on `seed_text` only."""
    return VENUES[name](audio, rate, np.random.default_rng(zlib.crc32(seed_text.encode())))


def _apply_gain(decibels: float, audio: Audio, _rate: int, _random: np.random.Generator) -> Audio:
    louder: Audio = audio * np.float32(10 ** (decibels / 20))
    return louder


def _add_room(seconds: float, audio: Audio, rate: int, random: np.random.Generator) -> Audio:
    """Add diffuse reverberation: noise that decays by 60 dB in a time (Moorer, CMJ 3, 1979)."""
    count = int(seconds * rate)
    tail = random.standard_normal(count) * 10 ** (-3.0 * np.arange(count) / count)
    tail *= 10 ** (-_DIRECT_TO_REVERBERANT_DB / 20) / np.sqrt(np.sum(tail**2))
    wet = fftconvolve(audio, tail)[: len(audio)]
    mixed: Audio = ((audio + wet) * np.sqrt(0.5)).astype(np.float32)
    return mixed


def _add_people(
    voices: int, below_db: float, audio: Audio, rate: int, random: np.random.Generator
) -> Audio:
    """Add babble of a number of voices, some dB below the music's RMS."""
    babble = _babble(voices, len(audio), rate, random, _VOICES, _SENTENCES)
    level = np.sqrt(np.mean(audio**2.0) / max(np.mean(babble**2), 1e-12)) * 10 ** (-below_db / 20)
    mixed: Audio = (audio + level * babble).astype(np.float32)
    return mixed


def training_babble(voices: int, count: int, rate: int, random: np.random.Generator) -> Audio:
    """Synthesise babble, (count,), with other voices and sentences than the evaluation's."""
    babble = _babble(voices, count, rate, random, _TRAINING_VOICES, _TRAINING_SENTENCES)
    return babble.astype(np.float32)


def _babble(
    people: int,
    count: int,
    rate: int,
    random: np.random.Generator,
    voices: tuple[str, ...],
    sentences: tuple[str, ...],
) -> NDArray[np.float64]:
    babble = np.zeros(count)
    for _ in range(people):
        voice = str(random.choice(voices))
        parts: list[Audio] = []
        while sum(map(len, parts)) < count + rate:
            parts.append(_speak(voice, sentences[int(random.integers(len(sentences)))], rate))
        start = int(random.integers(rate))
        babble += np.concatenate(parts)[start : start + count]
    return babble


@lru_cache(maxsize=128)
def _speak(voice: str, sentence: str, rate: int) -> Audio:
    """Synthesise one sentence with eSpeak NG."""
    command = ["espeak-ng", "-v", voice, "--stdout", sentence]
    try:
        spoken = subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603
    except FileNotFoundError:
        raise ValueError(
            "cannot synthesise speech: espeak-ng is not installed; run `make install-training`"
        ) from None
    samples = np.frombuffer(spoken[44:], dtype="<i2").astype(np.float32) / 32768  # skip the header
    resampled: Audio = soxr.resample(samples, 22050, rate)  # the rate of eSpeak NG
    return resampled


def _code_mp3(bits_per_second: int, audio: Audio, rate: int, _random: np.random.Generator) -> Audio:
    """Encode as MP3 and decode again."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout="mono")
        stream.bit_rate = bits_per_second
        frame = av.AudioFrame.from_ndarray(audio[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    file.seek(0)
    with av.open(file, "r") as coded:
        planes = [one.to_ndarray().mean(axis=0) for one in coded.decode(audio=0)]
    return np.concatenate(planes).astype(np.float32)[: len(audio)]


VENUES: dict[str, Venue] = {
    "+12 dB": partial(_apply_gain, 12.0),
    "-12 dB": partial(_apply_gain, -12.0),
    "-20 dB": partial(_apply_gain, -20.0),
    "club, 0.5 s": partial(_add_room, 0.5),
    "hall, 1.5 s": partial(_add_room, 1.5),
    "church, 4 s": partial(_add_room, 4.0),
    "crowd at -10 dB": partial(_add_people, _CROWD_VOICES, 10.0),
    "crowd at 0 dB": partial(_add_people, _CROWD_VOICES, 0.0),
    "speech at -10 dB": partial(_add_people, 1, 10.0),
    "speech at 0 dB": partial(_add_people, 1, 0.0),
    "mp3, 64 kbit/s": partial(_code_mp3, 64000),
}
"""Simulated venues by name. Levels of speech and crowd are relative to the music's RMS."""
