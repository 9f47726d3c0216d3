"""Packets that a running show sends over time, on a fake network."""

import asyncio
import errno
import logging
import math
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_message import OscMessage

from streamer.outputs.lights import LightController, light_controller
from streamer.outputs.lights.color import to_hex
from streamer.outputs.lights.show import ShowSettings
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


def test_a_fixture_rises_by_its_attack_and_falls_by_its_release(start_lights, network, affect):
    lights = start_lights(PAR)
    network.play(lights, 0.1)
    assert network.levels()[0] == 0
    lights.update(affect(0, 1), silence=False)
    network.play(lights, 0.5)
    assert network.levels()[0] == pytest.approx(255 * (1 - math.exp(-1)), abs=1)
    network.play(lights, 1.4)
    top = network.levels()[0]
    lights.update(affect(0, -1), silence=False)
    network.play(lights, 1.9)
    assert network.levels()[0] == pytest.approx(top * math.exp(-1.9 / 2), abs=1)


@pytest.mark.parametrize("rate", [5, 17, 40])
def test_the_frame_rate_changes_nothing(start_lights, network, affect, rate):
    lights = start_lights(PAR)
    lights.render_frame()
    lights.update(affect(0.3, 1), silence=False)
    network.play(lights, 1.0, rate)
    assert network.levels()[0] == pytest.approx(255 * (1 - math.exp(-2)), abs=1)


def test_unchanged_frames_are_sent_as_keep_alive_only(start_lights, network, affect):
    lights = start_lights(PAR)
    lights.update(affect(0, 1), silence=False)
    network.play(lights, 1.0)
    assert len(network.sent) <= 40
    for _ in range(5):
        network.play(lights, 2.0)
        lights.update(affect(0, 1), silence=False)
    network.sent.clear()
    for _ in range(5):
        network.play(lights, 1.0)
        lights.update(affect(0, 1), silence=False)
    times = [when for when, _, _ in network.sent]
    gaps = [after - before for before, after in pairwise(times)]
    assert gaps
    assert all(0.8 <= gap <= 1.0 for gap in gaps)


def test_every_change_is_repeated_three_times(start_lights, network):
    lights = start_lights(PAR)
    network.play(lights, 0.5)
    assert len(network.sent) == 4


def test_sacn_packets_are_of_one_source_with_priority_below_a_desk_and_in_sequence(
    start_lights, network, affect
):
    lights = start_lights(PAR)
    lights.update(affect(0, 1), silence=False)
    network.play(lights, 8)
    packets = network.packets()
    assert {(each.priority, each.sourceName, each.cid) for each in packets} == {
        (90, "streamer studio main", packets[0].cid)
    }
    assert [each.sequence for each in packets] == [n % 256 for n in range(len(packets))]
    assert {where for *_, where in network.sent} == {("239.255.0.1", 5568)}


def test_artnet_packets_have_header_universe_and_sequence(start_lights, network, affect):
    lights = start_lights(
        '[[outputs]]\nname = "node"\nprotocol = "artnet"\nhost = "10.0.0.9"\n'
        + PAR.replace('"stage"\nuniverse = 1', '"node"\nuniverse = 291')
    )
    lights.update(affect(0, 1), silence=False)
    network.play(lights, 10)
    sent = [datagram for _, datagram, _ in network.sent]
    assert {where for *_, where in network.sent} == {("10.0.0.9", 6454)}
    assert {each[:12] for each in sent} == {b"Art-Net\0\x00\x50\x00\x0e"}
    assert {each[14:18] for each in sent} == {b"\x23\x01\x02\x00"}  # 0x123, 512 channels
    assert [each[12] for each in sent] == [1 + n % 255 for n in range(len(sent))]
    assert sent[-1][18] >= 250


@pytest.mark.parametrize("delay", [0.0, 0.5, 30.0])
def test_an_output_lags_by_its_delay(start_lights, network, affect, delay):
    lights = start_lights(
        '[show]\nloss_after = 100\n[[outputs]]\nname = "late"\nprotocol = "sacn"\n'
        f"delay = {delay}\n"
        + PAR.replace('output = "stage"\nuniverse = 1', 'output = "late"\nuniverse = 2')
    )
    network.play(lights, 1.0)
    sent_at = network.now
    for _ in range(round((delay + 1) * 10)):
        lights.update(affect(0, 1), silence=False)
        network.play(lights, 0.1)
    lit = next(
        when
        for (when, *_), packet in zip(network.sent, network.packets(), strict=True)
        if packet.universe == 2 and packet.dmxData[0] > 0
    )
    assert lit - sent_at == pytest.approx(delay, abs=0.06)


