"""A show over time, heard on a network of the test's own."""

import asyncio
import errno
import logging
import math
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_message import OscMessage

from streamer.outputs.lights import LightController
from streamer.outputs.lights.color import to_hex
from streamer.outputs.lights.show import Settings
from streamer.outputs.lights.signal_loss import SignalLoss

PAR = """
[[fixtures]]
name = "par"
type = "dimmer-rgb"
output = "stage"
universe = 1
address = 1
palette = "stage"
attack = 0.5
release = 2.0
intensity = [0.0, 1.0]
"""
BASE = """
[palettes.stage]
anchors = [{ valence = 0, arousal = 0, color = "#ff8000" }]
[[outputs]]
name = "stage"
protocol = "sacn"
"""
OSC = """
[[outputs]]
name = "visuals"
protocol = "osc"
host = "127.0.0.1"
port = 9000
messages = [{ address = "/{node}/{zone}/valence", value = "valence" },
            { address = "/intensity", value = "intensity" }]
"""


def test_it_rises_from_black_by_its_attack_and_falls_by_its_release(perform, ear, feeling):
    lights = perform(PAR)
    ear.play(lights, 0.1)
    assert ear.levels()[0] == 0
    lights.update(feeling(0, 1), silence=False)
    ear.play(lights, 0.5)
    assert ear.levels()[0] == pytest.approx(255 * (1 - math.exp(-1)), abs=1)
    ear.play(lights, 1.4)
    top = ear.levels()[0]
    lights.update(feeling(0, -1), silence=False)
    ear.play(lights, 1.9)
    assert ear.levels()[0] == pytest.approx(top * math.exp(-1.9 / 2), abs=1)


@pytest.mark.parametrize("rate", [5, 17, 40])
def test_the_frame_rate_changes_nothing(perform, ear, feeling, rate):
    lights = perform(PAR)
    lights.step()
    lights.update(feeling(0.3, 1), silence=False)
    ear.play(lights, 1.0, rate)
    assert ear.levels()[0] == pytest.approx(255 * (1 - math.exp(-2)), abs=1)


def test_frames_leave_at_most_as_often_as_they_are_made_and_twice_a_second_at_rest(
    perform, ear, feeling
):
    lights = perform(PAR)
    lights.update(feeling(0, 1), silence=False)
    ear.play(lights, 1.0)
    assert len(ear.heard) <= 40
    for _ in range(5):
        ear.play(lights, 2.0)
        lights.update(feeling(0, 1), silence=False)
    ear.heard.clear()
    for _ in range(5):
        ear.play(lights, 1.0)
        lights.update(feeling(0, 1), silence=False)
    times = [when for when, _, _ in ear.heard]
    gaps = [after - before for before, after in pairwise(times)]
    assert gaps
    assert all(0.8 <= gap <= 1.0 for gap in gaps)


def test_every_change_is_sent_three_times_more(perform, ear):
    lights = perform(PAR)
    ear.play(lights, 0.5)
    assert len(ear.heard) == 4


def test_the_packets_are_of_one_source_below_a_desk_and_in_order(perform, ear, feeling):
    lights = perform(PAR)
    lights.update(feeling(0, 1), silence=False)
    ear.play(lights, 8)
    packets = ear.packets()
    assert {(each.priority, each.sourceName, each.cid) for each in packets} == {
        (90, "streamer studio main", packets[0].cid)
    }
    assert [each.sequence for each in packets] == [n % 256 for n in range(len(packets))]
    assert {where for *_, where in ear.heard} == {("239.255.0.1", 5568)}


def test_artnet_packets(perform, ear, feeling):
    lights = perform(
        '[[outputs]]\nname = "node"\nprotocol = "artnet"\nhost = "10.0.0.9"\n'
        + PAR.replace('"stage"\nuniverse = 1', '"node"\nuniverse = 291')
    )
    lights.update(feeling(0, 1), silence=False)
    ear.play(lights, 10)
    sent = [datagram for _, datagram, _ in ear.heard]
    assert {where for *_, where in ear.heard} == {("10.0.0.9", 6454)}
    assert {each[:12] for each in sent} == {b"Art-Net\0\x00\x50\x00\x0e"}
    assert {each[14:18] for each in sent} == {b"\x23\x01\x02\x00"}  # 0x123, 512 channels
    assert [each[12] for each in sent] == [1 + n % 255 for n in range(len(sent))]
    assert sent[-1][18] >= 250


