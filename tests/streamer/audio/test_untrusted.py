"""Malicious audio files: playlists that refer to other files, headers with false values."""

import itertools
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from streamer import limits
from streamer.audio import Decoder, open_audio_file
from streamer.batch.analysis import analyze
from streamer.config import Tracking
from streamer.engines import Engine
from streamer.errors import AudioError

pytestmark = pytest.mark.long

MakeFile = Callable[..., Path]

HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n"
SEGMENT = "#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n"


def wav(
    path: Path, *, channels: int = 1, rate: int = 8000, declared_size: int | None = None
) -> Path:
    """Write a second of 8 kHz silence with the given header fields, valid or not."""
    data = bytes(16000)
    align = 2 * channels % 2**16
    format_chunk = struct.pack("<HHIIHH", 1, channels, rate, 16000, align, 16)
    size = len(data) if declared_size is None else declared_size
    riff = b"RIFF" + struct.pack("<I", min(size + 36, 2**32 - 1)) + b"WAVE"
    path.write_bytes(
        riff
        + b"fmt "
        + struct.pack("<I", 16)
        + format_chunk
        + b"data"
        + struct.pack("<I", size)
        + data
    )
    return path


DecodedSeconds = Callable[[Path], float]


@pytest.fixture(scope="module")
def decoded_seconds() -> Iterator[DecodedSeconds]:
    """Return a function that decodes a file and returns its seconds; one process for all files."""
    with Decoder() as decoder:

        def decoded_seconds(path: Path) -> float:
            with open_audio_file(path, decoder=decoder) as audio:
                return sum(len(block.samples) for block in audio.blocks()) / audio.rate

        yield decoded_seconds


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.m3u", "#EXTM3U\n{target}\n"),
        ("list.pls", "[playlist]\nFile1={target}\nNumberOfEntries=1\n"),
        ("list.m3u8", HLS + SEGMENT),
        (
            "url.m3u8",
            HLS + SEGMENT.replace("{", "file://{"),
        ),
        (
            "key.m3u8",
            HLS + '#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n' + SEGMENT,
        ),
        ("list.ffconcat", "ffconcat version 1.0\nfile {short}\n"),
        ("list.concat", "ffconcat version 1.0\nfile '{target}'\n"),
        ("list.mpd", '<?xml version="1.0"?>\n<MPD><BaseURL>{target}</BaseURL></MPD>\n'),
    ],
)
def test_a_playlist_opens_no_other_file(
    make_file: MakeFile, decoded_seconds: DecodedSeconds, name: str, text: str
) -> None:
    target = make_file("private.mp3", codec="libmp3lame")
    path = target.with_name(name)
    path.write_text(text.format(target=target, short=target.name))
    with pytest.raises(AudioError, match=r"not audio|holds no audio"):
        decoded_seconds(path)


@pytest.mark.parametrize("declared_size", [2**31, 2**32 - 1])
def test_a_false_data_size_in_the_header_is_ignored(
    tmp_path: Path, decoded_seconds: DecodedSeconds, declared_size: int
) -> None:
    assert decoded_seconds(wav(tmp_path / "x.wav", declared_size=declared_size)) == pytest.approx(
        1, abs=0.01
    )


def test_a_false_sample_count_in_the_header_is_ignored(
    make_file: MakeFile, decoded_seconds: DecodedSeconds
) -> None:
    path = make_file("x.flac", codec="flac", form="s16", seconds=0.5)
    data = bytearray(path.read_bytes())
    data[21] |= 0x0F  # upper 4 of the 36 bits of the sample count
    data[22:26] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    with open_audio_file(path) as audio:
        assert audio.duration is not None
        assert audio.duration > 400 * 3600
    assert decoded_seconds(path) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("channels", "rate"),
    [(65, 8000), (1000, 8000), (65535, 8000), (0, 8000), (1, 0), (1, 1), (1, 2**32 - 1)],
)
def test_invalid_channel_counts_and_rates_are_rejected(
    tmp_path: Path, decoded_seconds: DecodedSeconds, channels: int, rate: int
) -> None:
    path = wav(tmp_path / "x.wav", channels=channels, rate=rate)
    with pytest.raises(AudioError, match=r"x\.wav: .*; give a "):
        decoded_seconds(path)


def test_too_many_streams_are_rejected_quickly(
    tmp_path: Path, decoded_seconds: DecodedSeconds
) -> None:
    path = tmp_path / "x.nut"
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 100), np.int16), "s16", "mono")
    frame.sample_rate, frame.pts = 8000, 0
    with av.open(str(path), "w") as container:
        streams = [
            container.add_stream("pcm_s16le", rate=8000, layout="mono")
            for _ in range(limits.MAX_CONTAINER_STREAMS + 1)
        ]
        for stream in streams:
            container.mux(stream.encode(frame))
    started = time.monotonic()
    with pytest.raises(AudioError):
        decoded_seconds(path)
    ogg_headers = b"".join(
        b"OggS\0\2" + bytes(8) + struct.pack("<III", number, 0, 0) + b"\1\x13OpusHead"
        + bytes(11)
        for number in range(10_000)
    )  # fmt: skip
    path.with_suffix(".ogg").write_bytes(ogg_headers)
    with pytest.raises(AudioError):
        decoded_seconds(path.with_suffix(".ogg"))
    assert time.monotonic() - started < 5


def test_analysis_rejects_a_file_beyond_the_maximum_duration(
    make_file: MakeFile, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_FILE_DURATION_S", 3600 / 1800)
    with pytest.raises(AudioError, match=r"x\.wav: it is longer than 0\.000555556 hours; cut it"):
        analyze(make_file("x.wav", seconds=4), engine, Tracking())


@pytest.mark.parametrize("seed", range(6))
def test_a_corrupted_file_is_decoded_or_a_one_line_error(
    make_file: MakeFile, decoded_seconds: DecodedSeconds, seed: int
) -> None:
    random = np.random.default_rng(seed)
    kinds = itertools.cycle([("x.flac", "flac"), ("x.mp3", "libmp3lame"), ("x.m4a", "aac")])
    name, codec = next(itertools.islice(kinds, seed, None))
    path = make_file(name, codec=codec, form="s16" if codec == "flac" else None, seconds=0.5)
    data = bytearray(path.read_bytes())
    for at in random.integers(0, len(data), 1 + len(data) // 200):
        data[at] = random.integers(0, 256)
    path.write_bytes(data)
    error = ""
    try:
        decoded_seconds(path)
    except AudioError as caught:
        error = str(caught)
    assert "\n" not in error
    assert "crashed" not in error
