"""The show in the terminal."""

import asyncio
import io
import logging

import pytest
from rich.console import Console

from streamer.outputs.lights.preview import Preview

PAR = """
[[fixtures]]
name = "par"
type = "dimmer-rgb"
output = "stage"
universe = 1
address = {}
palette = "stage"
attack = 0
intensity = [0.0, 1.0]
"""


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def preview(perform, ear):
    lights = perform('[show]\non_loss = "fade"\nfade_time = 1\n' + PAR.format(1))
    return lights, Preview(lights, title="show.toml", clock=lambda: ear.now)


def picture(preview, width=80, height=24, messages=()):
    return "\n".join(preview.draw(width, height, messages).lines())


def test_it_waits_in_the_dark(preview, ear):
    lights, shown = preview
    ear.play(lights, 0.1)
    assert "waiting for estimates" in picture(shown)
    assert "not connected" in picture(shown)


def test_it_shows_palette_point_fixtures_and_outputs(preview, ear, feeling):
    lights, shown = preview
    shown.set_broker("mqtt://localhost:1883", connected=True)
    lights.update(feeling(1, 0.5), silence=False)
    ear.play(lights, 0.1)
    said = picture(shown)
    for words in (
        "streamer lights  main  show.toml", "mqtt://localhost:1883", " 75%  par", "●",
        "sACN priority 90, multicast", "4 packets", "valence +1.00", "arousal +0.50", "happy",
    ):  # fmt: skip
        assert words in said
    colors = {
        style.bgcolor.name for row in shown.draw(80, 24)._styles for style in row if style.bgcolor
    }
    assert len(colors) > 100


def test_it_shows_a_loss(preview, ear, feeling):
    lights, shown = preview
    lights.update(feeling(), silence=False)
    ear.play(lights, 2.5)
    assert "no estimates for 2 s: 5" in picture(shown)
    ear.play(lights, 1)
    assert "0% of the light is left" in picture(shown)


def test_it_shows_what_cannot_be_sent_and_the_last_message(preview, ear, feeling):
    lights, shown = preview
    ear.trouble = OSError(101, "Network is unreachable")
    ear.play(lights, 0.1)
    record = logging.makeLogRecord({"name": "streamer", "msg": "hello", "levelno": logging.INFO})
    said = picture(shown, messages=[record])
    assert "network is unreachable" in said
    assert "hello" in said


@pytest.mark.parametrize("size", [(1, 1), (10, 4), (40, 8), (200, 60)])
def test_any_size_will_do(perform, ear, feeling, size):
    many = "".join(PAR.format(1 + 4 * n).replace("par", f"par {n}") for n in range(30))
    lights = perform(many)
    lights.update(feeling(-1, -1), silence=True)
    ear.play(lights, 0.1)
    canvas = Preview(lights, title="show.toml").draw(*size)
    assert [len(line) for line in canvas.lines()] == [size[0]] * size[1]


async def test_it_draws_and_gives_the_screen_back(preview, ear, feeling):
    lights, _ = preview
    terminal = Terminal()
    console = Console(file=terminal, force_terminal=True, width=80, height=24)
    task = asyncio.create_task(Preview(lights, title="show.toml", console=console).run())
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    written = terminal.getvalue()
    assert written.count("\x1b[?1049h") == written.count("\x1b[?1049l") == 1
    assert "streamer lights" in written
