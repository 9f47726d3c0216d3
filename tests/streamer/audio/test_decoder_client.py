"""Samples, resource limits and lifetime of the decoder process."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from streamer import limits
from streamer.audio import Decoder, open_audio_file, open_source
from streamer.audio.cleaning import Cleaner
from streamer.audio.downmix import downmix
from streamer.config.models import Zone
from streamer.decoder.messages import SAMPLE_BYTES, PcmFrame
from streamer.errors import AudioError
from tests.streamer.audio.conftest import child_processes, process_of, read_samples

pytestmark = pytest.mark.long

MakeFile = Callable[..., Path]

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


# Samples


def in_process(path: Path) -> Iterator[PcmFrame | float]:
    """Decode in this process, with FFmpeg only."""
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
def test_samples_equal_those_decoded_in_process_bit_for_bit(
    make_file: MakeFile, name: str, codec: str, channels: int
) -> None:
    path = make_file(name, rate=48000, codec=codec, channels=channels)
    cleaner = Cleaner()
    expected = [p for p in downmix(in_process(path), 48000, (), cleaner) if not isinstance(p, int)]
    with open_audio_file(path) as audio:
        assert np.array_equal(read_samples(audio), np.concatenate(expected))
        assert (audio.cleaner.clipped, audio.cleaner.non_finite) == (cleaner.clipped, 0)


@linux
def test_one_process_decodes_many_files_without_growing(
    make_file: MakeFile,
) -> None:
    path = make_file("x.flac", codec="flac", form="s16", seconds=0.5)
    sizes = []
    with Decoder() as decoder:
        processes = set()
        for _ in range(60):
            with open_audio_file(path, decoder=decoder) as audio:
                assert len(read_samples(audio)) == 22050
            assert decoder.process is not None
            processes.add(decoder.process.pid)
            status = Path(f"/proc/{decoder.process.pid}/statm").read_text()
            sizes.append(int(status.split()[1]))
    assert len(processes) == 1
    assert sizes[-1] - sizes[10] < 250  # pages: 1 MB


@linux
async def test_a_looping_file_is_played_by_one_process(make_file: MakeFile) -> None:
    before = child_processes()
    path = make_file("x.wav", seconds=0.1)
    async with open_source(Zone(input=str(path), loop=True)) as source:
        (first,) = child_processes() - before
        async for block in source.blocks():
            if block.end_sample > 0.7 * source.rate:
                break
        assert child_processes() - before == {first}


def test_an_unfinished_file_does_not_affect_the_next(make_file: MakeFile, long_file: Path) -> None:
    short = make_file("short.wav", seconds=0.1, rate=8000)
    with Decoder() as decoder:
        with open_audio_file(long_file, decoder=decoder) as audio:
            next(audio.blocks())
        with open_audio_file(short, decoder=decoder) as audio:
            assert len(read_samples(audio)) == 800


# Limits and lifetime


@linux
def test_resource_limits_and_a_clean_environment_are_in_effect(
    make_file: MakeFile, long_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMER_MQTT__PASSWORD", "canary")
    monkeypatch.setenv("https_proxy", "http://proxy.example")
    monkeypatch.setenv("SSL_CERT_FILE", "/somewhere/ca.pem")
    with open_audio_file(long_file) as audio:
        next(audio.blocks())
        proc = Path(f"/proc/{process_of(audio).pid}")
        lines = [line.split("  ") for line in (proc / "limits").read_text().splitlines()]
        rows = {line[0]: [each.strip() for each in line[1:] if each.strip()] for line in lines}
        assert rows["Max core file size"][:2] == ["0", "0"]
        assert rows["Max file size"][:2] == ["0", "0"]
        assert rows["Max open files"][:2] == [str(limits.DECODER_OPEN_FILES)] * 2
        assert rows["Max address space"][:2] == [str(limits.DECODER_MEMORY_BYTES)] * 2
        assert "NoNewPrivs:\t1" in (proc / "status").read_text()
        environment = (proc / "environ").read_bytes()
        assert b"STREAMER_" not in environment
        assert b"canary" not in environment
        assert b"https_proxy=http://proxy.example\0" in environment
        assert b"SSL_CERT_FILE=/somewhere/ca.pem\0" in environment
        assert b"x.wav" not in (proc / "cmdline").read_bytes()
        assert str((proc / "fd" / "2").readlink()) == os.devnull
        assert os.getsid(process_of(audio).pid) != os.getsid(0)
        size = next(line for line in (proc / "status").read_text().splitlines() if "VmPeak" in line)
        assert int(size.split()[1]) * 1024 < limits.DECODER_MEMORY_BYTES / 3


def with_cover_image(mp3: Path, megabytes: int) -> Path:
    """Prepend a sparse cover image of this many megabytes to an MP3."""
    size = megabytes << 20

    def synchsafe(number: int) -> bytes:
        return bytes(number >> shift & 127 for shift in (21, 14, 7, 0))

    image = b"APIC" + synchsafe(size) + b"\0\0" + b"\0image/png\0\3\0"
    data = mp3.read_bytes()
    with mp3.open("wb") as file:
        file.write(b"ID3\4\0\0" + synchsafe(size + 10) + image)
        file.seek(size + 20)
        file.write(data[data.index(b"\xff\xfb") :])
    return mp3


@linux
def test_memory_stays_below_its_limit(
    make_file: MakeFile, monkeypatch: pytest.MonkeyPatch, no_leaks: None
) -> None:
    """FFmpeg skips a cover image that does not fit into memory."""
    path = with_cover_image(make_file("x.mp3", codec="libmp3lame", seconds=1), 160)
    peaks = []
    for megabytes in (1024, 250):
        monkeypatch.setattr(limits, "DECODER_MEMORY_BYTES", megabytes << 20)
        with open_audio_file(path) as audio:
            next(audio.blocks())
            status = Path(f"/proc/{process_of(audio).pid}/status").read_text()
            peaks.append(int(status.partition("VmPeak:")[2].split()[0]) / 1024)
    assert peaks[0] > 250 > peaks[1]


@linux
def test_a_process_without_memory_to_start_is_an_error(
    make_file: MakeFile, monkeypatch: pytest.MonkeyPatch, no_leaks: None
) -> None:
    monkeypatch.setattr(limits, "DECODER_MEMORY_BYTES", 64 << 20)
    with pytest.raises(AudioError, match=r"x\.wav: it crashed the decoder \(exit status 1\)"):
        open_audio_file(make_file("x.wav"))


@linux
def test_a_process_that_cannot_be_started_is_an_error(
    make_file: MakeFile, monkeypatch: pytest.MonkeyPatch, no_leaks: None
) -> None:
    path = make_file("x.wav")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(AudioError, match="cannot start the decoder process: No such file"):
        open_audio_file(path)


@linux
def test_the_process_ends_when_its_parent_is_killed(long_file: Path) -> None:
    code = (
        "import os, sys; from streamer.audio import open_audio_file\n"
        f"audio = open_audio_file({str(long_file)!r})\n"
        "print(audio._decoder.process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    child = Path(f"/proc/{int(result.stdout)}/stat")
    deadline = time.monotonic() + 3
    while child.exists() and child.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_process_imports_only_what_it_needs() -> None:
    code = "import json, sys, streamer.decoder.decode; print(json.dumps(list(sys.modules)))"
    loaded = set(json.loads(subprocess.check_output([sys.executable, "-P", "-c", code])))
    assert loaded.isdisjoint({"numpy", "asyncio", "pydantic", "ssl", "http.client", "ctypes"})
    own = {name for name in loaded if name.startswith("streamer")}
    others = {name for name in own if not name.startswith("streamer.decoder")}
    assert others == {
        "streamer", "streamer.child", "streamer.child.framing", "streamer.errors",
        "streamer.limits",
    }  # fmt: skip
