"""Test simulated venues: gain, reverberation, babble and MP3 coding match their names."""

import numpy as np
import pytest

from training.sound import venue
from training.sound.venue import VENUES, simulate_venue, training_babble

RATE = 22050


@pytest.fixture(scope="module")
def music():
    """Two seconds of noise followed by one second of silence."""
    random = np.random.default_rng(0)
    audio = 0.1 * random.standard_normal(3 * RATE)
    audio[2 * RATE :] = 0.0
    return audio.astype(np.float32)


def level(audio):
    return 10 * np.log10(np.mean(audio.astype(float) ** 2))


@pytest.mark.parametrize("name", VENUES)
def test_a_simulation_keeps_the_length_and_is_reproducible(music, name):
    first, second = (simulate_venue(name, music, RATE, "song") for _ in range(2))
    assert first.dtype == np.float32
    assert len(first) == len(music)
    assert np.array_equal(first, second)
    assert np.isfinite(first).all()


@pytest.mark.parametrize(("name", "decibels"), [("+12 dB", 12), ("-12 dB", -12), ("-20 dB", -20)])
def test_gain_changes_the_level_by_its_decibels(music, name, decibels):
    assert level(simulate_venue(name, music, RATE, "song")) - level(music) == pytest.approx(
        decibels
    )


def test_a_longer_reverberation_time_has_a_louder_tail(music):
    rooms = ("club, 0.5 s", "hall, 1.5 s", "church, 4 s")
    tails = [level(simulate_venue(name, music, RATE, "song")[int(2.5 * RATE) :]) for name in rooms]
    assert tails == sorted(tails)
    assert tails[0] < level(music) - 20 < tails[2]


@pytest.mark.parametrize(("what", "below"), [("-10 dB", 10.0), ("0 dB", 0.0)])
@pytest.mark.parametrize("who", ["crowd", "speech"])
def test_babble_has_the_stated_level(music, who, what, below):
    babble = simulate_venue(f"{who} at {what}", music, RATE, "song") - music
    assert level(music) - level(babble) == pytest.approx(below, abs=0.1)


def test_babble_differs_between_pieces(music):
    one, other = (simulate_venue("speech at 0 dB", music, RATE, name) for name in ("song", "other"))
    assert not np.array_equal(one, other)


def test_training_and_evaluation_babble_share_no_voice_or_sentence():
    assert not set(venue._VOICES) & set(venue._TRAINING_VOICES)
    assert not set(venue._SENTENCES) & set(venue._TRAINING_SENTENCES)


@pytest.mark.parametrize("voices", [1, 5])
def test_training_babble_has_the_requested_length(voices):
    babble = training_babble(voices, 3 * RATE, RATE, np.random.default_rng(0))
    assert babble.shape == (3 * RATE,)
    assert babble.dtype == np.float32
    assert level(babble) > -60


def test_mp3_adds_no_delay(music):
    coded = simulate_venue("mp3, 64 kbit/s", music, RATE, "song")
    spectra = np.fft.rfft(coded, 2 * len(music)) * np.fft.rfft(music, 2 * len(music)).conj()
    shift = int(np.argmax(np.fft.irfft(spectra)))
    assert min(shift, 2 * len(music) - shift) <= 2
