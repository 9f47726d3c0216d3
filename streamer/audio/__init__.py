"""Audio input: from a zone's source to mono blocks at the source's rate.

::

    microphone/   PortAudio in a child process  ─┐
    stream/       decoder process, playout       ├─> RingBuffer ──> Source ──> Block
    file_input    decoder process, paced         │   (a thread      (event
    raw_input     a pipe or standard input      ─┘    per input)     loop)

Every input is cleaned and downmixed to mono before the ring buffer; its clock gives each sample a
capture time. `open_source` opens a zone's input in real time, `open_audio_file` decodes a file as
fast as it is read. `Resampler` converts the blocks of either to `ZONE_RATE`.
"""

from streamer.audio.audio_file import AudioFile, open_audio_file
from streamer.audio.block import Block, Samples
from streamer.audio.decoder_client import Decoder
from streamer.audio.resampler import ZONE_RATE, Resampler, zone_sample
from streamer.audio.source import Source, is_recoverable, open_source, pin_device

__all__ = [
    "ZONE_RATE",
    "AudioFile",
    "Block",
    "Decoder",
    "Resampler",
    "Samples",
    "Source",
    "is_recoverable",
    "open_audio_file",
    "open_source",
    "pin_device",
    "zone_sample",
]
