"""Recording a run, and reading it back.

::

    folder/main-20261125T203000Z.parquet      estimates, finished
           main-20261125T203000Z.flac         the sound of the same stretch
           main-20261125T213000Z.journal      estimates while they are recorded; JSON lines
           main-20261125T213000Z.flac.part    sound while it is recorded

A journal is whole up to its last line at any moment, whatever ends the program or the machine; it
becomes a Parquet file when it is full, at the end, or at the next start.
"""

from streamer.outputs.recording.reader import Recording, read_recording
from streamer.outputs.recording.recorder import Recorder

__all__ = ["Recorder", "Recording", "read_recording"]
