"""Files made to harm: playlists that reach elsewhere, headers that claim what cannot be."""

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

MakeFile = Callable[..., Path]

HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n"
SEGMENT = "#EXTINF:9,\n{sound}\n#EXT-X-ENDLIST\n"


def wav(path: Path, *, channels: int = 1, rate: int = 8000, claim: int | None = None) -> Path:
    """A second of silence behind a header that may say anything."""
    data = bytes(16000)
    align = 2 * channels % 2**16
    form = struct.pack("<HHIIHH", 1, channels, rate, 16000, align, 16)
    size = len(data) if claim is None else claim
    head = b"RIFF" + struct.pack("<I", min(size + 36, 2**32 - 1)) + b"WAVE"
    path.write_bytes(
        head + b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", size) + data
    )
    return path


Heard = Callable[[Path], float]


@pytest.fixture(scope="module")
def heard() -> Iterator[Heard]:
    """Give the seconds of a file, all files by one process."""
    with Decoder() as decoder:

        def heard(path: Path) -> float:
            with open_audio_file(path, decoder=decoder) as sound:
                return sum(len(block.samples) for block in sound.blocks()) / sound.rate

        yield heard


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.m3u", "#EXTM3U\n{sound}\n"),
        ("list.pls", "[playlist]\nFile1={sound}\nNumberOfEntries=1\n"),
        ("list.m3u8", HLS + SEGMENT),
        (
            "url.m3u8",
            HLS + SEGMENT.replace("{", "file://{"),
        ),
        (
            "key.m3u8",
            HLS + '#EXT-X-KEY:METHOD=AES-128,URI="{sound}"\n' + SEGMENT,
        ),
        ("list.ffconcat", "ffconcat version 1.0\nfile {short}\n"),
        ("list.concat", "ffconcat version 1.0\nfile '{sound}'\n"),
        ("list.mpd", '<?xml version="1.0"?>\n<MPD><BaseURL>{sound}</BaseURL></MPD>\n'),
    ],
)
def test_a_playlist_leads_to_no_other_file(
    make_file: MakeFile, heard: Heard, name: str, text: str
) -> None:
    sound = make_file("private.mp3", codec="libmp3lame")
    path = sound.with_name(name)
    path.write_text(text.format(sound=sound, short=sound.name))
    with pytest.raises(AudioError, match=r"not audio|holds no audio"):
        heard(path)


@pytest.mark.parametrize("claim", [2**31, 2**32 - 1])
def test_a_file_that_claims_gigabytes_is_what_it_holds(
    tmp_path: Path, heard: Heard, claim: int
) -> None:
    assert heard(wav(tmp_path / "x.wav", claim=claim)) == pytest.approx(1, abs=0.01)


def test_a_file_that_claims_hours_is_what_it_holds(make_file: MakeFile, heard: Heard) -> None:
    path = make_file("x.flac", codec="flac", form="s16", seconds=0.5)
    data = bytearray(path.read_bytes())
    data[21] |= 0x0F  # of the 36 bits that tell how many samples there are
    data[22:26] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    with open_audio_file(path) as sound:
        assert sound.duration is not None
        assert sound.duration > 400 * 3600
    assert heard(path) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("channels", "rate"),
    [(65, 8000), (1000, 8000), (65535, 8000), (0, 8000), (1, 0), (1, 1), (1, 2**32 - 1)],
)
def test_channels_and_rates_that_cannot_be_are_no_sound(
    tmp_path: Path, heard: Heard, channels: int, rate: int
) -> None:
    path = wav(tmp_path / "x.wav", channels=channels, rate=rate)
    with pytest.raises(AudioError, match=r"x\.wav: .*; give a "):
        heard(path)


def test_ten_thousand_streams_are_no_sound(tmp_path: Path, heard: Heard) -> None:
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
    begun = time.monotonic()
    with pytest.raises(AudioError):
        heard(path)
    ten_thousand = b"".join(
        b"OggS\0\2" + bytes(8) + struct.pack("<III", number, 0, 0) + b"\1\x13OpusHead"
        + bytes(11)
        for number in range(10_000)
    )  # fmt: skip
    path.with_suffix(".ogg").write_bytes(ten_thousand)
    with pytest.raises(AudioError):
        heard(path.with_suffix(".ogg"))
    assert time.monotonic() - begun < 5


def test_a_file_without_end_is_not_analyzed_for_ever(
    make_file: MakeFile, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_FILE_DURATION_S", 3600 / 1800)
    with pytest.raises(AudioError, match=r"x\.wav: it is longer than 0\.000555556 hours; cut it"):
        analyze(make_file("x.wav", seconds=4), engine, Tracking())


@pytest.mark.parametrize("seed", range(6))
def test_whatever_stands_in_a_file_is_sound_or_an_error(
    make_file: MakeFile, heard: Heard, seed: int
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
        heard(path)
    except AudioError as refused:
        error = str(refused)
    assert "\n" not in error
    assert "crashed" not in error
