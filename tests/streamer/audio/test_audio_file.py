"""Decode audio files: formats, blocks, damage, errors."""

import os
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from streamer.audio import AudioFile, Block, open_audio_file
from streamer.errors import AudioError, UsageError

pytestmark = pytest.mark.long

MakeFile = Callable[..., Path]

FORMATS = [
    # name, rate, channels, codec, sample format
    ("a.wav", 8000, 1, "pcm_u8", None),
    ("b.wav", 44100, 2, "pcm_s16le", None),
    ("c.wav", 192000, 6, "pcm_s24le", None),
    ("d.wav", 48000, 2, "pcm_f32le", None),
    ("e.wav", 11025, 3, "pcm_f64le", None),
    ("f.nut", 48000, 2, "pcm_s16le_planar", None),
    ("g.nut", 48000, 2, "pcm_s64le", None),
    ("h.aiff", 44100, 1, "pcm_s16be", None),
    ("i.flac", 44100, 2, "flac", "s16"),
    ("j.flac", 96000, 6, "flac", "s32"),
    ("k.mp3", 44100, 2, "libmp3lame", None),
    ("l.mp3", 8000, 1, "libmp3lame", None),
    ("m.ogg", 48000, 2, "libopus", None),
    ("n.m4a", 44100, 2, "aac", None),
    ("o.m4a", 44100, 4, "aac", None),
    ("p.m4a", 48000, 2, "alac", None),
    ("q.mkv", 48000, 6, "ac3", None),
]


def samples_of(file: AudioFile, block_size: int | None = None) -> np.ndarray:
    return joined(list(file.blocks(block_size)))


def joined(blocks: list[Block]) -> np.ndarray:
    return np.concatenate([block.samples for block in blocks])


@pytest.mark.parametrize(("name", "rate", "channels", "codec", "form"), FORMATS)
def test_every_format_rate_and_channel_count_is_decoded(
    make_file: MakeFile, name: str, rate: int, channels: int, codec: str, form: str | None
) -> None:
    path = make_file(name, rate=rate, channels=channels, codec=codec, form=form)
    with open_audio_file(path, (1,)) as file:
        assert file.rate == rate
        assert file.duration == pytest.approx(1, abs=0.1)
        assert f"{rate} Hz, {channels} channel(s), 1.0 s" in file.description
        samples = samples_of(file)
        assert file.corrupt_packets == 0
    assert samples.dtype == np.float32
    assert len(samples) / rate == pytest.approx(1, abs=0.03)
    middle = samples[rate // 4 : 3 * rate // 4]
    loudness = np.sqrt(np.mean(middle**2))
    assert loudness == pytest.approx(0.354, rel=0.08)  # LAME is 5 % quieter
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * rate / len(middle) == pytest.approx(440, abs=2)


def test_channels_are_mixed_to_their_mean(make_file: MakeFile, tone: Callable[..., np.ndarray]):
    path = make_file("x.wav", channels=3, codec="pcm_f32le")
    channels = tone(44100, 3)
    for chosen, mean in (((), channels.mean(0)), ((3, 1), channels[[0, 2]].mean(0))):
        with open_audio_file(path, chosen) as file:
            assert samples_of(file) == pytest.approx(mean, abs=1e-6)


def test_blocks_are_consecutive_and_only_the_last_is_short(make_file: MakeFile) -> None:
    with open_audio_file(make_file("x.wav", seconds=0.991)) as file:
        blocks = list(file.blocks())
    assert {len(block.samples) for block in blocks[:-1]} == {882}
    assert [block.start_sample for block in blocks] == list(range(0, 43703, 882))
    assert blocks[-1].end_sample == 43703
    assert blocks[10].captured == pytest.approx(0.2)


@pytest.mark.parametrize("block_size", [1, 100, 5000, 10**6])
def test_the_block_size_does_not_change_the_samples(make_file: MakeFile, block_size: int) -> None:
    path = make_file("x.flac", codec="flac", form="s16", seconds=0.2)
    with open_audio_file(path) as one, open_audio_file(path) as other:
        assert np.array_equal(samples_of(one), samples_of(other, block_size))


def test_a_block_is_never_modified_after_it_was_yielded(make_file: MakeFile) -> None:
    with open_audio_file(make_file("x.wav")) as file:
        blocks = file.blocks()
        first = next(blocks)
        copy = first.samples.copy()
        for block in blocks:
            block.samples[:] = 9
        assert np.array_equal(first.samples, copy)


def test_non_finite_and_clipped_samples_are_cleaned_and_counted(make_file: MakeFile) -> None:
    dirty = np.full((1, 4410), 0.25, np.float32)
    dirty[0, :3] = [np.nan, np.inf, 5]
    with open_audio_file(make_file("x.wav", samples=dirty, codec="pcm_f32le")) as file:
        assert samples_of(file)[:4].tolist() == [0, 0, 1, 0.25]
        assert (file.cleaner.non_finite, file.cleaner.clipped) == (2, 1)


def test_memory_does_not_grow_with_the_file(make_file: MakeFile) -> None:
    with open_audio_file(make_file("x.flac", seconds=30, codec="flac", form="s16")) as file:
        tracemalloc.start()
        for _ in file.blocks():
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 1_000_000  # the decoded audio is 5 MB


def test_a_missing_channel_is_refused_with_the_number_of_channels(make_file: MakeFile) -> None:
    with pytest.raises(UsageError, match=r"channel 3: .*x\.wav has 2 channels"):
        open_audio_file(make_file("x.wav"), (1, 3))


@pytest.mark.parametrize("url", ["http://example.org/a.mp3", "rtsp://x/y", "file:///tmp/a.wav"])
def test_a_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="it is a URL; give the path of a file"):
        open_audio_file(url)


