"""Which microphone is meant."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from streamer.errors import AudioError, UsageError

_ADDRESS = re.compile(r"\s*\((?:plug)?hw:[^)]*\)")
_NUMBER = re.compile(r" #\d+(?=,|$)")
_STEREO = (1, 2)
_LISTED = 12


@dataclass(frozen=True, slots=True)
class Device:
    """A device that records, as PortAudio sees it.

    Attributes
    ----------
    index
        Its number now; it changes when devices come and go.
    name, host_api
        Its name and the system it is reached through, such as "ALSA" or "Core Audio".
    channels
        The most it records.
    rate
        Its usual sample rate in Hz.
    latency
        Its least latency in seconds, as the driver says.
    default
        Whether it is the one that is used where none is named.
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
        """What stays when it is plugged in again: its name without a number, and the API."""
        return _plain(self.name), self.host_api

    @property
    def virtual(self) -> bool:
        """Whether it is an ALSA plugin, such as a sound server, in place of a card.

        Such a one has as many channels as it is asked for. Asked for fewer than there are, it
        mixes: two channels of a desk's eighteen may be silence, one is the mean of all.
        """
        return self.host_api == "ALSA" and _ADDRESS.search(self.name) is None

    @property
    def default_channels(self) -> tuple[int, tuple[int, ...]]:
        """How many channels to open, and which to record, counted from 1, where none is chosen.

        What a sound server mixes to one; the first two of a card.
        """
        if self.virtual:
            return 1, (1,)
        return self.channels, _STEREO[: self.channels]

    def __str__(self) -> str:
        return f"{self.name}, {self.host_api}"

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by their names."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class DeviceList:
    """All devices that record, and the version of PortAudio that found them."""

    portaudio: str
    devices: tuple[Device, ...]


def number_duplicates(devices: Iterable[Device]) -> tuple[Device, ...]:
    """Return devices with those of one name and host API numbered: "Mic #1", "Mic #2"."""
    devices = tuple(devices)
    twins = Counter(map(str, devices))
    seen: Counter[str] = Counter()
    found = []
    for device in devices:
        seen[str(device)] += 1
        number = f" #{seen[str(device)]}" if twins[str(device)] > 1 else ""
        found.append(replace(device, name=device.name + number))
    return tuple(found)


def find_device(devices: tuple[Device, ...], wanted: str) -> Device:
    """Return the device that is meant.

    Parameters
    ----------
    devices
        Those there are.
    wanted
        Its index, its whole name, or words of its name and host API; the default one where empty.
        A number such as "(hw:2,0)" or "#2" is not needed, and where it no longer fits not minded.

    Raises
    ------
    AudioError
        There is none, or none of that name.
    UsageError
        Several are meant.
    """
    if not devices:
        raise AudioError(
            "there is no microphone: plug one in and see `streamer devices`; "
            "on Linux the user must be in the group audio, or a sound server must run"
        )
    if not wanted:
        return next((each for each in devices if each.default), devices[0])
    if wanted.isdecimal():
        for device in devices:
            if device.index == int(wanted):
                return device
        raise AudioError(f"there is no microphone with the index {wanted}; {_offer(devices)}")
    found = _named(devices, wanted) or _named(devices, _plain(wanted))
    if not found:
        raise AudioError(f'there is no microphone "{wanted}"; {_offer(devices)}')
    if len(found) > 1:
        raise UsageError(
            f'"{wanted}" may be any of {_listed(found)}; say more of its name, or its host API'
        )
    return found[0]


def _named(devices: tuple[Device, ...], wanted: str) -> tuple[Device, ...]:
    text = wanted.casefold().strip()
    words = text.replace(",", " ").split()
    for fits in (
        lambda each: text in (each.name.casefold(), str(each).casefold()),
        lambda each: text in (each.identity[0].casefold(), ", ".join(each.identity).casefold()),
        lambda each: all(word in str(each).casefold() for word in words),
    ):
        if found := tuple(filter(fits, devices)):
            return found
    return ()


def _plain(name: str) -> str:
    """Return a name without its number, or that of its card."""
    return _NUMBER.sub("", _ADDRESS.sub("", name))


def _offer(devices: tuple[Device, ...]) -> str:
    return f"choose one of {_listed(devices)}"


def _listed(devices: tuple[Device, ...]) -> str:
    names = [f'{each.index} "{each}"' for each in devices[:_LISTED]]
    return ", ".join(names) + (", ..." if len(devices) > _LISTED else "")