@given(
    st.sampled_from(["hold", "fade"]),
    st.floats(0.5, 5),
    st.floats(0, 5),
    st.floats(0.1, 5),
    st.floats(0.005, 0.1),
)
def test_a_signal_loss_fades_in_the_configured_time(on_loss, after, hold, fade, frame):
    loss = SignalLoss(
        ShowSettings(on_loss=on_loss, loss_after=after, hold_time=hold, fade_time=fade)
    )
    begins = after + (hold if on_loss == "hold" else 0)
    age = 0.0
    while age < begins + fade + 2 * frame:
        age += frame
        assert loss.step(age, frame) == 1
        assert loss.lost == (age > after)
        assert loss.master == pytest.approx(1 - min(1, max(0, (age - begins) / fade)), abs=1e-6)
    assert loss.master == 0
    assert loss.step(0.0, frame) == 0  # the level that the light rises from
    assert loss.master == 1


def test_after_a_loss_the_light_rises_from_where_it_was(start_lights, network, affect):
    lights = start_lights('[show]\non_loss = "fade"\nloss_after = 1\nfade_time = 1\n' + PAR)
    for _ in range(30):
        lights.update(affect(0, 1), silence=False)
        network.play(lights, 0.1)
    assert network.levels()[0] > 250
    network.play(lights, 1.4)
    half = network.levels()[0]
    assert 120 <= half <= 160
    lights.update(affect(0, 1), silence=False)
    network.play(lights, 0.025)
    assert half <= network.levels()[0] < half + 12
    network.play(lights, 0.9)
    assert network.levels()[0] > 230


def test_beginning_and_end_of_a_signal_loss_are_logged(start_lights, network, affect, caplog):
    caplog.set_level(logging.INFO, "streamer")
    lights = start_lights(PAR)
    lights.update(affect(), silence=False)
    network.play(lights, 5)
    assert lights.signal_lost
    lights.update(affect(), silence=False)
    network.play(lights, 1)
    assert not lights.signal_lost
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["no estimates for 2 s: holding the lights", "receiving estimates again"]


def test_an_estimate_that_is_not_finite_is_ignored(start_lights, network, affect):
    lights = start_lights(PAR)
    lights.update(affect(math.nan, 1), silence=False)
    lights.update(affect(0, math.inf), silence=False)
    network.play(lights, 1)
    assert lights.latest is None
    assert network.levels()[0] == 0


def test_osc_messages_are_sent_on_change_and_once_a_second(start_lights, network, affect):
    lights = start_lights(OSC)
    network.play(lights, 1)
    assert not network.sent
    for valence in (0.25, 0.25, -0.5):
        lights.update(affect(valence, -1), silence=False)
        network.play(lights, 1)
    messages = [OscMessage(datagram) for _, datagram, _ in network.sent]
    assert {where for *_, where in network.sent} == {("127.0.0.1", 9000)}
    valences = [each.params for each in messages if each.address == "/studio/main/valence"]
    assert valences.count([0.25]) <= 4
    assert valences[-1] == [-0.5]
    assert {each.address for each in messages} == {"/studio/main/valence", "/intensity"}


def test_a_send_error_is_logged_once_and_retried(start_lights, network, affect, log):
    log.set_level(logging.INFO)
    lights = start_lights(PAR)
    network.error = OSError(errno.ENETUNREACH, "Network is unreachable")
    network.play(lights, 3)
    renderer = lights.active.renderers["stage"]
    assert renderer.sender.udp.last_error == "network is unreachable"
    network.error = None
    network.play(lights, 1)
    assert renderer.sender.udp.last_error == ""
    assert network.sent
    assert [record.getMessage() for record in log.records] == [
        "output stage cannot send: network is unreachable; trying again",
        "output stage sends again",
    ]


def test_closing_sends_three_termination_packets_once(start_lights, network):
    lights = start_lights(PAR)
    network.play(lights, 1)
    network.sent.clear()
    lights.close()
    lights.close()
    assert [each.option_StreamTerminated for each in network.packets()] == [True] * 3


def test_a_replaced_show_continues_from_the_fixtures_state(start_lights, load, network, affect):
    lights = start_lights(PAR)
    lights.update(affect(0, 1), silence=False)
    network.play(lights, 0.5)
    before, sequence = network.levels()[0], network.packets()[-1].sequence
    lights.replace_show(load(PAR.replace("address = 1", "address = 101")))
    network.play(lights, 0.025)
    after = network.levels()
    assert after[0] == 0
    assert before <= after[100] < before + 10
    assert network.packets()[-1].sequence == sequence + 1
    assert not any(each.option_StreamTerminated for each in network.packets())


