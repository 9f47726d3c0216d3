"""Decoder processes that crash, hang or raise an unexpected exception."""

import asyncio
import io
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from streamer import limits
from streamer.audio import Decoder, Source, open_audio_file, open_source
from streamer.batch.analysis import analyze_files
from streamer.child.framing import read_message
from streamer.config import Tracking
from streamer.config.models import Zone
from streamer.decoder import decode
from streamer.engines import Engine
from streamer.errors import AudioError
from tests.streamer.audio.conftest import child_processes, process_of, read_samples

pytestmark = pytest.mark.long

MakeFile = Callable[..., Path]

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@linux
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_is_an_error_and_leaks_nothing(
    long_file: Path, number: signal.Signals, no_leaks: None
) -> None:
    with open_audio_file(long_file) as audio:
        blocks = audio.blocks()
        next(blocks)
        process_of(audio).send_signal(number)
        with pytest.raises(AudioError) as caught:
            list(blocks)
    assert str(caught.value) == (
        f"cannot decode {long_file}: it crashed the decoder ({number.name}); "
        "give another audio file"
    )


@linux
def test_a_hanging_decoder_is_killed(
    long_file: Path, monkeypatch: pytest.MonkeyPatch, no_leaks: None
) -> None:
    with open_audio_file(long_file) as audio:
        monkeypatch.setattr(limits, "DECODER_TIMEOUT_S", 0.5)
        blocks = audio.blocks()
        next(blocks)
        process_of(audio).send_signal(signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(AudioError, match=r"x\.wav: the decoder hangs; give another audio file"):
            list(blocks)
    assert time.monotonic() - started < 3


@linux
def test_a_decoder_that_waits_for_its_reader_is_not_killed(
    long_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_audio_file(long_file) as audio:
        monkeypatch.setattr(limits, "DECODER_TIMEOUT_S", 0.5)
        blocks = audio.blocks()
        next(blocks)
        time.sleep(1.0)
        assert sum(len(block.samples) for block in blocks) == 10 * 44100 - 882


@linux
def test_alternating_files_and_crashes_leak_nothing(
    make_file: MakeFile, long_file: Path, no_leaks: None
) -> None:
    short = make_file("short.wav", seconds=0.1)
    with Decoder() as decoder:
        for _ in range(10):
            with open_audio_file(short, decoder=decoder) as audio:
                assert len(read_samples(audio)) == 4410
            audio = open_audio_file(long_file, decoder=decoder)
            process_of(audio).kill()
            with pytest.raises(AudioError, match="crashed the decoder"):
                list(audio.blocks())


@linux
def test_an_unclosed_file_is_closed_when_it_is_garbage_collected(
    long_file: Path, no_leaks: None
) -> None:
    audio = open_audio_file(long_file)
    next(audio.blocks())
    del audio


async def drain(source: Source) -> None:
    async for _ in source.blocks():
        pass


@linux
async def test_a_source_raises_when_its_decoder_crashes(long_file: Path, no_leaks: None) -> None:
    before = child_processes()
    async with open_source(Zone(input=str(long_file))) as source:
        reading = asyncio.create_task(drain(source))
        await asyncio.sleep(0.2)
        os.kill(*(child_processes() - before), signal.SIGSEGV)
        with pytest.raises(AudioError, match=r"x\.wav: it crashed the decoder \(SIGSEGV\)"):
            await asyncio.wait_for(reading, 3)


@linux
async def test_a_source_with_a_hanging_decoder_closes_at_once(
    long_file: Path, no_leaks: None
) -> None:
    before = child_processes()
    async with open_source(Zone(input=str(long_file))) as source:
        reading = asyncio.create_task(drain(source))
        os.kill(*(child_processes() - before), signal.SIGSTOP)
        await asyncio.sleep(1.2)  # all decoded audio has been played
        reading.cancel()
        await asyncio.wait({reading})
        started = time.monotonic()
    assert time.monotonic() - started < 0.5


@linux
def test_other_files_are_analyzed_after_one_crashes_the_decoder(
    make_file: MakeFile, engine: Engine, monkeypatch: pytest.MonkeyPatch, no_leaks: None
) -> None:
    paths = [make_file(f"{number}.wav", seconds=1.5) for number in range(4)]
    original = Decoder.open

    def open_and_kill(self: Decoder, job: dict[str, str], timeout: float) -> object:
        opened = original(self, job, timeout)
        if job["path"].endswith("1.wav"):
            assert self.process is not None
            os.kill(self.process.pid, signal.SIGSEGV)
        return opened

    monkeypatch.setattr(Decoder, "open", open_and_kill)
    results = list(analyze_files(paths, engine, Tracking(), (), 2))
    assert [result.path for result in results] == paths
    assert [result.error is None for result in results] == [True, False, True, True]
    assert "1.wav: it crashed the decoder (SIGSEGV)" in str(results[1].error)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MemoryError(), "cannot decode x.wav: it needs more memory than a decoder may use; give"),
        (RuntimeError("odd"), "cannot decode x.wav: RuntimeError; give another audio file"),
    ],
)
def test_an_unexpected_exception_is_sent_as_a_one_line_error(
    monkeypatch: pytest.MonkeyPatch, error: Exception, text: str
) -> None:
    def fail(path: Path) -> None:
        raise error

    monkeypatch.setattr(decode, "open_container", fail)
    pipe = io.BytesIO()
    decode.decode_source({"path": "x.wav"}, pipe)
    pipe.seek(0)
    message = read_message(pipe)
    assert isinstance(message, dict)
    assert message["error"]["usage"] is False
    assert message["error"]["text"].startswith(text)
