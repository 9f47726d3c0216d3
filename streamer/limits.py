"""Limits on untrusted input: sizes, counts, rates and timeouts, all in one place.

This module imports nothing. Read a limit as ``limits.NAME`` where it is applied, so that a test can
change it. The unit is part of the name: `_BYTES`, `_CHARS`, `_S` (seconds).
"""

# Audio

DECODER_MEMORY_BYTES = 1 << 30
"""Address space of a decoder process, in bytes. An ordinary file needs 0.2 GB."""

DECODER_OPEN_FILES = 64
"""Most files and sockets that a decoder process has open."""

DECODER_TIMEOUT_S = 15.0
"""Longest time without a message from a decoder process before it counts as hung, in seconds."""

STREAM_OPEN_TIMEOUT_S = 30.0
"""Longest time to open a stream, including redirects and name resolution, in seconds."""

MAX_MESSAGE_BYTES = 32 << 20
"""Largest message from a decoder process, in bytes."""

MAX_TEXT_MESSAGE_BYTES = 1 << 16
"""Largest message from a child process that holds no audio, in bytes."""

SAMPLE_RATES = range(4000, 768001)
"""Accepted sample rates, in Hz."""

MAX_CHANNELS = 64
"""Most audio channels of an input."""

MAX_CONTAINER_STREAMS = 100
"""Most streams in one file or network stream, including pictures and subtitles."""

MAX_FILE_DURATION_S = 24 * 3600.0
"""Longest file that is analyzed, in seconds. A few kilobytes can decode to days of silence."""

MAX_PACKET_DURATION_S = 60.0
"""Longest duration that one damaged packet may claim, in seconds."""

MAX_DAMAGED_PACKETS = 10
"""Most damaged packets in an input, if they also outnumber the intact ones."""

MAX_READ_FAILURES = 31
"""Most consecutive failed reads of a file before the rest is skipped."""

CONNECT_TIMEOUT_S = 5.0
"""Longest time until a server sends its first audio, in seconds."""

READ_TIMEOUT_S = 2.0
"""Longest time without a byte from a stream before the connection counts as lost, in seconds."""

HLS_READ_TIMEOUT_S = 10.0
"""`READ_TIMEOUT_S` for HLS, whose segments arrive every few seconds."""

AUDIO_TIMEOUT_S = 10.0
"""Longest time until the next complete audio frame, even if single bytes arrive, in seconds."""

MAX_REDIRECTS = 5
"""Most HTTP redirects that are followed."""

MAX_INTERIM_RESPONSES = 5
"""Most interim HTTP responses (such as 100 Continue) before the final one."""

MAX_STATION_NAME_CHARS = 1000
"""Longest `icy-name` header that is decoded, in characters.

HTTP headers themselves are bounded by `http.client` (100 of 64 KiB) and by `CONNECT_TIMEOUT_S`.
"""

MAX_TITLE_CHARS = 200
"""Longest title or station name that is kept, in characters."""

PLAYOUT_BUFFER_S = 10.0
"""Decoded audio that is buffered per stream, in seconds. More is left in the socket."""

# Metrics server

METRICS_CONNECTIONS = 8
"""Most simultaneous HTTP connections; further ones are closed."""

METRICS_REQUEST_BYTES = 8192
"""Longest head of an HTTP request, in bytes."""

METRICS_REQUEST_TIMEOUT_S = 5.0
"""Longest time for a request and its response together, in seconds."""

# Remote engines

INFERENCE_SERVER_TIMEOUT_S = 1.0
"""Longest time until an inference server replies before it counts as lost, in seconds."""

MAX_INFERENCE_RESPONSE_BYTES = 1 << 16
"""Largest message from an inference server, in bytes. A reply has 16 per window."""

# MQTT

MAX_INCOMING_MESSAGES = 1000
"""Most received messages that wait to be processed; further ones are dropped."""

MAX_BASE_TOPIC_CHARS = 1000
"""Longest base topic, in characters."""

MAX_COMMAND_BYTES = 1024
"""Largest payload of a command, in bytes."""

