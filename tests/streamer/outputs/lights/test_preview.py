"""The terminal preview of a show."""

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
def preview(start_lights, network):
    lights = start_lights('[show]\non_loss = "fade"\nfade_time = 1\n' + PAR.format(1))
    return lights, Preview(lights, title="show.toml", clock=lambda: network.now)


def frame(preview, width=80, height=24, messages=()):
    return "\n".join(preview.draw(width, height, messages).lines())


def test_before_the_first_estimate_it_says_that_it_waits(preview, network):
    lights, screen = preview
    network.play(lights, 0.1)
    assert "waiting for estimates" in frame(screen)
    assert "not connected" in frame(screen)


def test_it_draws_palette_point_fixtures_and_outputs(preview, network, affect):
    lights, screen = preview
    screen.set_broker("mqtt://localhost:1883", connected=True)
    lights.update(affect(1, 0.5), silence=False)
    network.play(lights, 0.1)
    text = frame(screen)
    for words in (
        "streamer lights  main  show.toml", "mqtt://localhost:1883", " 75%  par", "●",
        "sACN priority 90, multicast", "4 packets", "valence +1.00", "arousal +0.50", "happy",
    ):  # fmt: skip
        assert words in text
    colors = {
        style.bgcolor.name for row in screen.draw(80, 24)._styles for style in row if style.bgcolor
    }
    assert len(colors) > 100


def test_it_reports_a_signal_loss(preview, network, affect):
    lights, screen = preview
    lights.update(affect(), silence=False)
    network.play(lights, 2.5)
    assert "no estimates for 2 s: faded to 5" in frame(screen)
    network.play(lights, 1)
    assert "faded to 0%" in frame(screen)


def test_it_reports_output_errors_and_the_last_log_message(preview, network, affect):
    lights, screen = preview
    network.error = OSError(101, "Network is unreachable")
    network.play(lights, 0.1)
    record = logging.makeLogRecord({"name": "streamer", "msg": "hello", "levelno": logging.INFO})
    text = frame(screen, messages=[record])
    assert "network is unreachable" in text
    assert "hello" in text


@pytest.mark.parametrize("size", [(1, 1), (10, 4), (40, 8), (200, 60)])
def test_it_fits_any_terminal_size(start_lights, network, affect, size):
    many = "".join(PAR.format(1 + 4 * n).replace("par", f"par {n}") for n in range(30))
    lights = start_lights(many)
    lights.update(affect(-1, -1), silence=True)
    network.play(lights, 0.1)
    canvas = Preview(lights, title="show.toml").draw(*size)
    assert [len(line) for line in canvas.lines()] == [size[0]] * size[1]


async def test_it_restores_the_screen_at_the_end(preview, network, affect):
    lights, _ = preview
    terminal = Terminal()
    console = Console(file=terminal, force_terminal=True, width=80, height=24)
    task = asyncio.create_task(Preview(lights, title="show.toml", console=console).run())
    async with asyncio.timeout(20):
        while "streamer lights" not in terminal.getvalue():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    written = terminal.getvalue()
    assert written.count("\x1b[?1049h") == written.count("\x1b[?1049l") == 1
    assert "streamer lights" in written
