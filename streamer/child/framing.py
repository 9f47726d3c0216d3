"""Framing of the messages between the main process and a child process.

A message is its kind (one byte), the length of its payload (uint32, native byte order) and the
payload:

- `J`: a JSON object; its keys say what it means
- `A`: audio: a binary header that sender and receiver agree on, then samples
"""

import json
import struct
from collections.abc import Mapping
from typing import IO, Any

from streamer import limits

_JSON, _AUDIO = b"J", b"A"
_HEADER = struct.Struct("=cI")


class MessageError(Exception):
    """A message is too long, of an unknown kind, or not a JSON object."""


def write_json(pipe: IO[bytes], message: Mapping[str, Any]) -> None:
    """Write a JSON message; the caller flushes the pipe."""
    payload = json.dumps(message, separators=(",", ":")).encode()
    pipe.write(_HEADER.pack(_JSON, len(payload)))
    pipe.write(payload)


def write_audio(pipe: IO[bytes], *parts: bytes | memoryview) -> None:
    """Write an audio message from consecutive parts; the caller flushes the pipe."""
    pipe.write(_HEADER.pack(_AUDIO, sum(map(len, parts))))
    for part in parts:
        pipe.write(part)


def read_message(pipe: IO[bytes], *, trusted: bool = False) -> dict[str, Any] | bytes | None:
    """Read one message; wait until it is complete.

    Parameters
    ----------
    pipe
        A buffered pipe.
    trusted
        Accept any length. By default the limits in `streamer.limits` apply.

    Returns
    -------
    dict[str, Any] | bytes | None
        The object of a JSON message, the payload of an audio message, None at the end of the pipe.

    Raises
    ------
    MessageError
        The message is invalid; nothing after it can be read.
    """
    header = pipe.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    kind, length = _HEADER.unpack(header)
    if kind not in (_JSON, _AUDIO):
        raise MessageError(f"unknown kind {kind!r}")
    longest = limits.MAX_MESSAGE_BYTES if kind == _AUDIO else limits.MAX_TEXT_MESSAGE_BYTES
    if length > longest and not trusted:
        raise MessageError(f"{length} bytes are too long")
    payload = pipe.read(length)
    if len(payload) < length:
        return None
    if kind == _AUDIO:
        return payload
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise MessageError(f"invalid JSON: {error}") from None
    if not isinstance(message, dict):
        raise MessageError("not a JSON object")
    return message
