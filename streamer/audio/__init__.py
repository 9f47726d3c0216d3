"""Sound in: sources, decoding, ring buffer, clock, resampling.

`open_source` gives a zone's sound in real time, `open_audio_file` a file's as fast as it is asked,
`Resampler` brings either to the zone's rate. Whoever receives a block owns its samples.
Files and streams are decoded in a process of their own, a `Decoder`.
"""

from streamer.audio.audio_file import AudioFile, open_audio_file
from streamer.audio.block import Block, Samples
from streamer.audio.capture_clock import CaptureClock, Clock, PlaybackClock
from streamer.audio.cleaning import Cleaner
from streamer.audio.decoder_client import Decoder
from streamer.audio.resampler import ZONE_RATE, Resampler, zone_sample
from streamer.audio.ring_buffer import RingBuffer
from streamer.audio.source import Source, is_recoverable, open_source, pin_device

__all__ = [
    "ZONE_RATE",
    "AudioFile",
    "Block",
    "CaptureClock",
    "Cleaner",
    "Clock",
    "Decoder",
    "PlaybackClock",
    "Resampler",
    "RingBuffer",
    "Samples",
    "Source",
    "is_recoverable",
    "open_audio_file",
    "open_source",
    "pin_device",
    "zone_sample",
]
