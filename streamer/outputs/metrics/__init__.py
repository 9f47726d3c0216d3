"""Metrics for Prometheus at `/metrics`, and liveness at `/healthz`.

::

    metrics = Metrics("127.0.0.1:9464", run)
    await metrics.open()
    metrics.offer_update("main", update)

`collector` maps the health of the zones to metric families. `exporter` serves them; it caches the
text, and limits connections in number and time, so that no client delays tracking.

Importing this package without the extra `metrics` raises a `UsageError` with the remedy.
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
