"""Selection of an input device by index or name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.audio.microphone import Device, find_device
from streamer.audio.microphone.device_list import number_duplicates
from streamer.errors import AudioError, UsageError


def device(index, name, host_api="ALSA", *, default=False):
    return Device(index, name, host_api, 2, 48000, 0.01, default)


DEVICES = (
    device(0, "HDA Intel PCH: ALC257 Analog (hw:0,0)"),
    device(3, "Scarlett 2i2 USB: Audio (hw:1,0)"),
    device(4, "Scarlett 18i20 USB: Audio (hw:2,0)"),
    device(7, "pulse"),
    device(8, "default", default=True),
    device(9, "default", "OSS"),
)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ("", 8),
        ("3", 3),
        ("18i20", 4),
        ("scarlett 2i2", 3),
        ("usb 2I2", 3),
        ("default, ALSA", 8),
        ("OSS", 9),
        ("Scarlett 2i2 USB: Audio (hw:1,0)", 3),
        ("Scarlett 2i2 USB: Audio", 3),
    ],
)
def test_a_device_is_found_by_index_or_words_of_its_name(wanted, index):
    assert find_device(DEVICES, wanted).index == index


def test_a_full_name_wins_over_words_of_a_longer_one():
    devices = (device(0, "Mic"), device(1, "Mic 2"))
    assert find_device(devices, "mic").index == 0


def test_an_ambiguous_name_lists_the_matches():
    with pytest.raises(UsageError, match=r'matches 3 "Scarlett 2i2.*, 4 "Scarlett 18i20'):
        find_device(DEVICES, "scarlett")


@pytest.mark.parametrize("wanted", ["Steinberg", "5"])
def test_an_unknown_name_lists_the_devices(wanted):
    with pytest.raises(AudioError, match=r'choose one of 0 "HDA Intel.*7 "pulse'):
        find_device(DEVICES, wanted)


def test_without_any_device_the_error_names_the_remedy():
    with pytest.raises(AudioError, match="plug one in"):
        find_device((), "")


@given(st.permutations(range(len(DEVICES))), st.lists(st.integers(0, 9), min_size=2, max_size=2))
def test_a_name_finds_the_device_after_a_reboot(order, cards):
    """Indices and card numbers change; the name and the host API do not."""
    before = DEVICES[1]
    after = [
        device(index, DEVICES[old].name.replace("hw:1", f"hw:{cards[0]}"), DEVICES[old].host_api)
        for index, old in enumerate(order)
    ]
    device_after_reboot = find_device(tuple(after), str(before))
    assert device_after_reboot.identity == before.identity


@pytest.mark.parametrize(
    ("name", "host_api", "default_channels"),
    [
        ("Scarlett 18i20 USB: Audio (hw:2,0)", "ALSA", (18, (1, 2))),
        ("pulse", "ALSA", (1, (1,))),
        ("Built-in Microphone", "Core Audio", (18, (1, 2))),
    ],
)
def test_by_default_a_card_records_two_channels_and_a_sound_server_its_mix(
    name, host_api, default_channels
):
    each = Device(0, name, host_api, 18, 48000, 0.01, default=False)
    assert each.default_channels == default_channels


def test_a_card_with_one_channel_records_one():
    card = Device(0, "Mic (hw:1,0)", "ALSA", 1, 48000, 0.01, default=False)
    assert card.default_channels == (1, (1,))


def test_devices_of_one_name_are_numbered_and_then_distinct():
    devices = number_duplicates(
        [device(0, "Mic"), device(1, "Codec"), device(2, "Codec"), device(3, "X #1")]
    )
    assert [each.name for each in devices] == ["Mic", "Codec #1", "Codec #2", "X #1"]
    with pytest.raises(UsageError, match=r'matches 1 "Codec #1, ALSA", 2 "Codec #2, ALSA"'):
        find_device(devices, "codec")
    assert find_device(devices, "Codec #2, ALSA").index == 2
    assert (
        find_device((device(5, "Codec"),), "Codec #2, ALSA").index == 5
    )  # the other device was unplugged
