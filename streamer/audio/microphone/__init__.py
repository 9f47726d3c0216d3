"""Microphones, by PortAudio in processes of their own.

`list_devices` tells which there are, `MicrophoneFeed` records one.
"""

from streamer.audio.microphone.devices import Device, DeviceList, choose
from streamer.audio.microphone.feed import MicrophoneFeed
from streamer.audio.microphone.process import list_devices

__all__ = ["Device", "DeviceList", "MicrophoneFeed", "choose", "list_devices"]
