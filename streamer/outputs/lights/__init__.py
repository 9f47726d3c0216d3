"""Drive lights from the estimates of one zone: sACN, Art-Net and OSC, configured by a show file.

::

    controller = LightController(load_show(path), node="studio")
    async with asyncio.TaskGroup() as group:
        running = group.create_task(controller.run())
        group.create_task(watch_show(path, controller))
        controller.update(update.smooth, update.silence)  # never waits
        running.cancel()  # terminates the sACN streams

Each estimate becomes a `TimedAffect` on a `Timeline`. For every frame, a renderer per output reads
the timeline (`delay` seconds late), moves its fixtures towards that estimate and sends what
changed. A `LiveShow` does all of this inside `streamer run` or `streamer replay`.

**Without estimates** (`[show] loss_after`, 2 s by default) the lights hold their last state, or
fade to black (`on_loss`); see `signal_loss`. When estimates return, they rise from where they are.

Importing this package without the extra `lights` raises a `UsageError` that says what to install.
"""

from streamer.errors import UsageError

try:
    from streamer.outputs.lights.light_controller import LightController
    from streamer.outputs.lights.live_show import LiveShow, watch_show
    from streamer.outputs.lights.show import Show
    from streamer.outputs.lights.show_file import example_text, load_show
except ModuleNotFoundError as error:
    missing = (error.name or "").partition(".")[0]
    raise UsageError(
        f"lights need the package {missing}, which is not installed: "
        'pip install "damer-streamer[lights]"'
    ) from None

__all__ = ["LightController", "LiveShow", "Show", "example_text", "load_show", "watch_show"]
