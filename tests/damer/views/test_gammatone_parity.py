"""Test the cochleagram against Slaney's filters in the package `gammatone`."""

import numpy as np
import pytest
from gammatone import filters
from scipy.signal import lfilter

from damer.views import Cochleagram, FrontEnd
from damer.views.gammatone import erb_centre_frequencies, gains, poles


@pytest.fixture(scope="module")
def coefficients(spec):
    """Coefficients of the reference, one row per channel, in ascending frequency."""
    return filters.make_erb_filters(spec.sample_rate, erb_centre_frequencies(spec))


def four_stages(signal, pole):
    """Return the output of four complex one-pole stages."""
    for _ in range(4):
        signal = lfilter([1.0], [1.0, -pole], signal)
    return signal


def test_centre_frequencies_equal_those_of_the_reference(spec):
    reference = filters.centre_freqs(
        spec.sample_rate, spec.gammatone_channels, spec.gammatone_low, spec.gammatone_high
    )
    np.testing.assert_allclose(erb_centre_frequencies(spec), reference[::-1], rtol=1e-12)


def test_poles_match_the_denominators_of_the_reference(spec, coefficients):
    pole = poles(spec)
    np.testing.assert_allclose(-2.0 * pole.real, coefficients[:, 7], rtol=1e-6)
    np.testing.assert_allclose(np.abs(pole) ** 2, coefficients[:, 8], rtol=1e-6)


def test_every_channel_is_stable(spec):
    assert (np.abs(poles(spec)) < 1.0).all()


def test_gains_equal_those_of_the_reference_times_a_constant(spec, coefficients):
    np.testing.assert_allclose(
        gains(spec), coefficients[:, 9] * float(spec.sample_rate) ** 4, rtol=1e-9
    )


@pytest.mark.parametrize("kind", ["noise", "tones", "clicks"])
def test_the_real_output_equals_that_of_the_reference(signals, kind, spec, coefficients):
    signal = signals[kind].astype(np.float64)[: spec.sample_rate // 2]
    reference = filters.erb_filterbank(signal, coefficients)
    for pole, gain, expected in zip(poles(spec), gains(spec), reference, strict=True):
        ours = four_stages(signal, pole).real / gain
        assert np.abs(ours - expected).max() <= 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize("kind", ["noise", "tones", "clicks"])
def test_a_frame_is_the_compressed_mean_squared_envelope(signals, kind, spec):
    hops = signals[kind].astype(np.float64)[: 40 * spec.hop].reshape(-1, spec.hop)
    expected = [
        np.mean(np.abs(four_stages(hops.ravel(), pole).reshape(hops.shape) / gain) ** 2, axis=1)
        for pole, gain in zip(poles(spec), gains(spec), strict=True)
    ]
    np.testing.assert_allclose(
        Cochleagram(spec).push(hops),
        np.array(expected).T ** spec.compression,
        rtol=1e-5,
        atol=1e-15,  # states below 1e-30 are set to zero
    )


@pytest.mark.parametrize("channel", [0, 10, 41, 70, 83])
def test_a_full_scale_sine_has_energy_one_in_its_channel(spec, channel):
    centre = erb_centre_frequencies(spec)[channel]
    time = np.arange(spec.sample_rate) / spec.sample_rate
    frames = FrontEnd(spec).push(np.sin(2 * np.pi * centre * time).astype(np.float32)).cochleagram
    assert frames[-20:].mean(axis=0).argmax() == channel
    assert frames[-20:, channel].mean() == pytest.approx(1.0, abs=0.05)


def test_doubling_the_amplitude_quadruples_the_power_before_compression(signals, spec):
    loud = FrontEnd(spec).push(signals["tones"]).cochleagram
    quiet = FrontEnd(spec).push(0.5 * signals["tones"]).cochleagram
    np.testing.assert_allclose(loud, quiet * 4.0**spec.compression, rtol=1e-5)
