"""A run as a service: how it fares at any time, whether it lives, and what systemd is told of it.

::

    survey = Survey(engine, publisher, trackers, recorder)
    supervised = Supervised(Notifier.of(os.environ), survey)
    group.create_task(supervised.run())
"""

from streamer.service.notify import Notifier
from streamer.service.supervised import Supervised
from streamer.service.survey import Survey

__all__ = ["Notifier", "Supervised", "Survey"]
