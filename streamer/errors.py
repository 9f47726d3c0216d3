"""Exceptions of the runtime.

::

    StreamerError               exit code 1
    +-- UsageError              exit code 2: invalid options, arguments or input
    |   +-- ConfigError         invalid configuration
    +-- AudioError              audio cannot be opened, decoded or read
    +-- EngineError             weights or inference engine cannot be used
    +-- BrokerError             MQTT broker cannot be started or reached

Each message says what failed, on what, why, and how to fix it. The command line prints it as one
line, without a traceback, and exits with `exit_code`.
"""


class StreamerError(Exception):
    """Base class of all errors that a user can meet."""

    exit_code = 1


class UsageError(StreamerError):
    """An option, argument or input is invalid."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration value is unknown, of the wrong type, or out of range."""


class AudioError(StreamerError):
    """Audio cannot be opened, decoded or read."""


class EngineError(StreamerError):
    """The weights or the inference engine cannot be used."""


class BrokerError(StreamerError):
    """The MQTT broker cannot be started or reached."""
