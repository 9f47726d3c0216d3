"""`streamer lights` end to end: from MQTT to real sACN, Art-Net and OSC receivers."""

import re
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from streamer.config import Record
from streamer.outputs.recording import Recorder

pytestmark = pytest.mark.peer

PROGRAM = str(Path(sys.executable).with_name("streamer"))

SHOW = """
[show]
{settings}
[palettes.halves]
anchors = [
  {{ valence = 1, arousal = 1, color = "#ff0000" }},
  {{ valence = 1, arousal = 0, color = "#ff0000" }},
  {{ valence = 1, arousal = -0.5, color = "#ff0000" }},
  {{ valence = -1, arousal = 1, color = "#0000ff" }},
  {{ valence = -1, arousal = 0, color = "#0000ff" }},
]
[[outputs]]
name = "stage"
protocol = "sacn"
[[outputs]]
name = "node"
protocol = "artnet"
host = "10.99.0.2"
[[fixtures]]
name = "wash"
type = "dimmer-rgb16"
output = "stage"
universe = 1
address = 1
palette = "halves"
attack = 0.1
release = 0.1
intensity = [0.0, 1.0]
[[fixtures]]
name = "par"
type = "rgb"
output = "node"
universe = 2
address = 3
palette = "halves"
attack = 0.1
release = 0.1
intensity = [0.0, 1.0]
"""


def show(settings=""):
    return SHOW.format(settings=settings)


def near(levels, *wanted):
    return len(levels) >= len(wanted) and all(
        abs(level - value) <= 2 for level, value in zip(levels, wanted, strict=False)
    )


def test_sacn_and_artnet_follow_the_estimates(ola, fake_run, start_streamer_lights, until):
    start_streamer_lights(show())
    for valence, arousal in ((1, 1), (-1, 0), (1, -0.5), (-1, 1)):
        fake_run.publish(valence, arousal)
        level = round(255 * (1 + arousal) / 2)
        red, blue = (255, 0) if valence > 0 else (0, 255)
        until(lambda: near(ola.levels(1)[0::2], level, red, 0, blue), 3)  # noqa: B023
        scaled = red * level // 255, 0, blue * level // 255
        until(lambda: near(ola.levels(2)[2:], *scaled), 3)  # noqa: B023
    assert ola.levels(2)[:2] == [0, 0]


@pytest.mark.long
def test_lights_follow_a_replayed_recording(
    venue, ola, broker_inside, start_streamer_lights, until, update, affect, tmp_path
):
    recorder = Recorder(Record(folder=tmp_path, free_gb=0), {"main": "band"}, model="test")
    started = time.monotonic()
    for tick in range(60):
        here = affect(1, 1) if tick < 30 else affect(-1, 0)
        moment = started + tick / 10
        recorder.offer_update("main", update(tick, smooth=here, raw=here, captured=moment))
    recorder.finish()
    [recording] = tmp_path.glob("*.parquet")
    start_streamer_lights(show())
    options = ("--node", "test", "--broker", broker_inside)
    replay = venue.start(PROGRAM, "replay", recording, *options, stderr=subprocess.DEVNULL)
    until(lambda: near(ola.levels(1)[0::2], 255, 255, 0, 0), 15)
    until(lambda: near(ola.levels(2)[2:], 255, 0, 0), 1)
    first = time.monotonic()
    until(lambda: near(ola.levels(1)[0::2], 128, 0, 0, 255), 5)
    until(lambda: near(ola.levels(2)[2:], 0, 0, 128), 1)
    assert 2 < time.monotonic() - first < 4  # 3 s between the rise and the fall
    assert replay.wait(10) == 0


def test_after_a_crash_receivers_drop_the_source(ola, fake_run, start_streamer_lights, desk, until):
    process = start_streamer_lights(show())
    fake_run.publish(1, 1)
    desk.priority(80)  # below ours: used only after our stream has ended

    def levels():
        desk.send(7, 7, 7)
        return ola.levels(1)

    until(lambda: near(levels()[0::2], 255, 255, 0, 0))
    process.kill()
    killed = time.monotonic()
    until(lambda: levels()[:3] == [7, 7, 7])
    assert 1.5 < time.monotonic() - killed < 4.0  # E1.31 tells receivers to wait 2.5 s
    desk.stop()


def test_a_desk_overrides_the_lights_until_it_stops(
    ola, fake_run, start_streamer_lights, desk, until
):
    start_streamer_lights(show())
    fake_run.publish(1, 1)
    until(lambda: near(ola.levels(1)[0::2], 255, 255, 0, 0))
    for _ in range(20):
        desk.send(7, 8, 9)
        time.sleep(0.05)
        fake_run.publish(1, 0)
    assert ola.levels(1)[:4] == [7, 8, 9, 0]
    desk.stop()
    stopped = time.monotonic()
    until(lambda: near(ola.levels(1)[0::2], 128, 255, 0, 0))
    assert time.monotonic() - stopped < 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_terminates_the_stream(
    fake_run, start_streamer_lights, sniffer, until, number
):
    process = start_streamer_lights(show())
    fake_run.publish(1, 1)
    packets = []
    until(lambda: packets.extend(sniffer.received()) or any(each.dmxData[0] for _, each in packets))
    process.send_signal(number)
    assert process.wait(5) == 0
    packets += sniffer.received()
    ends = [packet.option_StreamTerminated for _, packet in packets]
    assert ends[-3:] == [True] * 3
    assert not any(ends[:-3])
    assert {packet.priority for _, packet in packets} == {90}
    steps = [
        (after.sequence - before.sequence) % 256 for (_, before), (_, after) in pairwise(packets)
    ]
    assert set(steps) == {1}