NOISE = np.random.default_rng(4).bytes(50_000)
PLAYLIST = (
    b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
)
DESCRIPTION = (
    b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"
)
JOINED = b"ffconcat version 1.0\nfile 'http://127.0.0.1:9/x.wav'\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.wav", b""),
        ("byte.wav", b"R"),
        ("header.wav", b"RIFF\xff\xff\xff\xffWAVEfmt "),
        ("text.txt", b"no sound at all\n" * 50),
        ("code.py", b"import os\nprint(os.name)\n" * 20),
        ("noise.bin", NOISE),
        ("playlist.m3u8", PLAYLIST),
        ("session.sdp", DESCRIPTION),
        ("joined.ffconcat", JOINED),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_without_audio_is_a_one_line_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(AudioError) as caught:
        open_audio_file(path)
    message = str(caught.value)
    assert name in message
    assert "give a" in message
    assert "\n" not in message
    assert capfd.readouterr() == ("", "")


def test_a_video_without_audio_is_refused(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame(64, 64, "yuv420p")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match="it holds no audio"):
        open_audio_file(path)


def test_random_bytes_named_mp3_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp3"
    path.write_bytes(np.random.default_rng(1).bytes(300_000))
    with pytest.raises(AudioError, match="damaged or not audio"), open_audio_file(path) as file:
        samples_of(file)


def test_a_missing_file_a_folder_and_a_device_have_distinct_errors(tmp_path: Path) -> None:
    for path, text in ((tmp_path / "x", "does not exist"), (tmp_path, "is a folder")):
        with pytest.raises(AudioError, match=text):
            open_audio_file(path)
    with pytest.raises(AudioError, match="not a regular file"):
        open_audio_file(os.devnull)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_an_unreadable_file_asks_for_permission(make_file: MakeFile) -> None:
    path = make_file("x.wav")
    path.chmod(0)
    with pytest.raises(AudioError, match="allow this user"):
        open_audio_file(path)


def test_unusual_file_names_are_opened(
    make_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_file("x.wav")
    odd = path.rename(path.with_name("http: %03d 100% été 'x'.wav"))
    assert open_audio_file(odd).duration == 1
    monkeypatch.setenv("HOME", str(path.parent))
    monkeypatch.setenv("USERPROFILE", str(path.parent))
    odd.rename(path)
    assert open_audio_file("~/x.wav").duration == 1
    monkeypatch.chdir(path.parent)
    assert open_audio_file("x.wav").duration == 1


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [("x.wav", "pcm_s16le", None), ("x.mp3", "libmp3lame", None), ("x.flac", "flac", "s16")],
)
def test_a_truncated_file_is_decoded_up_to_the_cut(
    make_file: MakeFile, name: str, codec: str, form: str | None
) -> None:
    path = make_file(name, seconds=4, codec=codec, form=form)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with open_audio_file(path) as file:
        assert 1.2 < len(samples_of(file)) / 44100 < 2.2
    path.write_bytes(content[:30])
    with pytest.raises(AudioError, match="cut off"):
        open_audio_file(path)


@pytest.mark.parametrize(("name", "codec"), [("x.m4a", "aac"), ("x.mp3", "libmp3lame")])
def test_damaged_packets_are_counted_and_leave_a_gap(
    make_file: MakeFile, caplog: pytest.LogCaptureFixture, name: str, codec: str
) -> None:
    path = make_file(name, seconds=3, codec=codec)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = NOISE[:2000]
    path.write_bytes(content)
    with open_audio_file(path) as file:
        blocks = list(file.blocks())
        assert file.corrupt_packets > 0
    ends = [block.end_sample for block in blocks[:-1]]
    starts = [block.start_sample for block in blocks[1:]]
    assert ends != starts
    assert all(start >= end for start, end in zip(starts, ends, strict=True))
    assert len(joined(blocks)) / 44100 > 2
    assert 2 < blocks[-1].end_sample / 44100 < 3.1
    assert re.search(r"skipped \d+ damaged packets", caplog.text)


@pytest.mark.parametrize(
    ("name", "codec", "form"), [("x.ogg", "flac", "s16"), ("x.aac", "aac", None)]
)
def test_a_file_that_changes_rate_is_resampled_to_its_first_rate(
    make_file: MakeFile, name: str, codec: str, form: str | None
) -> None:
    first = make_file(name, codec=codec, form=form).read_bytes()
    path = make_file(name, rate=22050, channels=1, codec=codec, form=form)
    path.write_bytes(first + path.read_bytes())
    with open_audio_file(path) as file:
        samples = samples_of(file)
    assert file.rate == 44100
    assert len(samples) / 44100 == pytest.approx(2, abs=0.15)
    late = samples[round(1.4 * 44100) : round(1.8 * 44100)]
    spectrum = np.abs(np.fft.rfft(late * np.hanning(len(late))))
    assert np.argmax(spectrum) * 44100 / len(late) == pytest.approx(440, abs=3)


def test_a_file_may_be_closed_early_and_twice(make_file: MakeFile) -> None:
    file = open_audio_file(make_file("x.wav"))
    next(file.blocks())
    file.close()
    file.close()
