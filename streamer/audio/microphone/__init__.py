"""Microphone input through PortAudio, captured in a child process.

`list_devices` lists input devices, `MicrophoneInput` captures one, `LevelMeter` measures the level
of each of its channels.
"""

from streamer.audio.microphone.capture_client import list_devices
from streamer.audio.microphone.channel_levels import MIN_LEVEL_DBFS, LevelMeter
from streamer.audio.microphone.device_list import Device, DeviceList, find_device
from streamer.audio.microphone.microphone_input import MicrophoneInput

__all__ = [
    "MIN_LEVEL_DBFS",
    "Device",
    "DeviceList",
    "LevelMeter",
    "MicrophoneInput",
    "find_device",
    "list_devices",
]