def test_at_most_40_frames_a_second_and_only_keep_alive_without_changes(
    fake_run, start_streamer_lights, sniffer, until
):
    start_streamer_lights(show())
    sniffer.received()
    started = time.monotonic()
    while time.monotonic() - started < 2:
        fake_run.publish(1, -1 if round(time.monotonic() * 4) % 2 else 1)
        time.sleep(0.1)
    times = [when for when, _ in sniffer.received()]
    assert 50 < len(times) <= 2.1 * 40
    time.sleep(1.5)  # until the last change has been repeated
    sniffer.received()
    time.sleep(2.5)
    times = [when for when, _ in sniffer.received()]
    assert 2 <= len(times) <= 3
    assert all(0.8 <= after - before <= 1 for before, after in pairwise(times))


@pytest.mark.parametrize(
    ("settings", "begins", "ends"),
    [
        ('on_loss = "fade"\nloss_after = 1.0\nfade_time = 1.0', 1.0, 2.0),
        ('on_loss = "hold"\nloss_after = 0.5\nhold_time = 1.0\nfade_time = 0.5', 1.5, 2.0),
    ],
)
def test_without_estimates_lights_hold_and_fade_in_the_configured_time(
    fake_run, start_streamer_lights, sniffer, until, settings, begins, ends
):
    start_streamer_lights(show(settings))
    for _ in range(10):
        fake_run.publish(1, 1)
        time.sleep(0.1)
    lost = time.time()
    sniffer.received()
    time.sleep(ends + 0.5)
    packets = [(when - lost + 0.1, packet.dmxData[0]) for when, packet in sniffer.received()]
    held = [level for when, level in packets if when < begins - 0.05]
    assert held
    assert min(held) >= 253
    assert [level for when, level in packets if begins + 0.3 * (ends - begins) < when < ends - 0.1]
    first = next(when for when, level in packets if level < 250)
    dark = next(when for when, level in packets if level == 0)
    assert first == pytest.approx(begins, abs=0.15)
    assert dark == pytest.approx(ends, abs=0.15)


def test_without_estimates_lights_hold_forever_by_default(
    ola, fake_run, start_streamer_lights, until
):
    start_streamer_lights(show("loss_after = 0.5"))
    fake_run.publish(1, 1)
    until(lambda: near(ola.levels(1)[0::2], 255, 255, 0, 0))
    time.sleep(4)
    assert near(ola.levels(1)[0::2], 255, 255, 0, 0)


def test_a_changed_show_file_is_reloaded_and_an_invalid_one_is_not(
    ola, fake_run, start_streamer_lights, until, tmp_path
):
    file, log = tmp_path / "show.toml", tmp_path / "log"
    process = start_streamer_lights(show())
    fake_run.publish(1, 1)
    until(lambda: near(ola.levels(1)[0::2], 255, 255, 0, 0))
    file.write_text(show().replace('type = "dimmer-rgb16"', 'type = "dimer-rgb16"'))
    until(lambda: 'did you mean "dimmer-rgb16"' in log.read_text(), 3)
    assert near(ola.levels(1)[0::2], 255, 255, 0, 0)
    file.write_text(show().replace('color = "#ff0000"', 'color = "#00ff00"'))
    process.send_signal(signal.SIGHUP)
    until(lambda: near(ola.levels(1)[0::2], 255, 0, 255, 0), 3)
    assert process.poll() is None
    assert log.read_text().count("cannot reload the show") == 1


def test_osc_reaches_a_real_receiver(venue, fake_run, start_streamer_lights, until):
    dump = venue.start("oscdump", "-L", 9000, stdout=subprocess.PIPE, text=True)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(iter(dump.stdout.readline, "")))
    reader.start()
    try:
        start_streamer_lights(
            '[palettes.line]\nanchors = [{ valence = 0, arousal = 0, color = "#ff8000" }]\n'
            '[[outputs]]\nname = "visuals"\nprotocol = "osc"\nhost = "127.0.0.1"\nport = 9000\n'
            'messages = [{ address = "/{node}/{zone}/v", value = "valence" },'
            ' { address = "/mood/{zone}/a01", value = "arousal_01" },'
            ' { address = "/word", value = "mood" }, { address = "/silent", value = "silence" },'
            ' { address = "/rgb", value = "color", palette = "line" }]\n'
        )
        fake_run.publish(0.5, 0.5, silence=True)
        until(lambda: sum("/rgb" in line for line in lines) >= 2)
    finally:
        dump.send_signal(signal.SIGTERM)
        dump.wait(5)
        reader.join()
        dump.stdout.close()
    messages = [re.sub(r"^\S+ ", "", line.strip()) for line in lines]
    assert "/test/main/v f 0.500000" in messages
    assert "/mood/main/a01 f 0.750000" in messages
    assert '/word s "excited"' in messages
    assert "/silent i 1" in messages
    assert "/rgb fff 1.000000 0.502000 0.000000" in messages
    assert messages.count("/silent i 1") <= 3  # unchanged: once a second
