"""Decoder process: decode one source after the other. `python worker.py MEMORY_BYTES OPEN_FILES`.

It runs as a script and reads requests and writes messages as `streamer.decoder.messages` defines.
It exits when the main process closes its standard input.
"""

import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # import the package that this file belongs to, wherever it lies
    sys.path.insert(0, str(Path(__file__).parents[2]))
    import streamer  # noqa: F401

    sys.path.pop(0)

from streamer.child.entry import claim_stdout, read_until_parent_exits, restrict_process


def main() -> None:
    """Decode until the main process exits."""
    restrict_process(*map(int, sys.argv[1:]))
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    reader = threading.Thread(target=read_until_parent_exits, args=(requests.put,), daemon=True)
    reader.start()
    pipe = claim_stdout()
    from streamer.decoder.decode import decode_source  # limited by now: it loads FFmpeg

    while True:
        decode_source(requests.get(), pipe)
        pipe.flush()


if __name__ == "__main__":
    status = 1
    try:
        main()
    except BrokenPipeError:  # the main process is gone
        status = 0
    finally:
        os._exit(status)  # do not wait for the reading thread
