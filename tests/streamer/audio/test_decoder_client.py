"""The decoder's process: what it may not do, and what is left of it when it dies."""

import asyncio
import gc
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from streamer import limits
from streamer.audio import AudioFile, Decoder, Source, open_audio_file, open_source
from streamer.audio.cleaning import Cleaner
from streamer.audio.downmix import downmix
from streamer.batch.analysis import analyze_files
from streamer.child.framing import read_message
from streamer.config import Tracking
from streamer.config.models import Zone
from streamer.decoder import decode
from streamer.decoder.messages import SAMPLE_BYTES, PcmFrame
from streamer.engines import Engine
from streamer.errors import AudioError

pytestmark = pytest.mark.long

MakeFile = Callable[..., Path]

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def process_of(sound: AudioFile) -> "subprocess.Popen[bytes]":
    process = sound._decoder.process
    assert process is not None
    return process


def sound_of(sound: AudioFile) -> np.ndarray:
    return np.concatenate([block.samples for block in sound.blocks()])


def children() -> set[int]:
    """Every process of ours, the dead ones too."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(child) for task in tasks for child in task.read_text().split()}


def held() -> tuple[set[int], int, set[str]]:
    gc.collect()
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    return children(), descriptors, {thread.name for thread in threading.enumerate()}


@pytest.fixture
def long_file(make_file: MakeFile) -> Path:
    """More than fits into the pipe."""
    return make_file("x.wav", seconds=10)


@pytest.fixture
def nothing_left() -> Iterator[None]:
    before = held()
    yield
    assert held() == before


# What it gives


def in_process(path: Path) -> Iterator[PcmFrame | float]:
    """Decode here, by FFmpeg alone."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            packed = frame.format.packed.name == frame.format.name
            planes = frame.planes[:1] if packed else frame.planes
            count = frame.samples * SAMPLE_BYTES[frame.format.packed.name]
            count *= frame.layout.nb_channels if packed else 1
            data = b"".join(bytes(plane)[:count] for plane in planes)
            yield PcmFrame(
                frame.sample_rate, frame.layout.nb_channels, frame.format.name, memoryview(data)
            )


@pytest.mark.parametrize(
    ("name", "codec", "channels"),
    [("x.wav", "pcm_s24le", 6), ("x.mp3", "libmp3lame", 2), ("x.ogg", "libopus", 2)],
)
def test_its_samples_are_those_of_decoding_here_to_the_last_bit(
    make_file: MakeFile, name: str, codec: str, channels: int
) -> None:
    path = make_file(name, rate=48000, codec=codec, channels=channels)
    cleaner = Cleaner()
    here = [p for p in downmix(in_process(path), 48000, (), cleaner) if not isinstance(p, int)]
    with open_audio_file(path) as sound:
        assert np.array_equal(sound_of(sound), np.concatenate(here))
        assert (sound.cleaner.clipped, sound.cleaner.non_finite) == (cleaner.clipped, 0)


@linux
def test_one_process_decodes_one_file_after_the_other_and_does_not_grow(
    make_file: MakeFile,
) -> None:
    path = make_file("x.flac", codec="flac", form="s16", seconds=0.5)
    sizes = []
    with Decoder() as decoder:
        processes = set()
        for _ in range(60):
            with open_audio_file(path, decoder=decoder) as sound:
                assert len(sound_of(sound)) == 22050
            assert decoder.process is not None
            processes.add(decoder.process.pid)
            status = Path(f"/proc/{decoder.process.pid}/statm").read_text()
            sizes.append(int(status.split()[1]))
    assert len(processes) == 1
    assert sizes[-1] - sizes[10] < 250  # pages: 1 MB


@linux
async def test_a_looping_file_is_played_by_one_process(make_file: MakeFile) -> None:
    before = children()
    path = make_file("x.wav", seconds=0.1)
    async with open_source(Zone(input=str(path), loop=True)) as source:
        (first,) = children() - before
        async for block in source.blocks():
            if block.end_sample > 0.7 * source.rate:
                break
        assert children() - before == {first}


def test_a_file_left_unfinished_does_not_reach_into_the_next(
    make_file: MakeFile, long_file: Path
) -> None:
    short = make_file("short.wav", seconds=0.1, rate=8000)
    with Decoder() as decoder:
        with open_audio_file(long_file, decoder=decoder) as sound:
            next(sound.blocks())
        with open_audio_file(short, decoder=decoder) as sound:
            assert len(sound_of(sound)) == 800


# What it may not do


