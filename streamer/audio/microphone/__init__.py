"""Microphones, by PortAudio in processes of their own.

`list_devices` tells which there are, `MicrophoneFeed` records one, `LevelMeter` tells how loud each
channel of one is.
"""

from streamer.audio.microphone.capture_client import list_devices
from streamer.audio.microphone.channel_levels import LOWEST, LevelMeter
from streamer.audio.microphone.device_list import Device, DeviceList, choose
from streamer.audio.microphone.microphone_feed import MicrophoneFeed

__all__ = [
    "LOWEST",
    "Device",
    "DeviceList",
    "LevelMeter",
    "MicrophoneFeed",
    "choose",
    "list_devices",
]
