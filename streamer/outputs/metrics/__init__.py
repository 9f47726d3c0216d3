"""Numbers for Prometheus, at `/metrics`; whether the run lives, at `/healthz`.

::

    metrics = Metrics("127.0.0.1:9464", run)
    await metrics.open()
    metrics.offer_update("main", update)

`collector` maps the health of the zones to metric families, `exporter` caches the text, `server`
limits connections, their number and their time, so that no scraper delays tracking.

Importing this package without the extra `metrics` is a `UsageError` that says what to install.
"""

from streamer.errors import UsageError

try:
    from streamer.outputs.metrics.exporter import Metrics
except ModuleNotFoundError as error:
    missing = (error.name or "").partition(".")[0]
    raise UsageError(
        f"metrics need the package {missing}, which is not installed: "
        'pip install "damer-streamer[metrics]"'
    ) from None

__all__ = ["Metrics"]
