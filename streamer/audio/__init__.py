"""Sound in: sources, decoding, ring buffer, clock, resampling.

`open_source` gives a zone's sound in real time, `open_sound_file` a file's as fast as it is asked,
`Resampler` brings either to the zone's rate. Whoever receives a block owns its samples.
Files and streams are decoded in a process of their own, a `Decoder`.
"""

from streamer.audio.block import Block, Samples
from streamer.audio.capture_clock import CaptureClock, Clock, PacedClock
from streamer.audio.cleaning import Cleaner
from streamer.audio.decoder_client import Decoder
from streamer.audio.resampler import ZONE_RATE, Resampler, zone_sample
from streamer.audio.ring_buffer import RingBuffer
from streamer.audio.sound_file import SoundFile, open_sound_file
from streamer.audio.source import Source, kept, open_source, returns

__all__ = [
    "ZONE_RATE",
    "Block",
    "CaptureClock",
    "Cleaner",
    "Clock",
    "Decoder",
    "PacedClock",
    "Resampler",
    "RingBuffer",
    "Samples",
    "SoundFile",
    "Source",
    "kept",
    "open_sound_file",
    "open_source",
    "returns",
    "zone_sample",
]
