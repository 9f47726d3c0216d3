"""Records one PortAudio device, in a process of its own: `python portaudio_capture.py`.

PortAudio sees a device that was plugged in only once it is initialised anew, which ends every
stream of its process, and a driver that hangs hangs its process with it. So each microphone has a
recorder, which can be ended and started without touching anything else. It is run as a script and
imports nothing of ours, which keeps it small.

It speaks in records on standard output, each a kind (one byte), a length (uint32) and a content:

- `D`: the devices, JSON; always the first
- `O`: the device is open, JSON: `rate`, `latency`
- `A`: sound: number of its first frame (int64), `time.monotonic()` when it arrived (float64), its
  age by PortAudio's clock (float64, NaN where that is not known), overflow (uint8), then float32,
  one channel after the other
- `E`: an error, JSON: `what` (`missing` or `failed`) and PortAudio's `text`

It is told one JSON object a line on standard input: first `{"device", "channels", "take", "rate"}`
to open so many channels of a device and take some of them (counted from 0), then anything to start.
It ends when standard input does.
"""

import json
import math
import os
import queue
import struct
import sys
import threading
import time
from typing import Any

HEADER = struct.Struct("=cI")
SOUND = struct.Struct("=qddB")
BLOCK_SECONDS = 0.02
BACKLOG = 500  # blocks that wait for a reader who is late: 10 s


def say(kind: bytes, content: bytes) -> None:
    """Write one record."""
    output = sys.stdout.buffer
    output.write(HEADER.pack(kind, len(content)))
    output.write(content)
    output.flush()


def say_json(kind: bytes, content: dict[str, Any]) -> None:
    """Write one record of JSON."""
    say(kind, json.dumps(content).encode())


def devices(sounddevice: Any) -> dict[str, Any]:
    """Return PortAudio's version and every device that records."""
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


class Recorder:
    """Takes what PortAudio's thread brings and writes it; its queue never holds that thread up."""

    def __init__(self, sounddevice: Any, wish: dict[str, Any]) -> None:
        self.frames = 0
        self.channels: int = wish["channels"]
        self.take: list[int] = wish["take"]
        self.blocks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.stream = sounddevice.RawInputStream(
            device=wish["device"],
            channels=self.channels,
            samplerate=wish["rate"],
            dtype="float32",
            blocksize=round(wish["rate"] * BLOCK_SECONDS),
            latency="low",
            callback=self.heard,
            finished_callback=lambda: self.blocks.put(None),
        )

    def heard(self, data: Any, frames: int, times: Any, status: Any) -> None:
        """Keep a block; PortAudio's callback."""
        now = time.monotonic()
        age = times.currentTime - times.inputBufferAdcTime
        age = age if 0 <= age <= 1 else math.nan
        if self.blocks.qsize() < BACKLOG:
            head = SOUND.pack(self.frames, now, age, bool(status.input_overflow))
            sound = memoryview(data).cast("B").cast("f")
            taken = (sound[channel :: self.channels].tobytes() for channel in self.take)
            self.blocks.put(head + b"".join(taken))
        self.frames += frames

    def record(self) -> None:
        """Write blocks until the stream ends by itself."""
        self.stream.start()
        while (block := self.blocks.get()) is not None:
            say(b"A", block)


def end_with_standard_input() -> None:
    """Leave at once when nobody wants us any more; a driver that hangs is not asked."""
    while sys.stdin.buffer.readline():
        pass
    os._exit(0)


def main() -> None:
    """Tell the devices, open the one that is wished for, record it."""
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        say_json(b"E", {"what": "missing", "text": str(error)})
        return
    try:
        say_json(b"D", devices(sounddevice))
        line = sys.stdin.buffer.readline()
        if not line:
            return
        recorder = Recorder(sounddevice, json.loads(line))
        stream = recorder.stream
        say_json(b"O", {"rate": round(stream.samplerate), "latency": stream.latency})
        if not sys.stdin.buffer.readline():
            return
        threading.Thread(target=end_with_standard_input, daemon=True).start()
        recorder.record()
        say_json(b"E", {"what": "failed", "text": "the stream ended"})
    except sounddevice.PortAudioError as error:
        say_json(b"E", {"what": "failed", "text": str(error)})


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        pass
    finally:
        os._exit(0)  # not by PortAudio's own end, which waits for a driver that may hang