@linux
def test_the_guards_are_in_effect(
    make_file: MakeFile, long_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMER_MQTT__PASSWORD", "canary")
    monkeypatch.setenv("https_proxy", "http://proxy.example")
    monkeypatch.setenv("SSL_CERT_FILE", "/somewhere/ca.pem")
    with open_audio_file(long_file) as sound:
        next(sound.blocks())
        place = Path(f"/proc/{process_of(sound).pid}")
        lines = [line.split("  ") for line in (place / "limits").read_text().splitlines()]
        rows = {line[0]: [each.strip() for each in line[1:] if each.strip()] for line in lines}
        assert rows["Max core file size"][:2] == ["0", "0"]
        assert rows["Max file size"][:2] == ["0", "0"]
        assert rows["Max open files"][:2] == [str(limits.DECODER_OPEN_FILES)] * 2
        assert rows["Max address space"][:2] == [str(limits.DECODER_MEMORY_BYTES)] * 2
        assert "NoNewPrivs:\t1" in (place / "status").read_text()
        environment = (place / "environ").read_bytes()
        assert b"STREAMER_" not in environment
        assert b"canary" not in environment
        assert b"https_proxy=http://proxy.example\0" in environment
        assert b"SSL_CERT_FILE=/somewhere/ca.pem\0" in environment
        assert b"x.wav" not in (place / "cmdline").read_bytes()
        assert str((place / "fd" / "2").readlink()) == os.devnull
        assert os.getsid(process_of(sound).pid) != os.getsid(0)
        size = next(
            line for line in (place / "status").read_text().splitlines() if "VmPeak" in line
        )
        assert int(size.split()[1]) * 1024 < limits.DECODER_MEMORY_BYTES / 3


def with_picture(mp3: Path, megabytes: int) -> Path:
    """An MP3 behind a picture of so many megabytes, none of them on the disk."""
    size = megabytes << 20

    def synchsafe(number: int) -> bytes:
        return bytes(number >> shift & 127 for shift in (21, 14, 7, 0))

    picture = b"APIC" + synchsafe(size) + b"\0\0" + b"\0image/png\0\3\0"
    sound = mp3.read_bytes()
    with mp3.open("wb") as file:
        file.write(b"ID3\4\0\0" + synchsafe(size + 10) + picture)
        file.seek(size + 20)
        file.write(sound[sound.index(b"\xff\xfb") :])
    return mp3


@linux
def test_memory_beyond_the_limit_is_not_had(
    make_file: MakeFile, monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    """FFmpeg goes on without a picture for which there is no room."""
    path = with_picture(make_file("x.mp3", codec="libmp3lame", seconds=1), 160)
    peaks = []
    for megabytes in (1024, 250):
        monkeypatch.setattr(limits, "DECODER_MEMORY_BYTES", megabytes << 20)
        with open_audio_file(path) as sound:
            next(sound.blocks())
            status = Path(f"/proc/{process_of(sound).pid}/status").read_text()
            peaks.append(int(status.partition("VmPeak:")[2].split()[0]) / 1024)
    assert peaks[0] > 250 > peaks[1]


@linux
def test_a_process_that_has_no_room_at_all_is_told(
    make_file: MakeFile, monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    monkeypatch.setattr(limits, "DECODER_MEMORY_BYTES", 64 << 20)
    with pytest.raises(AudioError, match=r"x\.wav: it crashed the decoder \(exit status 1\)"):
        open_audio_file(make_file("x.wav"))


@linux
def test_where_no_process_can_start_it_is_told(
    make_file: MakeFile, monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    path = make_file("x.wav")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(AudioError, match="cannot start the decoder process: No such file"):
        open_audio_file(path)


@linux
def test_it_ends_with_its_parent_whatever_it_is_doing(long_file: Path) -> None:
    code = (
        "import os, sys; from streamer.audio import open_audio_file\n"
        f"sound = open_audio_file({str(long_file)!r})\n"
        "print(sound._decoder.process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    child = Path(f"/proc/{int(ended.stdout)}/stat")
    deadline = time.monotonic() + 3
    while child.exists() and child.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_imports_nothing_that_it_does_not_need() -> None:
    code = "import json, sys, streamer.decoder.decode; print(json.dumps(list(sys.modules)))"
    loaded = set(json.loads(subprocess.check_output([sys.executable, "-P", "-c", code])))
    assert loaded.isdisjoint({"numpy", "asyncio", "pydantic", "ssl", "http.client", "ctypes"})
    ours = {name for name in loaded if name.startswith("streamer")}
    others = {name for name in ours if not name.startswith("streamer.decoder")}
    assert others == {
        "streamer", "streamer.child", "streamer.child.framing", "streamer.errors",
        "streamer.limits",
    }  # fmt: skip


# How it dies


@linux
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_is_an_error_and_leaves_nothing_behind(
    long_file: Path, number: signal.Signals, nothing_left: None
) -> None:
    with open_audio_file(long_file) as sound:
        blocks = sound.blocks()
        next(blocks)
        process_of(sound).send_signal(number)
        with pytest.raises(AudioError) as caught:
            list(blocks)
    assert str(caught.value) == (
        f"cannot decode {long_file}: it crashed the decoder ({number.name}); "
        "give another audio file"
    )


@linux
def test_a_decoder_that_hangs_is_ended(
    long_file: Path, monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    with open_audio_file(long_file) as sound:
        monkeypatch.setattr(limits, "DECODER_TIMEOUT_S", 0.5)
        blocks = sound.blocks()
        next(blocks)
        process_of(sound).send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        with pytest.raises(AudioError, match=r"x\.wav: the decoder hangs; give another audio file"):
            list(blocks)
    assert time.monotonic() - begun < 3


@linux
def test_a_decoder_that_waits_for_us_does_not_hang(
    long_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_audio_file(long_file) as sound:
        monkeypatch.setattr(limits, "DECODER_TIMEOUT_S", 0.5)
        blocks = sound.blocks()
        next(blocks)
        time.sleep(1.0)
        assert sum(len(block.samples) for block in blocks) == 10 * 44100 - 882


@linux
def test_twenty_files_and_ten_crashes_leave_nothing_behind(
    make_file: MakeFile, long_file: Path, nothing_left: None
) -> None:
    short = make_file("short.wav", seconds=0.1)
    with Decoder() as decoder:
        for _ in range(10):
            with open_audio_file(short, decoder=decoder) as sound:
                assert len(sound_of(sound)) == 4410
            sound = open_audio_file(long_file, decoder=decoder)
            process_of(sound).kill()
            with pytest.raises(AudioError, match="crashed the decoder"):
                list(sound.blocks())


@linux
def test_a_file_nobody_closes_is_closed_once_it_is_forgotten(
    long_file: Path, nothing_left: None
) -> None:
    sound = open_audio_file(long_file)
    next(sound.blocks())
    del sound


async def drain(source: Source) -> None:
    async for _ in source.blocks():
        pass


@linux
async def test_a_zone_whose_decoder_crashes_is_told(long_file: Path, nothing_left: None) -> None:
    before = children()
    async with open_source(Zone(input=str(long_file))) as source:
        hearing = asyncio.create_task(drain(source))
        await asyncio.sleep(0.2)
        os.kill(*(children() - before), signal.SIGSEGV)
        with pytest.raises(AudioError, match=r"x\.wav: it crashed the decoder \(SIGSEGV\)"):
            await asyncio.wait_for(hearing, 3)


@linux
async def test_a_zone_whose_decoder_hangs_is_left_at_once(
    long_file: Path, nothing_left: None
) -> None:
    before = children()
    async with open_source(Zone(input=str(long_file))) as source:
        hearing = asyncio.create_task(drain(source))
        os.kill(*(children() - before), signal.SIGSTOP)
        await asyncio.sleep(1.2)  # all that had been decoded is played
        hearing.cancel()
        await asyncio.wait({hearing})
        begun = time.monotonic()
    assert time.monotonic() - begun < 0.5


@linux
def test_a_file_that_crashes_the_decoder_does_not_keep_the_others_from_being_analyzed(
    make_file: MakeFile, engine: Engine, monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    paths = [make_file(f"{number}.wav", seconds=1.5) for number in range(4)]
    real = Decoder.open

    def kills(self: Decoder, job: dict[str, str], patience: float) -> object:
        opened = real(self, job, patience)
        if job["path"].endswith("1.wav"):
            assert self.process is not None
            os.kill(self.process.pid, signal.SIGSEGV)
        return opened

    monkeypatch.setattr(Decoder, "open", kills)
    found = list(analyze_files(paths, engine, Tracking(), (), 2))
    assert [each.path for each in found] == paths
    assert [each.error is None for each in found] == [True, False, True, True]
    assert "1.wav: it crashed the decoder (SIGSEGV)" in str(found[1].error)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MemoryError(), "cannot decode x.wav: it needs more memory than a decoder may use; give"),
        (RuntimeError("odd"), "cannot decode x.wav: RuntimeError; give another sound file"),
    ],
)
def test_whatever_goes_wrong_in_it_is_told(
    monkeypatch: pytest.MonkeyPatch, error: Exception, text: str
) -> None:
    def broken(path: Path) -> None:
        raise error

    monkeypatch.setattr(decode, "open_container", broken)
    pipe = io.BytesIO()
    decode.decode_source({"path": "x.wav"}, pipe)
    pipe.seek(0)
    message = read_message(pipe)
    assert isinstance(message, dict)
    assert message["error"]["usage"] is False
    assert message["error"]["text"].startswith(text)
