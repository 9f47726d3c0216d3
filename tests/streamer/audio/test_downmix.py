"""Mix the chosen channels to mono."""

import numpy as np
import pytest

from streamer.audio.cleaning import Cleaner
from streamer.audio.downmix import Downmixer, check_channels
from streamer.errors import AudioError, UsageError

SAMPLES = np.array([[0.1, 0.2], [0.3, 0.4], [-0.5, 0.0]], np.float32)


@pytest.mark.parametrize(
    ("channels", "mean"),
    [((), [-0.1 / 3, 0.2]), ((2,), [0.3, 0.4]), ((1, 3), [-0.2, 0.1]), ((3, 3), [-0.5, 0.0])],
)
def test_the_mix_is_the_mean_of_the_chosen_channels(
    channels: tuple[int, ...], mean: list[float]
) -> None:
    assert Downmixer(channels, Cleaner()).downmix(SAMPLES) == pytest.approx(
        np.array(mean), abs=1e-7
    )


def test_one_channel_with_nan_does_not_spoil_the_mix() -> None:
    cleaner = Cleaner()
    samples = np.array([[0.5, 0.5], [np.nan, 7.0]], np.float32)
    assert Downmixer((), cleaner).downmix(samples).tolist() == [0.25, 0.75]
    assert (cleaner.non_finite, cleaner.clipped) == (1, 1)


def test_the_mix_is_a_copy() -> None:
    assert not np.shares_memory(Downmixer((1,), Cleaner()).downmix(SAMPLES), SAMPLES)


@pytest.mark.parametrize("channel", [0, 3])
def test_a_missing_channel_is_refused_with_the_number_of_channels(
    channel: int,
) -> None:
    with pytest.raises(UsageError, match=f"channel {channel}: x.wav has 2 channels"):
        check_channels((1, channel), 2, "x.wav")


def test_audio_that_loses_the_chosen_channels_is_an_error() -> None:
    with pytest.raises(AudioError, match="goes on with 3 channel"):
        Downmixer((4,), Cleaner()).downmix(SAMPLES)
