"""Decode one source to its end and write the messages about it."""

import contextlib
import time
from pathlib import Path
from typing import IO

import av
from av.error import FFmpegError

from streamer import limits
from streamer.child.framing import write_audio, write_json
from streamer.decoder.local_files import open_container
from streamer.decoder.messages import SAMPLE_BYTES, pack_header
from streamer.decoder.packets import PacketDecoder
from streamer.errors import AudioError, StreamerError, UsageError


def decode_source(request: dict[str, str], pipe: IO[bytes]) -> None:
    """Decode a file or a stream; write errors as the last message in place of raising them.

    Parameters
    ----------
    request
        `path` of a file, or `url` of a stream.
    pipe
        Where to write messages.

    Raises
    ------
    BrokenPipeError
        The main process is gone.
    """
    shown = request.get("path", "the stream")
    usage = False
    try:
        if "url" in request:
            decode_stream(request["url"], pipe)
        else:
            decode_file(Path(request["path"]), pipe)
    except BrokenPipeError:
        raise
    except StreamerError as error:
        usage = isinstance(error, UsageError)
        text = str(error)
    except MemoryError:
        text = (
            f"cannot decode {shown}: it needs more memory than a decoder may use; "
            "give another audio file"
        )
    except Exception as error:  # noqa: BLE001 - what PyAV raises on damaged input
        text = f"cannot decode {shown}: {type(error).__name__}; give another audio file"
    else:
        return
    write_json(pipe, {"error": {"usage": usage, "text": text}})


def decode_file(path: Path, pipe: IO[bytes]) -> None:
    """Decode the best audio stream of a file.

    Raises
    ------
    AudioError
        The file is not audio, or damaged from its beginning.
    """
    container, stream = open_container(path)
    with container:
        decoder = PacketDecoder(container, stream, read_failures=limits.MAX_READ_FAILURES)
        first = decoder.decode_first()
        if first is None:
            raise AudioError(
                f"cannot decode {path}: it holds no audio, or is cut off or damaged; "
                "give a complete audio file"
            )
        codec, duration = stream.codec_context.name, _declared_duration(container, stream)
        _write_opened(pipe, first, codec=codec, duration=duration)
        for frame in decoder.frames():
            _write_frame(pipe, frame)
        counts = {"corrupt": decoder.corrupt_packets, "decoded": decoder.decoded_packets}
        write_json(pipe, {"end": counts})


def decode_stream(url: str, pipe: IO[bytes]) -> None:
    """Receive and decode a network stream until it is lost.

    Raises
    ------
    UsageError
        The URL is invalid.
    AudioError
        The stream cannot be opened, sends no audio, or is lost. Every stream ends this way.
    """
    from streamer.decoder.http_audio import CHECK_NETWORK
    from streamer.decoder.network_input import explain_read_error, open_network_input
    from streamer.decoder.urls import redact_url

    shown = redact_url(url)
    with contextlib.closing(open_network_input(url)) as network_input:
        scheme = network_input.scheme
        decoder = PacketDecoder(
            network_input.container, network_input.stream, timeout=scheme.read_timeout
        )
        opened = False
        try:
            first = decoder.decode_first(max_corrupt=limits.MAX_DAMAGED_PACKETS)
            if first is None:
                raise AudioError(
                    f"cannot decode {shown}: it sends no audio; "
                    "give the address of an audio stream, or check what its server sends"
                )
            _write_opened(pipe, first, name=network_input.name, prebuffer=scheme.prebuffer)
            opened, title = True, ""
            network_input.restart_timeout()
            last_audio = time.monotonic()
            for frame in decoder.frames():
                if network_input.title != title:
                    title = network_input.title
                    write_json(pipe, {"title": title})
                _write_frame(pipe, frame)
                pipe.flush()  # waits while the main process does not read
                if not isinstance(frame, float):
                    network_input.restart_timeout()
                    last_audio = time.monotonic()
                starved = time.monotonic() - last_audio > limits.AUDIO_TIMEOUT_S
                if starved or decoder.mostly_corrupt:
                    raise AudioError(
                        f"{shown} is lost: it sends no audio that can be decoded; "
                        "check what its server sends"
                    )
        except MemoryError:
            raise
        except (FFmpegError, OSError, ValueError) as error:
            if type(error) is BrokenPipeError:  # of our own pipe; FFmpeg's is a subclass
                raise
            cause = f"{explain_read_error(error, scheme)}; {CHECK_NETWORK}"
            message = f"{shown} is lost: {cause}" if opened else f"cannot open {shown}: {cause}"
            raise AudioError(message) from None
    raise AudioError(f"{shown} is lost: the server ended it; {CHECK_NETWORK}")


def _write_opened(
    pipe: IO[bytes],
    first: av.AudioFrame,
    *,
    codec: str = "",
    duration: float | None = None,
    name: str = "",
    prebuffer: float = 0.0,
) -> None:
    opened = {
        "rate": first.sample_rate,
        "channels": first.layout.nb_channels,
        "codec": codec,
        "duration": duration,
        "name": name,
        "prebuffer": prebuffer,
    }
    write_json(pipe, {"opened": opened})
    pipe.flush()


def _write_frame(pipe: IO[bytes], frame: av.AudioFrame | float) -> None:
    """Write a frame, or for a float the seconds that are lost."""
    if isinstance(frame, float):
        write_json(pipe, {"lost": frame})
        return
    channels, sample_format = frame.layout.nb_channels, frame.format.name
    plane_bytes = frame.samples * SAMPLE_BYTES[frame.format.packed.name]
    if channels > limits.MAX_CHANNELS or plane_bytes * channels > limits.MAX_MESSAGE_BYTES // 2:
        raise AudioError(
            f"cannot decode the audio: it changes to {channels} channels in frames of "
            f"{frame.samples} samples; give another source"
        )
    if frame.format.is_planar:
        planes = [memoryview(plane)[:plane_bytes] for plane in frame.planes]
    else:
        planes = [memoryview(frame.planes[0])[: plane_bytes * channels]]
    write_audio(pipe, pack_header(frame.sample_rate, channels, sample_format), *planes)


def _declared_duration(
    container: av.container.InputContainer, stream: av.AudioStream
) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None
