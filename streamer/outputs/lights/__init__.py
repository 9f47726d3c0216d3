"""Lights: the trajectory as sACN, Art-Net and OSC, by a show file.

::

    lights = Lights(load_show(path), node="studio")
    async with asyncio.TaskGroup() as group:
        running = group.create_task(lights.run())
        group.create_task(watch_show(path, lights))
        lights.feel(update.smooth, update.silence)  # at once, never waits
        running.cancel()  # ends the stream as E1.31 asks

What flows: a `Look` (where the music is, and when that was told) stands on a `Timeline`; a `Stage`
for each output reads it, `delay` seconds late, lets its lamps follow, and sends. A `LiveShow` is
all of that beside a run or a replay.

Importing this package without the extra `lights` is a `UsageError` that says what to install.
"""

from streamer.errors import UsageError

try:
    from streamer.outputs.lights.live_show import LiveShow, watch_show
    from streamer.outputs.lights.player import Lights
    from streamer.outputs.lights.show import Show
    from streamer.outputs.lights.show_file import example_text, load_show
except ModuleNotFoundError as error:
    missing = (error.name or "").partition(".")[0]
    raise UsageError(
        f"lights need the package {missing}, which is not installed: "
        'pip install "damer-streamer[lights]"'
    ) from None

__all__ = ["Lights", "LiveShow", "Show", "example_text", "load_show", "watch_show"]
