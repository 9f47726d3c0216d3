import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.audio.cleaning import Cleaner
from streamer.audio.raw_input import RawDecoder
from streamer.config.models import RawFormat
from streamer.errors import AudioError, UsageError

STEREO = RawFormat(format="s16le", rate=44100, channels=2)
FLOATS = RawFormat(format="f32le", rate=48000, channels=3)
MUSIC = np.random.default_rng(2).normal(0, 0.1, (3000, 2)).clip(-0.9, 0.9)


def s16(sound: np.ndarray) -> bytes:
    return (sound * 32767).astype("<i2").tobytes()


def f32(sound: np.ndarray) -> bytes:
    return sound.astype("<f4").tobytes()


@given(st.sampled_from([STEREO, FLOATS]), st.lists(st.integers(0, 700), max_size=40))
@settings(deadline=None)
def test_bytes_may_be_cut_anywhere(layout: RawFormat, sizes: list[int]) -> None:
    data = (s16 if layout is STEREO else f32)(MUSIC)
    whole = RawDecoder(layout, (), Cleaner()).push(data)
    decoder = RawDecoder(layout, (), Cleaner())
    parts, at = [], 0
    for size in [*sizes, len(data)]:
        parts.append(decoder.push(data[at : at + size]))
        at += size
    decoder.finish()
    assert decoder.leftover_bytes == 0
    assert np.array_equal(np.concatenate(parts), whole)
    assert len(whole) == len(data) // decoder.frame_bytes


def test_samples_mean_what_they_say() -> None:
    data = np.array([[16384, -16384], [32767, 32767], [-32768, 0]], "<i2").tobytes()
    assert RawDecoder(STEREO, (2,), Cleaner()).push(data).tolist() == [-0.5, 32767 / 32768, 0]
    assert RawDecoder(STEREO, (), Cleaner()).push(data)[2] == -0.5
    cleaner = Cleaner()
    floats = np.array([[0.5, np.nan, 2.0]], "<f4").tobytes()
    assert RawDecoder(FLOATS, (), cleaner).push(floats).tolist() == [0.5]
    assert (cleaner.non_finite, cleaner.clipped) == (1, 1)


def test_an_end_within_a_frame_is_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    decoder = RawDecoder(STEREO, (), Cleaner())
    assert len(decoder.push(s16(MUSIC) + b"abc")) == 3000
    decoder.finish()
    assert decoder.leftover_bytes == 3
    assert "3 of 4 bytes left out" in caplog.text


@pytest.mark.parametrize("data", [b"", b"a", b"abc"])
def test_no_sample_at_all_is_an_error(data: bytes) -> None:
    decoder = RawDecoder(STEREO, (), Cleaner())
    decoder.push(data)
    with pytest.raises(AudioError, match="without a single sample; pipe raw samples"):
        decoder.finish()


@pytest.mark.parametrize("layout", [STEREO, FLOATS])
@pytest.mark.parametrize(
    ("head", "what"), [(b"RIFF", "WAV"), (b"fLaC", "FLAC"), (b"OggS", "Ogg"), (b"ID3\x04", "MP3")]
)
def test_a_file_in_the_pipe_is_named(layout: RawFormat, head: bytes, what: str) -> None:
    decoder = RawDecoder(layout, (), Cleaner())
    decoder.push(head[:2])
    with pytest.raises(AudioError, match=f"carries an? {what} file.*decode it"):
        decoder.push(head[2:] + bytes(100))


@pytest.mark.parametrize("level", [0.001, 0.1, 1.0, 5.0])
def test_the_other_format_is_noticed_and_the_right_one_is_not(level: float) -> None:
    sound = (MUSIC * level).clip(-1, 1)
    for layout, right, wrong in (
        (STEREO, s16(sound), f32(sound)),
        (FLOATS, f32(sound), s16(sound)),
    ):
        RawDecoder(layout, (), Cleaner()).push(right)
        with pytest.raises(
            AudioError, match=f"not carry {layout.format}.*set the zone's raw format"
        ):
            RawDecoder(layout, (), Cleaner()).push(bytes(4000) + wrong)


def test_silence_says_nothing_about_the_format() -> None:
    for layout in (STEREO, FLOATS):
        assert not RawDecoder(layout, (), Cleaner()).push(bytes(120_000)).any()


def test_a_channel_beyond_the_layout_is_refused() -> None:
    with pytest.raises(UsageError, match="raw input has 2 channels"):
        RawDecoder(STEREO, (3,), Cleaner())
