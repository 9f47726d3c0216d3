"""Decodes what it is told, in a process of its own: `python worker.py MEMORY FILES`.

It is run as a script. It speaks and is spoken to as `streamer.child.framing` says, and ends when
standard input does.
"""

import importlib.util
import json
import os
import queue
import sys
import threading
from pathlib import Path


def adopt() -> None:
    """Take this file's own `streamer`, wherever it lies, without looking for it."""
    package = Path(__file__).resolve().parents[1]
    spec = importlib.util.spec_from_file_location(
        "streamer", package / "__init__.py", submodule_search_locations=[str(package)]
    )
    assert spec is not None  # noqa: S101 - the file is there
    assert spec.loader is not None  # noqa: S101
    sys.modules["streamer"] = streamer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(streamer)


def listen(jobs: "queue.SimpleQueue[dict[str, str]]") -> None:
    """Take in what is told; leave at once when nobody wants us any more, whatever FFmpeg does."""
    for line in sys.stdin.buffer:
        jobs.put(json.loads(line))
    os._exit(0)


def main() -> None:
    """Decode one source after the other."""
    memory, files = map(int, sys.argv[1:])
    adopt()
    from streamer.child.process import guard

    guard(memory, files)
    jobs: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()
    threading.Thread(target=listen, args=(jobs,), daemon=True).start()
    pipe = os.fdopen(os.dup(1), "wb", 1 << 16)
    os.dup2(2, 1)  # whatever a library prints is no record
    from streamer.decoder.decode import work

    while True:
        work(jobs.get(), pipe)
        pipe.flush()


if __name__ == "__main__":
    status = 1
    try:
        main()
    except BrokenPipeError:  # nobody listens any more
        status = 0
    finally:
        os._exit(status)  # not by Python's own end, which waits for the thread in its read
