"""The errors of the runtime.

::

    StreamerError               exit code 1
    +-- UsageError              exit code 2: options, configuration, input that cannot be meant
    |   +-- ConfigError
    +-- AudioError              sound cannot be opened, decoded or read
    +-- EngineError             weights or inference
    +-- BrokerError             MQTT broker, ours or another

Each message says what happened, with what, and what to do about it. The command line prints it as
one line and exits with `exit_code`; a traceback is never shown for them.
"""


class StreamerError(Exception):
    """Root of every error a user can meet."""

    exit_code = 1


class UsageError(StreamerError):
    """What was asked for cannot be meant."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration value is unknown, ill-typed or out of range."""


class AudioError(StreamerError):
    """Sound cannot be opened, decoded or read."""


class EngineError(StreamerError):
    """The weights or the inference engine cannot be used."""


class BrokerError(StreamerError):
    """The MQTT broker cannot be started or reached."""
