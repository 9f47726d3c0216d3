"""Generate and check inputs of one target: `python -m tests.fuzz.worker TARGET ...`.

Writes one line per input to standard output: the kind of its result, or "!" and the failure.
"""

import argparse
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from itertools import count
from pathlib import Path
from random import Random
from types import FrameType

from tests.fuzz.targets import ALL, Target
from tests.fuzz.verdict import FuzzFailure

ADDRESS_SPACE = 12 << 30


def random_for(target: str, seed: int, number: int) -> Random:
    """Return the random generator of one input."""
    return Random(f"{target} {seed} {number}")


def run_input(target: Target, target_name: str, seed: int, number: int) -> str:
    """Generate an input, check it, and return the result line."""
    given = target.make(random_for(target_name, seed, number))
    before = _peak()
    signal.setitimer(signal.ITIMER_REAL, target.timeout)
    try:
        result = target.check(given)
    except FuzzFailure as failure:
        result = f"!{failure}"
    except Exception:  # noqa: BLE001 - any exception is a failure
        result = f"!{traceback.format_exc()}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if _peak() - before > target.max_memory_growth and not result.startswith("!"):
        result = f"!took {(_peak() - before) >> 20} MB"
    return result


def _on_timeout(_number: int, _frame: FrameType | None) -> None:
    raise FuzzFailure("takes too long:\n" + "".join(traceback.format_stack()[-6:-1]))


def _peak() -> int:
    """Return the peak memory in bytes; `getrusage` would include the parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--inputs", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # prints of a target go to standard error
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, _on_timeout)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        os.chdir(folder)
        target = ALL[options.target](Path(folder))
        try:
            target.prepare()
            lines.write("\n")
            until = time.monotonic() + options.seconds
            for number in count(options.first):
                if number >= options.first + options.inputs or time.monotonic() >= until:
                    break
                result = run_input(target, options.target, options.seed, number)
                lines.write(json.dumps(result) + "\n")
        finally:
            target.close()
    sys.exit()


if __name__ == "__main__":
    main()
