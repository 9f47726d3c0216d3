"""List of input devices, and selection of one by index or name."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from streamer.errors import AudioError, UsageError

_ALSA_ADDRESS = re.compile(r"\s*\((?:plug)?hw:[^)]*\)")
_DUPLICATE_NUMBER = re.compile(r" #\d+(?=,|$)")
_STEREO = (1, 2)
_MAX_LISTED = 12


@dataclass(frozen=True, slots=True)
class Device:
    """An input device, as PortAudio lists it.

    Attributes
    ----------
    index
        Current index. It changes when devices are plugged in or removed.
    name, host_api
        Device name, and the audio system that provides it, such as "ALSA" or "Core Audio".
    channels
        Most input channels.
    rate
        Default sample rate in Hz.
    latency
        Lowest latency in seconds, as the driver reports it.
    default
        Whether it is used if no device is named.
    """

    index: int
    name: str
    host_api: str
    channels: int
    rate: int
    latency: float
    default: bool

    @property
    def identity(self) -> tuple[str, str]:
        """Name without numbers, and host API: what stays when it is plugged in again."""
        return _without_numbers(self.name), self.host_api

    @property
    def virtual(self) -> bool:
        """Whether it is an ALSA plugin, such as a sound server, rather than a sound card.

        A plugin provides as many channels as requested. If fewer are requested than the hardware
        has, it mixes: two channels of an 18-channel desk may be silent, one is the mean of all.
        """
        return self.host_api == "ALSA" and _ALSA_ADDRESS.search(self.name) is None

    @property
    def default_channels(self) -> tuple[int, tuple[int, ...]]:
        """Number of channels to open, and channels to record (from 1), if none are chosen.

        The mono mix of a sound server; the first two channels of a card.
        """
        if self.virtual:
            return 1, (1,)
        return self.channels, _STEREO[: self.channels]

    def __str__(self) -> str:
        return f"{self.name}, {self.host_api}"

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class DeviceList:
    """All input devices, and the version of PortAudio that listed them."""

    portaudio: str
    devices: tuple[Device, ...]


def number_duplicates(devices: Iterable[Device]) -> tuple[Device, ...]:
    """Return the devices, those of one name and host API numbered: "Mic #1", "Mic #2"."""
    devices = tuple(devices)
    totals = Counter(map(str, devices))
    seen: Counter[str] = Counter()
    numbered = []
    for device in devices:
        seen[str(device)] += 1
        number = f" #{seen[str(device)]}" if totals[str(device)] > 1 else ""
        numbered.append(replace(device, name=device.name + number))
    return tuple(numbered)


def find_device(devices: tuple[Device, ...], wanted: str) -> Device:
    """Return the device that matches a name or an index.

    Parameters
    ----------
    devices
        To search.
    wanted
        Index, full name, or words of the name and host API. Empty: the default device. Numbers such
        as "(hw:2,0)" or "#2" may be omitted, and are ignored if no device matches them.

    Raises
    ------
    AudioError
        No device matches.
    UsageError
        Several devices match.
    """
    if not devices:
        raise AudioError(
            "cannot find a microphone: there is no input device; plug one in and see `streamer "
            "devices`; on Linux the user must be in the group audio, or a sound server must run"
        )
    if not wanted:
        return next((each for each in devices if each.default), devices[0])
    if wanted.isdecimal():
        for device in devices:
            if device.index == int(wanted):
                return device
        raise AudioError(f"cannot find a microphone with the index {wanted}; {_choices(devices)}")
    found = _matching(devices, wanted) or _matching(devices, _without_numbers(wanted))
    if not found:
        raise AudioError(f'cannot find a microphone "{wanted}"; {_choices(devices)}')
    if len(found) > 1:
        raise UsageError(
            f'cannot select a microphone: "{wanted}" matches {_listed(found)}; '
            "give more of its name, or its host API"
        )
    return found[0]


def _matching(devices: tuple[Device, ...], wanted: str) -> tuple[Device, ...]:
    """Return the devices of that full name, else of that identity, else with all of its words."""
    text = wanted.casefold().strip()
    words = text.replace(",", " ").split()
    for matches in (
        lambda each: text in (each.name.casefold(), str(each).casefold()),
        lambda each: text in (each.identity[0].casefold(), ", ".join(each.identity).casefold()),
        lambda each: all(word in str(each).casefold() for word in words),
    ):
        if found := tuple(filter(matches, devices)):
            return found
    return ()


def _without_numbers(name: str) -> str:
    """Remove the ALSA address and the duplicate number from a device name."""
    return _DUPLICATE_NUMBER.sub("", _ALSA_ADDRESS.sub("", name))


def _choices(devices: tuple[Device, ...]) -> str:
    return f"choose one of {_listed(devices)}"


def _listed(devices: tuple[Device, ...]) -> str:
    names = [f'{each.index} "{each}"' for each in devices[:_MAX_LISTED]]
    return ", ".join(names) + (", ..." if len(devices) > _MAX_LISTED else "")
