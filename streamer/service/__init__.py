"""A run as a service: how it fares at any time, whether it lives, and what systemd is told of it.

::

    survey = Survey(engine, publisher, trackers, recorder)
    supervised = Supervised(Notifier.of(os.environ), survey)
    group.create_task(supervised.run())
"""

from streamer.app.health import Survey
from streamer.app.systemd import Notifier, Supervised

__all__ = ["Notifier", "Supervised", "Survey"]
