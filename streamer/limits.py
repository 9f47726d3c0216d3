"""How far untrusted input is believed: every limit on what comes from outside, in one place.

It imports nothing. Whoever heeds a limit reads it as ``limits.NAME`` at the time it counts.
"""

# Sound

DECODER_MEMORY = 1 << 30
"""Bytes of address space of a decoder's process; decoding a usual file takes 0.2 GB of it."""

DECODER_FILES = 64
"""Files and sockets that a decoder's process may have open."""

DECODER_PATIENCE = 15.0
"""Seconds without a sign of life after which a decoder that is waited for is held to hang."""

OPEN_PATIENCE = 30.0
"""Seconds until a stream has to be open, all its redirects and the name server included."""

RECORD_BYTES = 32 << 20
"""Bytes of one record of a decoder; a frame of sound beyond it is none."""

TEXT_BYTES = 1 << 16
"""Bytes of a record of a decoder that tells something other than sound."""

RATES = range(4000, 768001)
"""Sample rates in Hz that are believed."""

CHANNELS = 64
"""Channels that are believed."""

STREAMS = 100
"""Streams of one file or network stream, pictures and subtitles among them."""

LONGEST_SOUND = 24 * 3600.0
"""Seconds of a file that is analyzed; a few kilobytes can decode to days of silence."""

LONGEST_LOSS = 60.0
"""Seconds that one corrupt packet may claim to have lasted."""

MOST_DAMAGED = 10
"""Packets; with more of them damaged than whole ones it is no sound."""

READ_FAILURES = 31
"""Reads of a file that may fail in a row until the rest is given up."""

CONNECT_TIMEOUT = 5.0
"""Seconds until a server has to have answered with its first sound."""

READ_TIMEOUT = 2.0
"""Seconds without a byte after which a stream is lost."""

PLAYLIST_READ_TIMEOUT = 10.0
"""The same for HLS, where a segment comes every few seconds."""

TRICKLE_TIMEOUT = 10.0
"""Seconds until the next sound has to be whole, however often a few bytes of it arrive."""

MAX_REDIRECTS = 5
"""Redirects that are followed."""

INTERIM_ANSWERS = 5
"""Answers of a server that may come before the one that counts, such as 100 Continue.

How many headers an answer has, and how long they are, is limited by `http.client`: 100 of 64 KiB.
"""

LONGEST_HEADER = 1000
"""Characters of a server's header that are looked at."""

LONGEST_TITLE = 200
"""Characters of a title, and of a station's name, that are kept."""

PLAYOUT_SECONDS = 10.0
"""Decoded sound of a stream that is held; what a server sends beyond it waits in the network."""

# Engines on another machine

SERVER_PATIENCE = 1.0
"""Seconds after which a server of engines that does not answer is held to be lost."""

ANSWER_BYTES = 1 << 16
"""Bytes of one of its messages; an answer has 16 a window."""

# MQTT

INCOMING_MESSAGES = 1000
"""Messages that wait until they are looked at; what comes beyond them is left out."""

BASE_TOPIC = 1000
"""Characters of the topic that stands before all others."""

COMMAND_BYTES = 1024
"""Bytes of a command."""

COMMAND_TOPIC = 1200
"""Characters of a command's topic; the base topic has at most 1000 of them."""

COMMANDS_A_SECOND = 20.0
"""Commands that are carried out in a second, in the long run."""

COMMANDS_AT_ONCE = 50.0
"""Commands that are carried out at once after a quiet time."""

COMMAND_ID = 64
"""Characters of a command's id that come back with the answer."""

RESPONSE_TOPIC = 1024
"""Characters of a topic at which an answer may be wanted."""

CORRELATION_BYTES = 1024
"""Bytes that may be wanted back with an answer."""

CALIBRATION_SECONDS = (10.0, 600.0)
"""Seconds that a calibration may be told to listen."""

WAITING_LETTERS = 500
"""Answers and announcements that wait to be sent; what is older gives way."""

ESTIMATE_BYTES = 4096
"""Bytes of an estimate that is followed; ours have some 300."""

RETAINED_MESSAGES = 10_000
"""Retained messages that are looked at."""

PASSWORD_BYTES = 65_535
"""Bytes of a password, by MQTT."""

# Dashboard

DASHBOARD_MEMORY = 1 << 30
"""Bytes of address space of the dashboard's process."""

DASHBOARD_FILES = 256
"""Files and sockets that it may have open."""

DASHBOARD_CONNECTIONS = 160
"""Connections at a time; who comes beyond them is told to come later."""

VIEWERS = 100
"""Pages that are kept up to date at a time."""

VIEWER_PATIENCE = 10.0
"""Seconds in which a viewer has to read before it is left."""

VIEWER_COMMANDS = 10.0
"""Commands that a viewer may send in a second, and at once."""

VIEWER_ID = 16
"""Characters of the id of a viewer's command."""

TOKEN_CHARACTERS = 12
"""The shortest token that counts as one."""

TOKEN_TRIES = (1.0, 10.0)
"""Tokens that may be tried in a second, and at once, by all viewers together."""

FORM_BYTES = 4096
"""Bytes of a form."""

# Configuration

CONFIGURATION_BYTES = 1_000_000
"""Bytes of a configuration."""

KEY_PARTS = 20
"""Parts of a dotted key."""

SHOW_BYTES = 1_000_000
"""Bytes of a show file."""

CALIBRATION_BYTES = 1_000_000
"""Bytes of the file in which calibrations are kept."""

SHOWN_VALUE = 60
"""Characters of a wrong value that are shown."""

SHOWN_REASON = 200
"""Characters of what a parser says that are shown."""

# Recordings

JOURNAL_LINE = 1 << 16
"""Bytes of a line of a journal; an estimate has some 250."""

RECORDED_ROWS = 2_000_000
"""Estimates of one recording; a day of 20 a second has 1.7 million."""

RECORDED_TIME = 1e9
"""Seconds since a machine's start, and of a zone's sound, that are believed."""

RECORDED_EPOCH = 253_402_300_800_000
"""Milliseconds since 1970 that are believed: to the end of the year 9999."""

RECORDED_ESTIMATE = 10.0
"""Greatest number of an estimate that is believed; ours are from -1 to 1."""

RECORDED_LEVEL = 1000.0
"""Greatest level in dB that is believed."""

# Log

LOGGED_LINE = 4000
"""Characters of a message in the log."""
