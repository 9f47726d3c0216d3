"""`python -m tests.fuzz --target config --seconds 60 --seed 1`."""

import argparse
import sys
from pathlib import Path

from tests.fuzz.report import table
from tests.fuzz.runner import Outcome, run
from tests.fuzz.targets import TARGETS

OUTPUT = Path("runs/fuzz")


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", choices=TARGETS, action="append", help="default: all")
    parser.add_argument("--seconds", type=float, default=1200.0, help="total of all targets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--number", type=int, help="run only this input")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder for failing inputs")
    options = parser.parse_args()
    names = options.target or list(TARGETS)
    whole = sum(TARGETS[name].share for name in names)
    outcomes: list[Outcome] = []
    for name in names:
        seconds = options.seconds * TARGETS[name].share / whole
        _print(f"{name}: {seconds:.0f} s ...")
        only = {} if options.number is None else {"first": options.number, "inputs": 1}
        outcome = run(name, seed=options.seed, seconds=seconds, output=options.output, **only)
        outcomes.append(outcome)
        _print(table([outcome]))
        for kind, message in outcome.messages.items():
            _print(f"--- {name} {outcome.findings[kind][:5]}: {message[-3000:]}")
    report = table(outcomes)
    options.output.mkdir(parents=True, exist_ok=True)
    options.output.joinpath("report.md").write_text(report)
    _print("\n" + report)
    return 1 if any(outcome.findings for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
