"""Digital silence after music is not slower than music: dying states do not become denormal."""

import time

import numpy as np

from damer.views import FrontEnd

SECONDS, ROUNDS = 60, 3


def music(seconds, spec):
    """Chords with noisy attacks."""
    random = np.random.default_rng(3)
    at = np.arange(seconds * spec.sample_rate) / spec.sample_rate
    chord = sum(np.sin(2 * np.pi * hertz * at) for hertz in (110.0, 277.2, 329.6, 1318.5))
    attack = np.exp(-6.0 * (at % 0.5))
    return (0.1 * chord + 0.1 * attack * random.standard_normal(len(at))).astype(np.float32)


def cpu_seconds(front_end, sound, spec):
    begun = time.thread_time()
    for second in sound.reshape(-1, spec.sample_rate):
        front_end.push(second)
    return time.thread_time() - begun


def test_silence_after_music_costs_no_more_than_music(spec):
    front_end = FrontEnd(spec)
    sounding = music(SECONDS, spec)
    silence = np.zeros_like(sounding)
    of_music, of_silence = [], []
    for _ in range(ROUNDS):
        of_music.append(cpu_seconds(front_end, sounding, spec))
        of_silence.append(cpu_seconds(front_end, silence, spec))
    assert np.median(of_silence) <= 1.3 * np.median(of_music)


def test_in_silence_every_state_becomes_exactly_zero(spec):
    front_end = FrontEnd(spec)
    front_end.push(music(2, spec))
    front_end.push(np.zeros(2 * spec.sample_rate, dtype=np.float32))
    assert not front_end._cochleagram._state.any()
    assert not front_end._mel._past.any()
    assert not front_end.push(np.zeros(spec.hop, dtype=np.float32)).cochleagram.any()


def test_sound_too_quiet_to_matter_leaves_no_denormal_state(spec):
    front_end = FrontEnd(spec)
    tiny = np.full(spec.sample_rate, 1e-42, dtype=np.float32)
    front_end.push(music(1, spec))
    front_end.push(tiny)
    state = np.abs(front_end._cochleagram._state)
    assert not ((state > 0) & (state < np.finfo(np.float64).tiny)).any()
