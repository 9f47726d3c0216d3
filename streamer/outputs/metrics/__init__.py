"""Numbers for Prometheus, at `/metrics`; whether the run lives, at `/healthz`.

::

    async with serve_metrics("127.0.0.1:9464") as metrics:
        metrics.show(survey, liveness)
        metrics.hear("main", update)  # at each estimate

`families` says what is told, `page` keeps it for a second, `server` answers those who ask: few at a
time, each for a few seconds, so that no scraper holds up tracking.

Importing this package without the extra `metrics` is a `UsageError` that says what to install.
"""

from streamer.errors import UsageError

try:
    from streamer.outputs.metrics.exporter import Metrics, serve_metrics
except ModuleNotFoundError as error:
    missing = (error.name or "").partition(".")[0]
    raise UsageError(
        f"metrics need the package {missing}, which is not installed: "
        'pip install "damer-streamer[metrics]"'
    ) from None

__all__ = ["Metrics", "serve_metrics"]
