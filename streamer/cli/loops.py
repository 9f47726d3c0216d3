"""The event loop that MQTT needs."""

import asyncio
import sys


def new_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop with `add_reader`, which paho-mqtt wants and Windows' default lacks."""
    return asyncio.SelectorEventLoop() if sys.platform == "win32" else asyncio.new_event_loop()
