"""Run a target's worker process, and restart it after an input that crashes or hangs it."""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.fuzz.targets import ALL
from tests.fuzz.verdict import message_kind
from tests.fuzz.worker import random_for

ROOT = Path(__file__).parents[2]
MAX_SAVED = 3
"""Maximum number of saved inputs per kind of failure."""

_STARTUP_TIMEOUT = 120.0  # seconds until the first input
_GRACE = 30.0  # seconds beyond a target's timeout


@dataclass
class Outcome:
    """Results of one target.

    Attributes
    ----------
    inputs, seconds
        Number of inputs, and their time in seconds.
    kinds
        Number of results of each kind.
    findings
        Numbers of the failing inputs by kind of failure.
    messages
        First failure of each kind in full.
    """

    target: str
    seed: int
    inputs: int = 0
    seconds: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    findings: dict[str, list[int]] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)

    def record(self, number: int, result: str) -> None:
        """Add the result of an input; one of a failure starts with "!"."""
        self.inputs += 1
        if not result.startswith("!"):
            self.kinds[result] += 1
            return
        lines = result[1:].strip().splitlines() or [""]
        kind = message_kind(lines[0] if lines[0].startswith(("takes", "took")) else lines[-1])
        self.findings.setdefault(kind, []).append(number)
        self.messages.setdefault(kind, result[1:])


def run(
    target: str, *, seed: int, seconds: float, inputs: int = 10**9, first: int = 0,
    output: Path | None = None,
) -> Outcome:  # fmt: skip
    """Run inputs of a target for a number of seconds, or a number of inputs.

    Parameters
    ----------
    output
        Folder for the failing inputs.
    """
    outcome = Outcome(target, seed)
    number, end = first, first + inputs
    while number < end and outcome.seconds < seconds:
        number = _run_once(outcome, number, end, seconds - outcome.seconds)
    if output is not None:
        _save_failures(outcome, output)
    return outcome


def _run_once(outcome: Outcome, first: int, end: int, seconds: float) -> int:
    """Run one worker process; return the number of the next input."""
    options = {"seed": outcome.seed, "first": first, "inputs": end - first, "seconds": seconds}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    number = first
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", outcome.target, *arguments],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
            start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        lines = _Lines(process.stdout)
        hung = False
        start = time.monotonic()
        try:
            hung = lines.next(_STARTUP_TIMEOUT) is None and process.poll() is None
            start = time.monotonic()
            timeout = ALL[outcome.target].timeout + _GRACE
            while not hung and (line := lines.next(timeout)) != b"":
                if line is None:
                    hung = True
                    break
                outcome.record(number, json.loads(line))
                number += 1
        finally:
            outcome.seconds += time.monotonic() - start
            if hung or process.poll() is None:
                _stop(process, wait=not hung)
        process.stdout.close()
        if hung or process.returncode:
            errors.seek(0)
            how = "hangs" if hung else f"ended with {process.returncode}"
            log = errors.read()[-2000:].decode(errors="replace")
            outcome.record(number, f"!the process {how}\n{log}\nthe process {how}")
            number += 1
            outcome.seconds += 1.0
    return number


class _Lines:
    """Read lines from a pipe with a timeout."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._descriptor = pipe.fileno()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._descriptor, selectors.EVENT_READ)
        self._data = b""

    def next(self, seconds: float) -> bytes | None:
        """Return the next line; empty at the end of file, None after `seconds`."""
        while b"\n" not in self._data:
            if not self._selector.select(seconds):
                return None
            data = os.read(self._descriptor, 1 << 16)
            if not data:
                return b""
            self._data += data
        line, _, self._data = self._data.partition(b"\n")
        return line or b"\n"


def _stop(process: "subprocess.Popen[bytes]", *, wait: bool) -> None:
    if wait:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            pass
        else:
            return
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _save_failures(outcome: Outcome, output: Path) -> None:
    """Save the failing inputs."""
    if not outcome.findings:
        return
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        target = ALL[outcome.target](Path(folder))
        try:
            for kind, numbers in outcome.findings.items():
                for number in numbers[:MAX_SAVED]:
                    place = output / f"{outcome.target}-{outcome.seed}-{number}"
                    place.mkdir(parents=True, exist_ok=True)
                    given = target.make(random_for(outcome.target, outcome.seed, number))
                    for name, content in given.items():
                        (place / name).write_bytes(content)
                    place.joinpath("finding.txt").write_text(
                        outcome.messages[kind], errors="backslashreplace"
                    )
        finally:
            target.close()
