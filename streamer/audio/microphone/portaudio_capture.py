"""Capture process: list the input devices, then capture one. `python portaudio_capture.py`.

Each microphone has a process of its own. PortAudio sees a newly plugged device only after it is
initialised again, which ends every stream of its process, and a driver that hangs hangs its
process. This file runs as a script and imports little, which keeps the process small.

Messages, framed by `streamer.child.framing`:

- first, to the main process: `{"portaudio": version, "devices": [...]}`
- to the process: `{"device", "channels", "selected", "rate"}`: open a device with so many channels,
  and capture the selected ones, counted from 0
- `{"opened": {"rate"}}`
- to the process: any message, to start
- audio messages: `BLOCK_HEADER`, then float32 samples, one channel after the other
- instead of any of these `{"error": {"kind", "text"}}`: `kind` is `missing` (no PortAudio) or
  `failed`; `text` is PortAudio's
"""

import math
import os
import queue
import struct
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

if __name__ == "__main__":  # import the package that this file belongs to, wherever it lies
    sys.path.insert(0, str(Path(__file__).parents[3]))
    import streamer  # noqa: F401

    sys.path.pop(0)

from streamer.child.entry import claim_stdout, read_until_parent_exits
from streamer.child.framing import read_message, write_audio, write_json

BLOCK_HEADER = struct.Struct("=qddB")
"""Header of a block of audio.

Number of its first frame; its arrival by `time.monotonic()`; seconds from its capture to its
arrival by PortAudio's clock, NaN if unknown; 1 if PortAudio reports an overflow before it, else 0.
"""

_BLOCK_S = 0.02
_MAX_BACKLOG = 500  # blocks that wait for a slow reader: 10 s


def list_input_devices(sounddevice: Any) -> dict[str, Any]:
    """Return PortAudio's version and every device that has inputs."""
    apis = sounddevice.query_hostapis()
    default = sounddevice.default.device[0]
    return {
        "portaudio": sounddevice.get_portaudio_version()[1],
        "devices": [
            {
                "index": index,
                "name": device["name"],
                "host_api": apis[device["hostapi"]]["name"],
                "channels": device["max_input_channels"],
                "rate": round(device["default_samplerate"]),
                "latency": device["default_low_input_latency"],
                "default": index == default,
            }
            for index, device in enumerate(sounddevice.query_devices())
            if device["max_input_channels"] > 0
        ],
    }


class Capture:
    """Input stream whose callback queues blocks without ever waiting.

    Parameters
    ----------
    sounddevice
        The module.
    request
        `device`, `channels`, `selected` and `rate`, as the main process sends them.
    """

    def __init__(self, sounddevice: Any, request: dict[str, Any]) -> None:
        self._frame_count = 0
        self._channels: int = request["channels"]
        self._selected: list[int] = request["selected"]
        self._blocks: queue.SimpleQueue[tuple[bytes, bytes] | None] = queue.SimpleQueue()
        self.stream = sounddevice.RawInputStream(
            device=request["device"],
            channels=self._channels,
            samplerate=request["rate"],
            dtype="float32",
            blocksize=round(request["rate"] * _BLOCK_S),
            latency="low",
            callback=self._queue_block,
            finished_callback=lambda: self._blocks.put(None),
        )

    def run(self, pipe: IO[bytes]) -> None:
        """Write blocks until the stream ends by itself."""
        self.stream.start()
        while (block := self._blocks.get()) is not None:
            write_audio(pipe, *block)
            pipe.flush()

    def _queue_block(self, data: Any, frames: int, times: Any, status: Any) -> None:
        """Queue a block, or drop it if the backlog is full; PortAudio's callback."""
        now = time.monotonic()
        age = times.currentTime - times.inputBufferAdcTime
        age = age if 0 <= age <= 1 else math.nan
        if self._blocks.qsize() < _MAX_BACKLOG:
            header = BLOCK_HEADER.pack(self._frame_count, now, age, bool(status.input_overflow))
            samples = memoryview(data).cast("B").cast("f")
            selected = (samples[channel :: self._channels].tobytes() for channel in self._selected)
            self._blocks.put((header, b"".join(selected)))
        self._frame_count += frames


def main() -> None:
    """List the devices, open the requested one, capture it."""
    pipe = claim_stdout()

    def send(message: dict[str, Any]) -> None:
        write_json(pipe, message)
        pipe.flush()

    def fail(kind: str, error: object) -> None:
        send({"error": {"kind": kind, "text": str(error)}})

    try:
        import sounddevice
    except (ImportError, OSError) as error:
        fail("missing", error)
        return
    try:
        send(list_input_devices(sounddevice))
        request = read_message(sys.stdin.buffer, trusted=True)
        if not isinstance(request, dict):
            return
        capture = Capture(sounddevice, request)
        send({"opened": {"rate": round(capture.stream.samplerate)}})
        if read_message(sys.stdin.buffer, trusted=True) is None:
            return
        target, ignore = read_until_parent_exits, lambda _: None
        threading.Thread(target=target, args=(ignore,), daemon=True).start()
        capture.run(pipe)
        fail("failed", "the stream ended")
    except sounddevice.PortAudioError as error:
        fail("failed", error)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # the main process is gone
        pass
    finally:
        os._exit(0)  # do not let PortAudio wait for a driver that may hang