MAX_COMMAND_TOPIC_CHARS = 1200
"""Longest topic of a command, in characters, including the base topic."""

COMMANDS_PER_SECOND = 20.0
"""Sustained rate of accepted commands, per second."""

COMMAND_BURST = 50.0
"""Most commands that are accepted at once after a pause."""

MAX_COMMAND_ID_CHARS = 64
"""Longest command id that is returned with the acknowledgement, in characters."""

MAX_RESPONSE_TOPIC_CHARS = 1024
"""Longest response topic of a command, in characters."""

MAX_CORRELATION_BYTES = 1024
"""Longest correlation data of a command, in bytes."""

CALIBRATION_RANGE_S = (10.0, 600.0)
"""Shortest and longest calibration that a command may start, in seconds."""

MAX_PENDING_MESSAGES = 500
"""Most acknowledgements and announcements that wait to be sent; the oldest is dropped."""

MAX_ESTIMATE_BYTES = 4096
"""Largest estimate that is accepted from the broker, in bytes. Ours have about 300."""

MAX_RETAINED_MESSAGES = 10_000
"""Most retained messages that are read."""

MAX_PASSWORD_BYTES = 65_535
"""Longest password that MQTT allows, in bytes."""

# Dashboard

DASHBOARD_MEMORY_BYTES = 1 << 30
"""Address space of the dashboard process, in bytes."""

DASHBOARD_OPEN_FILES = 256
"""Most files and sockets that the dashboard process has open."""

MAX_DASHBOARD_CONNECTIONS = 160
"""Most simultaneous connections; further ones are refused with a request to retry."""

MAX_VIEWERS = 100
"""Most pages that receive live updates at the same time."""

VIEWER_TIMEOUT_S = 10.0
"""Longest time until a viewer reads an update before it is disconnected, in seconds."""

VIEWER_COMMANDS_PER_SECOND = 10.0
"""Rate of commands accepted from one viewer, per second; also the largest burst."""

MAX_VIEWER_COMMAND_ID_CHARS = 16
"""Longest id of a viewer's command, in characters."""

MIN_TOKEN_CHARS = 12
"""Shortest access token, in characters."""

TOKEN_ATTEMPTS = (1.0, 10.0)
"""Login attempts of all viewers together: sustained rate per second, and largest burst."""

MAX_FORM_BYTES = 4096
"""Largest form that is accepted, in bytes."""

# Configuration

MAX_CONFIG_BYTES = 1_000_000
"""Largest configuration file, in bytes."""

MAX_KEY_PARTS = 20
"""Most parts of a dotted TOML key."""

MAX_SHOW_BYTES = 1_000_000
"""Largest show file, in bytes."""

MAX_CALIBRATION_BYTES = 1_000_000
"""Largest calibration file, in bytes."""

MAX_ERROR_VALUE_CHARS = 60
"""Longest excerpt of an invalid value in an error message, in characters."""

MAX_ERROR_REASON_CHARS = 200
"""Longest excerpt of a parser's or peer's message in an error message, in characters."""

# Recordings

MAX_JOURNAL_LINE_BYTES = 1 << 16
"""Longest line of a journal, in bytes. An estimate has about 250."""

MAX_RECORDING_ROWS = 2_000_000
"""Most estimates of one recording. A day at 20 per second has 1.7 million."""

MAX_RECORDING_TIME_S = 1e9
"""Largest monotonic time or zone time that is accepted, in seconds."""

MAX_RECORDING_EPOCH_MS = 253_402_300_800_000
"""Largest time since 1970 that is accepted, in milliseconds: the end of the year 9999."""

MAX_RECORDING_ESTIMATE = 10.0
"""Largest absolute valence, arousal or deviation that is accepted. Ours are in [-1, 1]."""

MAX_RECORDING_LEVEL_DB = 1000.0
"""Largest absolute level that is accepted, in dB."""

# Log

MAX_LOG_LINE_CHARS = 4000
"""Longest log message, in characters."""
