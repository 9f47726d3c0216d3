"""Microphones, by PortAudio in processes of their own.

`list_devices` tells which there are, `MicrophoneFeed` records one, `LevelMeter` tells how loud each
channel of one is.
"""

from streamer.audio.microphone.devices import Device, DeviceList, choose
from streamer.audio.microphone.feed import MicrophoneFeed
from streamer.audio.microphone.levels import LOWEST, LevelMeter
from streamer.audio.microphone.process import list_devices

__all__ = [
    "LOWEST",
    "Device",
    "DeviceList",
    "LevelMeter",
    "MicrophoneFeed",
    "choose",
    "list_devices",
]
