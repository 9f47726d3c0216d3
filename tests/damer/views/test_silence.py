"""Test that silence after music leaves no denormal filter state, which would slow the CPU down.

`python -m benchmarks views` measures the CPU time of silence beside that of noise.
"""

import numpy as np

from damer.views import FrontEnd

SMALLEST_NORMAL = np.finfo(np.float64).tiny


def music(seconds, spec):
    """Return chords with noisy attacks, float32."""
    random = np.random.default_rng(3)
    at = np.arange(seconds * spec.sample_rate) / spec.sample_rate
    chord = sum(np.sin(2 * np.pi * hertz * at) for hertz in (110.0, 277.2, 329.6, 1318.5))
    attack = np.exp(-6.0 * (at % 0.5))
    return (0.1 * chord + 0.1 * attack * random.standard_normal(len(at))).astype(np.float32)


def count_denormals(values):
    magnitude = np.abs(values)
    return np.count_nonzero((magnitude > 0) & (magnitude < SMALLEST_NORMAL))


def test_no_state_is_denormal_at_any_hop_while_music_decays(spec):
    front_end = FrontEnd(spec)
    front_end.push(music(2, spec))
    silence = np.zeros(spec.hop, dtype=np.float32)
    denormals = 0
    for _ in range(2 * spec.sample_rate // spec.hop):
        front_end.push(silence)
        denormals += count_denormals(front_end._cochleagram._state)
    assert denormals == 0
    assert not front_end._cochleagram._state.any()


def test_every_state_becomes_exactly_zero_in_silence(spec):
    front_end = FrontEnd(spec)
    front_end.push(music(2, spec))
    front_end.push(np.zeros(2 * spec.sample_rate, dtype=np.float32))
    assert not front_end._cochleagram._state.any()
    assert not front_end._mel._past.any()
    assert not front_end.push(np.zeros(spec.hop, dtype=np.float32)).cochleagram.any()


def test_audio_below_the_state_floor_leaves_no_denormal_state(spec):
    front_end = FrontEnd(spec)
    tiny = np.full(spec.sample_rate, 1e-42, dtype=np.float32)
    front_end.push(music(1, spec))
    front_end.push(tiny)
    assert count_denormals(front_end._cochleagram._state) == 0
