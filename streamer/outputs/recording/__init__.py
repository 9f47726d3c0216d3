"""Record estimates and audio of a run to a folder; read, replay and plot them.

::

    folder/main-20261125T203000Z.parquet      estimates, finished
           main-20261125T203000Z.flac         audio of the same period
           main-20261125T213000Z.journal      estimates in progress: JSON lines
           main-20261125T213000Z.flac.part    audio in progress

**Crashes**: every estimate is one line of the journal, flushed before the next. However the program
or the machine stops, the journal is valid up to its last complete line, and the audio can be played
up to where it ends. The next start of a recorder in that folder converts the journal to Parquet and
renames the audio; see `recovery`. Until then `read_recording` reads the journal itself.

A journal is also converted when it has its full length and when recording stops.
"""

from streamer.outputs.recording.reader import Recording, read_recording
from streamer.outputs.recording.recorder import Recorder

__all__ = ["Recorder", "Recording", "read_recording"]
