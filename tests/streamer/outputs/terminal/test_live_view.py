"""The live view draws while it runs, and leaves the terminal as it was."""

import asyncio
import io
import logging
import threading
import time

import pytest
from rich.console import Console

from streamer import logs
from streamer.outputs.terminal.live_view import LiveView, summary_line
from streamer.tracking.update import Affect, Update

HERE = Affect(0.42, -0.31, 0.11, 0.09)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def update(tick=0, **fields) -> Update:
    values = {"silence": False, "warm": 1.0, "level": -23.4} | fields
    return Update(tick, tick / 10, time.monotonic() - 0.048, HERE, HERE, **values)


def view(stream=None, **fields) -> LiveView:
    console = Console(
        file=stream or Terminal(), force_terminal=True, width=80, height=24, legacy_windows=False
    )
    return LiveView({"main": "demo"}, topic="streamer/studio", console=console, **fields)


async def drawn(shown: LiveView, seconds: float = 0.4) -> None:
    task = asyncio.create_task(shown.run())
    await asyncio.sleep(seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_it_draws_and_gives_the_screen_back():
    terminal = Terminal()
    shown = view(terminal)
    shown.offer_update("main", update())
    await drawn(shown)
    output = terminal.getvalue()
    assert output.startswith("\x1b[?1049h")
    assert "+0.42" in output
    assert output.rindex("\x1b[?1049l") > output.rindex("estimates/s")
    assert output.rindex("\x1b[?25h") > output.rindex("\x1b[?25l")


async def test_rows_that_did_not_change_are_not_written_again():
    terminal = Terminal()
    shown = view(terminal, clock=lambda: 1000.0)
    shown.offer_update("main", update())
    await drawn(shown, 0.8)
    assert terminal.getvalue().count("Ctrl-C stops") == 1


async def test_a_picture_is_drawn_6_times_a_second_at_most(monkeypatch):
    shown, count = view(), 0
    scene = shown.scene

    def counted(messages):
        nonlocal count
        count += 1
        return scene(messages)

    monkeypatch.setattr(shown, "scene", counted)
    await drawn(shown, 1.0)
    assert 2 <= count <= 7


async def test_a_terminal_that_stalls_does_not_stall_the_loop():
    stalled, seen = threading.Event(), threading.Event()

    class Stalling(Terminal):
        def write(self, text):
            if threading.current_thread() is not threading.main_thread():
                seen.set()
                stalled.wait(5)
            return super().write(text)

    shown = view(Stalling())
    task = asyncio.create_task(shown.run())
    assert await asyncio.to_thread(seen.wait, 5)
    begin = time.monotonic()
    for tick in range(100):
        shown.offer_update("main", update(tick))
        await asyncio.sleep(0)
    assert time.monotonic() - begin < 1
    stalled.set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_log_messages_are_in_the_picture_and_follow_it():
    terminal = Terminal()
    logs.configure(stream=terminal)
    shown = view(terminal)
    task = asyncio.create_task(shown.run())
    await asyncio.sleep(0.2)
    logging.getLogger("streamer.mqtt").warning("the broker is gone")
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    inside, after = terminal.getvalue().split("\x1b[?1049l")
    assert inside.count("the broker is gone") == 1
    assert after.count("the broker is gone") == 1


def test_updating_costs_next_to_nothing():
    shown = view()
    begin = time.process_time()
    for tick in range(1000):
        shown.offer_update("main", update(tick))
    assert time.process_time() - begin < 0.1


def test_a_password_in_the_brokers_address_is_not_shown():
    shown = view(broker="mqtt://ann:secret@studio:1883")
    assert shown.scene().broker == "mqtt://studio:1883"
    shown.set_broker("mqtt://bob:p@ss@hall", connected=True)
    assert shown.scene().broker == "mqtt://hall"


def test_the_source_can_change():
    shown = view()
    shown.set_source("main", "radio")
    assert shown.scene().zones[0].source == "radio"


@pytest.mark.parametrize(
    ("console", "suits"),
    [
        (Console(file=Terminal(), force_terminal=True, _environ={"TERM": "xterm"}), True),
        (Console(file=Terminal(), force_terminal=True, _environ={"TERM": "dumb"}), False),
        (Console(file=io.StringIO(), _environ={"TERM": "xterm"}), False),
    ],
)
def test_it_wants_a_terminal_that_can_draw(console, suits):
    assert LiveView.suits(console) is suits


def test_without_a_terminal_one_line_says_it():
    assert (
        summary_line("main", update(), rate=10.0, latency_ms=48.2)
        == "main: calm  valence +0.42 ± 0.11  arousal -0.31 ± 0.09  -23 dBFS  10.0/s  latency 48 ms"
    )
    line = summary_line("main", update(silence=True, warm=0.5))
    assert line.startswith("main: silence  ")
    assert line.endswith("  warming up 50%")