@pytest.mark.parametrize("delay", [0.0, 0.5, 30.0])
def test_an_output_follows_later_by_its_delay(perform, ear, feeling, delay):
    lights = perform(
        '[show]\nloss_after = 100\n[[outputs]]\nname = "late"\nprotocol = "sacn"\n'
        f"delay = {delay}\n"
        + PAR.replace('output = "stage"\nuniverse = 1', 'output = "late"\nuniverse = 2')
    )
    ear.play(lights, 1.0)
    told = ear.now
    for _ in range(round((delay + 1) * 10)):
        lights.update(feeling(0, 1), silence=False)
        ear.play(lights, 0.1)
    lit = next(
        when
        for (when, *_), packet in zip(ear.heard, ear.packets(), strict=True)
        if packet.universe == 2 and packet.dmxData[0] > 0
    )
    assert lit - told == pytest.approx(delay, abs=0.06)


@given(
    st.sampled_from(["hold", "fade"]),
    st.floats(0.5, 5),
    st.floats(0, 5),
    st.floats(0.1, 5),
    st.floats(0.005, 0.1),
)
def test_a_loss_fades_in_the_stated_time(on_loss, after, hold, fade, frame):
    loss = SignalLoss(Settings(on_loss=on_loss, loss_after=after, hold_time=hold, fade_time=fade))
    begins = after + (hold if on_loss == "hold" else 0)
    age = 0.0
    while age < begins + fade + 2 * frame:
        age += frame
        assert loss.step(age, frame) == 1
        assert loss.lost == (age > after)
        assert loss.share == pytest.approx(1 - min(1, max(0, (age - begins) / fade)), abs=1e-6)
    assert loss.share == 0
    assert loss.step(0.0, frame) == 0  # what is left to rise from
    assert loss.share == 1


def test_after_a_loss_it_rises_from_where_it_was(perform, ear, feeling):
    lights = perform('[show]\non_loss = "fade"\nloss_after = 1\nfade_time = 1\n' + PAR)
    for _ in range(30):
        lights.update(feeling(0, 1), silence=False)
        ear.play(lights, 0.1)
    assert ear.levels()[0] > 250
    ear.play(lights, 1.4)
    half = ear.levels()[0]
    assert 120 <= half <= 160
    lights.update(feeling(0, 1), silence=False)
    ear.play(lights, 0.025)
    assert half <= ear.levels()[0] < half + 12
    ear.play(lights, 0.9)
    assert ear.levels()[0] > 230


def test_a_loss_is_told_and_its_end(perform, ear, feeling, caplog):
    caplog.set_level(logging.INFO, "streamer")
    lights = perform(PAR)
    lights.update(feeling(), silence=False)
    ear.play(lights, 5)
    assert lights.signal_lost
    lights.update(feeling(), silence=False)
    ear.play(lights, 1)
    assert not lights.signal_lost
    said = [record.getMessage() for record in caplog.records]
    assert said == ["no estimates for 2 s: the look is held", "estimates come again"]


def test_an_estimate_without_numbers_is_left_out(perform, ear, feeling):
    lights = perform(PAR)
    lights.update(feeling(math.nan, 1), silence=False)
    lights.update(feeling(0, math.inf), silence=False)
    ear.play(lights, 1)
    assert lights.latest is None
    assert ear.levels()[0] == 0


def test_osc_leaves_when_it_changes_and_once_a_second(perform, ear, feeling):
    lights = perform(OSC)
    ear.play(lights, 1)
    assert not ear.heard
    for valence in (0.25, 0.25, -0.5):
        lights.update(feeling(valence, -1), silence=False)
        ear.play(lights, 1)
    said = [OscMessage(datagram) for _, datagram, _ in ear.heard]
    assert {where for *_, where in ear.heard} == {("127.0.0.1", 9000)}
    valences = [each.params for each in said if each.address == "/studio/main/valence"]
    assert valences.count([0.25]) <= 4
    assert valences[-1] == [-0.5]
    assert {each.address for each in said} == {"/studio/main/valence", "/intensity"}


def test_what_cannot_be_sent_is_told_once_and_tried_again(perform, ear, feeling, log):
    log.set_level(logging.INFO)
    lights = perform(PAR)
    ear.trouble = OSError(errno.ENETUNREACH, "Network is unreachable")
    ear.play(lights, 3)
    stage = lights.active.stages["stage"]
    assert stage.sender.wire.trouble == "network is unreachable"
    ear.trouble = None
    ear.play(lights, 1)
    assert stage.sender.wire.trouble == ""
    assert ear.heard
    assert [record.getMessage() for record in log.records] == [
        "output stage cannot send: network is unreachable; trying again",
        "output stage sends again",
    ]


def test_the_end_of_a_stream_is_said_three_times_and_once_only(perform, ear):
    lights = perform(PAR)
    ear.play(lights, 1)
    ear.heard.clear()
    lights.close()
    lights.close()
    assert [each.option_StreamTerminated for each in ear.packets()] == [True] * 3


