"""Sound in: sources, decoding, ring buffer, clock, resampling.

`open_source` gives a zone's sound in real time, `open_sound_file` a file's as fast as it is asked,
`Resampler` brings either to the zone's rate. Whoever receives a block owns its samples.
Files and streams are decoded in a process of their own, a `Decoder`.
"""

from streamer.audio.block import Block, Samples
from streamer.audio.cleaning import Cleaner
from streamer.audio.clock import CaptureClock, Clock, PacedClock
from streamer.audio.decode import SoundFile, open_sound_file
from streamer.audio.decoding import Decoder
from streamer.audio.resample import ZONE_RATE, Resampler, zone_sample
from streamer.audio.ring import RingBuffer
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
