"""The live view draws while it runs, restores the terminal, and never blocks the event loop."""

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


async def draw_for(live_view: LiveView, seconds: float = 0.4) -> None:
    task = asyncio.create_task(live_view.run())
    await asyncio.sleep(seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_it_draws_and_restores_the_terminal():
    terminal = Terminal()
    live_view = view(terminal)
    live_view.offer_update("main", update())
    await draw_for(live_view)
    output = terminal.getvalue()
    assert output.startswith("\x1b[?1049h")
    assert "+0.42" in output
    assert output.rindex("\x1b[?1049l") > output.rindex("estimates/s")
    assert output.rindex("\x1b[?25h") > output.rindex("\x1b[?25l")


async def test_unchanged_rows_are_not_written_again():
    terminal = Terminal()
    live_view = view(terminal, clock=lambda: 1000.0)
    live_view.offer_update("main", update())
    await draw_for(live_view, 0.8)
    assert terminal.getvalue().count("Ctrl-C stops") == 1


async def test_at_most_6_frames_are_drawn_per_second(monkeypatch):
    live_view, count = view(), 0
    scene = live_view.scene

    def counted(messages):
        nonlocal count
        count += 1
        return scene(messages)

    monkeypatch.setattr(live_view, "scene", counted)
    await draw_for(live_view, 1.0)
    assert 2 <= count <= 7


class StalledTerminal(Terminal):
    """Block every write until `release` is set."""

    def __init__(self):
        super().__init__()
        self.blocked, self.release = threading.Event(), threading.Event()

    def write(self, text):
        assert threading.current_thread() is not threading.main_thread()
        self.blocked.set()
        self.release.wait()
        return super().write(text)


async def test_a_stalled_terminal_does_not_block_the_event_loop(monkeypatch):
    monkeypatch.setattr("streamer.outputs.terminal.live_view.CLOSE_TIMEOUT_S", 0.1)
    terminal = StalledTerminal()
    live_view = view(terminal)
    task = asyncio.create_task(live_view.run())
    assert await asyncio.to_thread(terminal.blocked.wait, 30)
    for tick in range(100):
        live_view.offer_update("main", update(tick))
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 30)
    assert terminal.getvalue() == ""  # it still stalls
    terminal.release.set()


async def test_log_messages_are_shown_and_written_afterwards():
    terminal = Terminal()
    logs.configure(stream=terminal)
    live_view = view(terminal)
    task = asyncio.create_task(live_view.run())
    await asyncio.sleep(0.2)
    logging.getLogger("streamer.mqtt").warning("the broker is gone")
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    inside, after = terminal.getvalue().split("\x1b[?1049l")
    assert inside.count("the broker is gone") == 1
    assert after.count("the broker is gone") == 1


def test_an_update_is_only_stored():
    terminal = Terminal()
    live_view = view(terminal)
    for tick in range(1000):
        live_view.offer_update("main", update(tick))
    assert terminal.getvalue() == ""


def test_a_password_in_the_broker_address_is_not_shown():
    live_view = view(broker="mqtt://ann:secret@studio:1883")
    assert live_view.scene().broker == "mqtt://studio:1883"
    live_view.set_broker("mqtt://bob:p@ss@hall", connected=True)
    assert live_view.scene().broker == "mqtt://hall"


def test_the_source_can_change():
    live_view = view()
    live_view.set_source("main", "radio")
    assert live_view.scene().zones[0].source == "radio"


@pytest.mark.parametrize(
    ("console", "suits"),
    [
        (Console(file=Terminal(), force_terminal=True, _environ={"TERM": "xterm"}), True),
        (Console(file=Terminal(), force_terminal=True, _environ={"TERM": "dumb"}), False),
        (Console(file=io.StringIO(), _environ={"TERM": "xterm"}), False),
    ],
)
def test_it_requires_a_terminal_with_unicode(console, suits):
    assert LiveView.suits(console) is suits


def test_the_summary_is_one_line():
    assert (
        summary_line("main", update(), rate=10.0, latency_ms=48.2)
        == "main: calm  valence +0.42 ± 0.11  arousal -0.31 ± 0.09  -23 dBFS  10.0/s  latency 48 ms"
    )
    line = summary_line("main", update(silence=True, warm=0.5))
    assert line.startswith("main: silence  ")
    assert line.endswith("  warming up 50%")
