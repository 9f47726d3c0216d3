"""Decoding one source, and telling what comes of it."""

import contextlib
import time
from pathlib import Path
from typing import IO

import av
from av.error import FFmpegError

from streamer import limits
from streamer.child import framing as records
from streamer.decoder.local_files import open_container
from streamer.decoder.packets import PacketDecoder
from streamer.errors import AudioError, StreamerError, UsageError


def work(job: dict[str, str], pipe: IO[bytes]) -> None:
    """Decode a file or a stream to its end, which is the last record; nothing is raised for it.

    Parameters
    ----------
    job
        `path` of a file, or `url` of a stream.
    pipe
        Where to write records.

    Raises
    ------
    BrokenPipeError
        Nobody reads them any more.
    """
    shown = job.get("path", "the stream")
    try:
        if "url" in job:
            decode_stream(job["url"], pipe)
        else:
            decode_file(Path(job["path"]), pipe)
    except BrokenPipeError:
        raise
    except StreamerError as error:
        usage = isinstance(error, UsageError)
        records.say_json(pipe, records.ERROR, usage=usage, text=str(error))
    except MemoryError:
        text = (
            f"{shown} wants more memory than decoding may take; "
            "it is no sound file that can be played"
        )
        records.say_json(pipe, records.ERROR, usage=False, text=text)
    except Exception as error:  # noqa: BLE001 - what FFmpeg's wrapper raises on broken sound
        text = f"{shown} cannot be decoded ({type(error).__name__}); give another sound"
        records.say_json(pipe, records.ERROR, usage=False, text=text)


def decode_file(path: Path, pipe: IO[bytes]) -> None:
    """Decode the first sound of a file.

    Raises
    ------
    AudioError
        It is no sound, or broken from its beginning.
    """
    container, stream = open_container(path)
    with container:
        decoder = PacketDecoder(container, stream, read_failures=limits.MAX_READ_FAILURES)
        first = decoder.begin()
        if first is None:
            raise AudioError(
                f"{path} holds no sound that can be decoded: it is cut off, damaged or empty; "
                "give a whole sound file"
            )
        _say_opened(
            pipe,
            first,
            codec=stream.codec_context.name,
            duration=_declared_duration(container, stream),
        )
        for piece in decoder.frames():
            _say_piece(pipe, piece)
        corrupt, decoded = decoder.corrupt_packets, decoder.decoded_packets
        records.say_json(pipe, records.END, corrupt=corrupt, decoded=decoded)


def decode_stream(url: str, pipe: IO[bytes]) -> None:
    """Receive and decode a network stream until it is lost.

    Raises
    ------
    UsageError
        It is no URL that can be meant.
    AudioError
        It cannot be opened, sends no sound, or is lost; a stream never ends otherwise.
    """
    from streamer.decoder.http_audio import CHECK
    from streamer.decoder.network_input import explain_read_error, open_network_input
    from streamer.decoder.urls import redact_url

    where = redact_url(url)
    silent = AudioError(
        f"{where} sends no sound that can be decoded; "
        "give the address of a sound stream, or look at what its server sends"
    )
    verb = "cannot be heard"
    with contextlib.closing(open_network_input(url)) as remote:
        scheme = remote.scheme
        decoder = PacketDecoder(remote.container, remote.stream, patience=scheme.read_timeout)
        try:
            first = decoder.begin(patience=limits.MAX_DAMAGED_PACKETS)
            if first is None:
                raise silent
            _say_opened(pipe, first, name=remote.name, prebuffer=scheme.prebuffer)
            verb, title = "is lost", ""
            remote.heard()
            heard = time.monotonic()
            for piece in decoder.frames():
                if remote.title != title:
                    title = remote.title
                    records.say(pipe, records.TITLE, title.encode())
                _say_piece(pipe, piece)
                pipe.flush()  # waits while nobody takes it
                if not isinstance(piece, float):
                    remote.heard()
                    heard = time.monotonic()
                starved = time.monotonic() - heard > limits.AUDIO_TIMEOUT_S
                if starved or decoder.mostly_damaged:
                    raise silent
        except MemoryError:
            raise
        except (FFmpegError, OSError, ValueError) as error:
            if type(error) is BrokenPipeError:  # of our own pipe; FFmpeg has a class of its own
                raise
            why = explain_read_error(error, scheme)
            raise AudioError(f"{where} {verb}: {why}; {CHECK}") from None
    raise AudioError(f"{where} is lost: the server ended it; {CHECK}")


def _say_opened(
    pipe: IO[bytes],
    first: av.AudioFrame,
    *,
    codec: str = "",
    duration: float | None = None,
    name: str = "",
    prebuffer: float = 0.0,
) -> None:
    records.say_json(
        pipe,
        records.OPENED,
        rate=first.sample_rate,
        channels=first.layout.nb_channels,
        codec=codec,
        duration=duration,
        name=name,
        prebuffer=prebuffer,
    )
    pipe.flush()


def _say_piece(pipe: IO[bytes], piece: av.AudioFrame | float) -> None:
    if isinstance(piece, float):
        records.say(pipe, records.LOSS, records.SECONDS.pack(piece))
        return
    channels, form = piece.layout.nb_channels, piece.format.name
    length = piece.samples * records.SAMPLE_BYTES[piece.format.packed.name]
    planar = piece.format.is_planar
    planes = piece.planes if planar else piece.planes[:1]
    size = length if planar else length * channels
    if channels > limits.MAX_CHANNELS or length * channels > limits.MAX_MESSAGE_BYTES // 2:
        raise AudioError(
            f"the sound goes on with {channels} channels in pieces of {piece.samples} samples, "
            "which cannot be; give another source"
        )
    head = records.FRAME_HEAD.pack(piece.sample_rate, channels, form.encode())
    records.say(pipe, records.FRAME, head, *(memoryview(plane)[:size] for plane in planes))


def _declared_duration(
    container: av.container.InputContainer, stream: av.AudioStream
) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None
