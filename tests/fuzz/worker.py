"""Makes inputs of one target and judges them: `python -m tests.fuzz.worker TARGET ...`.

For each input one line goes to standard output: what came of it, or after a "!" what was found.
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

from tests.fuzz.judging import Finding
from tests.fuzz.targets import ALL, Target

ADDRESS_SPACE = 12 << 30


def chance_of(target: str, seed: int, number: int) -> Random:
    """Return what decides about one input."""
    return Random(f"{target} {seed} {number}")


def outcome_of(target: Target, target_name: str, seed: int, number: int) -> str:
    """Make an input, judge it, and return the line about it."""
    given = target.make(chance_of(target_name, seed, number))
    before = _peak()
    signal.setitimer(signal.ITIMER_REAL, target.patience)
    try:
        said = target.judge(given)
    except Finding as finding:
        said = f"!{finding}"
    except Exception:  # noqa: BLE001 - whatever it is, it is a finding
        said = f"!{traceback.format_exc()}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if _peak() - before > target.growth and not said.startswith("!"):
        said = f"!took {(_peak() - before) >> 20} MB"
    return said


def _too_long(_number: int, _frame: FrameType | None) -> None:
    raise Finding("takes too long:\n" + "".join(traceback.format_stack()[-6:-1]))


def _peak() -> int:
    """Return the most memory that was ever used; `getrusage` would count who started us, too."""
    told = Path("/proc/self/status").read_text()
    return int(told.partition("VmHWM:")[2].split(maxsplit=1)[0]) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--inputs", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what is printed is no line of ours
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, _too_long)
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
                said = outcome_of(target, options.target, options.seed, number)
                lines.write(json.dumps(said) + "\n")
        finally:
            target.close()
    sys.exit()


if __name__ == "__main__":
    main()