def test_a_replaced_show_ends_unused_universes(start_lights, load, network):
    lights = start_lights(PAR + PAR.replace("par", "spot").replace("universe = 1", "universe = 2"))
    network.play(lights, 0.1)
    network.sent.clear()
    lights.replace_show(load(PAR))
    ended = [each.universe for each in network.packets() if each.option_StreamTerminated]
    assert ended == [2] * 3
    lights.replace_show(load("", OSC))
    ended = [each.universe for each in network.packets() if each.option_StreamTerminated]
    assert ended == [2] * 3 + [1] * 3


def test_a_replaced_show_keeps_a_fade_after_signal_loss(start_lights, load, network, affect):
    text = '[show]\non_loss = "fade"\nfade_time = 1\n' + PAR
    lights = start_lights(text)
    lights.update(affect(0, 1), silence=False)
    network.play(lights, 5)
    assert network.levels()[0] == 0
    lights.replace_show(load(text, BASE + "priority = 80\n"))
    network.sent.clear()
    network.play(lights, 2)
    assert {each.dmxData[0] for each in network.packets() if not each.option_StreamTerminated} == {
        0
    }


async def test_frames_keep_to_a_schedule_and_missed_ones_are_skipped(load, network, monkeypatch):
    lights = LightController(load(PAR), node="studio", clock=lambda: network.now)
    times = []
    render_frame, pause = lights.render_frame, asyncio.sleep

    def render():
        times.append(network.now)
        render_frame()
        network.now += 0.21 if len(times) == 41 else 0.004  # one frame takes too long

    async def sleep(seconds):
        network.now += seconds
        if len(times) == 80:
            task.cancel()
        await pause(0)

    lights.render_frame = render
    monkeypatch.setattr(light_controller, "asyncio", SimpleNamespace(sleep=sleep))
    task = asyncio.create_task(lights.run())
    with pytest.raises(asyncio.CancelledError):
        await task
    frames = [(when - times[0]) * 40 for when in times]
    expected = [*range(41), *range(49, 88)]  # 8 were missed, none is made up for
    assert frames == pytest.approx(expected, abs=1e-6)
    assert [each.option_StreamTerminated for each in network.packets()][-3:] == [True] * 3


async def test_a_host_name_is_resolved_without_blocking(
    start_lights, network, affect, log, monkeypatch
):
    lights = start_lights(OSC.replace("127.0.0.1", "localhost"))
    lights.update(affect(), silence=False)
    lights.render_frame()
    async with asyncio.timeout(20):
        while not lights.active.renderers["visuals"].sender.udp._address:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    network.play(lights, 2)
    assert {where for *_, where in network.sent} == {("127.0.0.1", 9000)}


async def test_an_unknown_host_is_logged(start_lights, network, affect, log):
    lights = start_lights(OSC.replace("127.0.0.1", "nowhere.invalid"))
    lights.update(affect(), silence=False)
    lights.render_frame()
    async with asyncio.timeout(20):
        while not log.records:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert log.records[0].getMessage() == (
        "output visuals cannot send: unknown host nowhere.invalid; trying again"
    )


def test_a_dry_run_sends_nothing(load, network, affect):
    lights = LightController(
        load(PAR + OSC), node="studio", dry_run=True, clock=lambda: network.now
    )
    lights.update(affect(), silence=False)
    network.play(lights, 1)
    lights.close()
    assert not network.sent


def test_missing_estimates_are_logged_once(start_lights, network, log):
    lights = start_lights("")
    network.play(lights, 4)
    assert "no estimates received" not in log.text
    network.play(lights, 10)
    assert log.text.count("no estimates received for zone main") == 1


def test_fixture_levels_are_the_emitted_colours(start_lights, network, affect):
    lights = start_lights(PAR, BASE)
    (dark,) = lights.fixture_levels()
    assert (dark.name, dark.intensity) == ("par", 0)
    lights.update(affect(0, 1), silence=False)
    network.play(lights, 10)
    (bright,) = lights.fixture_levels()
    assert bright.intensity == pytest.approx(1.0, abs=0.01)
    assert to_hex(tuple(part / bright.intensity for part in bright.color)) == "#ff8000"
    assert lights.output_errors() == {}