def test_another_show_goes_on_from_where_the_fixtures_are(perform, load, ear, feeling):
    lights = perform(PAR)
    lights.update(feeling(0, 1), silence=False)
    ear.play(lights, 0.5)
    before, sequence = ear.levels()[0], ear.packets()[-1].sequence
    lights.replace(load(PAR.replace("address = 1", "address = 101")))
    ear.play(lights, 0.025)
    after = ear.levels()
    assert after[0] == 0
    assert before <= after[100] < before + 10
    assert ear.packets()[-1].sequence == sequence + 1
    assert not any(each.option_StreamTerminated for each in ear.packets())


def test_another_show_ends_what_it_does_not_use(perform, load, ear):
    lights = perform(PAR + PAR.replace("par", "spot").replace("universe = 1", "universe = 2"))
    ear.play(lights, 0.1)
    ear.heard.clear()
    lights.replace(load(PAR))
    ended = [each.universe for each in ear.packets() if each.option_StreamTerminated]
    assert ended == [2] * 3
    lights.replace(load("", OSC))
    ended = [each.universe for each in ear.packets() if each.option_StreamTerminated]
    assert ended == [2] * 3 + [1] * 3


def test_another_show_does_not_light_up_what_a_loss_has_faded(perform, load, ear, feeling):
    text = '[show]\non_loss = "fade"\nfade_time = 1\n' + PAR
    lights = perform(text)
    lights.update(feeling(0, 1), silence=False)
    ear.play(lights, 5)
    assert ear.levels()[0] == 0
    lights.replace(load(text, BASE + "priority = 80\n"))
    ear.heard.clear()
    ear.play(lights, 2)
    assert {each.dmxData[0] for each in ear.packets() if not each.option_StreamTerminated} == {0}


async def test_frames_keep_to_the_clock_and_the_end_is_said(load, ear, feeling):
    lights = LightController(load(PAR), node="studio")
    times = []
    step = lights.step
    lights.step = lambda: (times.append(time.monotonic()), step())
    task = asyncio.create_task(lights.run())
    await asyncio.sleep(1.0)
    lights.update(feeling(0, 1), silence=False)
    time.sleep(0.2)  # noqa: ASYNC251 - something holds the loop up
    await asyncio.sleep(1.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 80 <= len(times) <= 84  # 8 of 88 were left out, none made up for
    offsets = [(when - times[0]) * 40 % 1 for when in times]
    assert sum(min(offset, 1 - offset) < 0.3 for offset in offsets) > 0.8 * len(offsets)
    assert [each.option_StreamTerminated for each in ear.packets()][-3:] == [True] * 3


async def test_a_name_is_looked_up_without_waiting(perform, ear, feeling, log, monkeypatch):
    lights = perform(OSC.replace("127.0.0.1", "localhost"))
    lights.update(feeling(), silence=False)
    lights.step()
    await asyncio.sleep(0.3)
    ear.play(lights, 2)
    assert {where for *_, where in ear.heard} == {("127.0.0.1", 9000)}


async def test_a_name_that_nobody_knows_is_told(perform, ear, feeling, log):
    lights = perform(OSC.replace("127.0.0.1", "nowhere.invalid"))
    lights.update(feeling(), silence=False)
    lights.step()
    async with asyncio.timeout(20):
        while not log.records:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert log.records[0].getMessage() == (
        "output visuals cannot send: unknown host nowhere.invalid; trying again"
    )


def test_dry_sends_nothing(load, ear, feeling):
    lights = LightController(load(PAR + OSC), node="studio", dry=True, clock=lambda: ear.now)
    lights.update(feeling(), silence=False)
    ear.play(lights, 1)
    lights.close()
    assert not ear.heard


def test_estimates_that_never_come_are_told_once(perform, ear, log):
    lights = perform("")
    ear.play(lights, 4)
    assert "have come yet" not in log.text
    ear.play(lights, 10)
    assert log.text.count("no estimates of the zone main have come yet") == 1


def test_what_shines_is_told_for_a_picture_of_it(perform, ear, feeling):
    lights = perform(PAR, BASE)
    (dark,) = lights.fixture_levels()
    assert (dark.name, dark.intensity) == ("par", 0)
    lights.update(feeling(0, 1), silence=False)
    ear.play(lights, 10)
    (bright,) = lights.fixture_levels()
    assert bright.intensity == pytest.approx(1.0, abs=0.01)
    assert to_hex(tuple(part / bright.intensity for part in bright.color)) == "#ff8000"
    assert lights.output_errors() == {}
