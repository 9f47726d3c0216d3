"""The dashboard, where it is wanted: whether it can be served where it should."""

from collections.abc import AsyncIterator

from damer.views import FrontEndSpec
from streamer.config import Config
from streamer.doctor.finding import Finding
from streamer.errors import StreamerError


async def examine_dashboard(config: Config) -> AsyncIterator[Finding]:
    """Yield what there is to say of it; nothing where it is not wanted."""
    if not config.dashboard.serve:
        return
    from streamer.outputs.dashboard.live import serve_dashboard

    try:
        async with serve_dashboard(config, FrontEndSpec()) as dashboard:
            address = dashboard.address
    except StreamerError as error:
        yield Finding.of_error("dashboard", error)
    else:
        yield Finding("dashboard", "ok", f"can be served at {address}")
