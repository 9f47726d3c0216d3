"""`python -m tests.faults --minutes 30 --seed 1`."""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.faults.catalogue import ALL, CATALOGUE, Fault
from tests.faults.measure import Outcome, Resources, inject_fault
from tests.faults.picture import draw
from tests.faults.report import Report
from tests.faults.testbed import Testbed, open_testbed

SETTLE = 8.0
CALM = (1.0, 2.5)
LONG = 15.0
"""Shortest run, in minutes, whose slopes are checked."""


def order(rng: random.Random, names: list[str]) -> list[Fault]:
    """Return each fault once, shuffled; the unplugged microphone first (see `recorder_killed`)."""
    chosen = [fault for fault in CATALOGUE if not names or fault.name in names]
    rng.shuffle(chosen)
    return sorted(chosen, key=lambda fault: fault.name != "microphone unplugged")


async def run(options: argparse.Namespace, folder: Path) -> Report:
    rng = random.Random(options.seed)
    started = time.time()
    outcomes: list[Outcome] = []
    resources = Resources()
    async with open_testbed(folder) as testbed:
        await _wait_for_all_zones(testbed)
        await asyncio.sleep(SETTLE)
        settled = time.time()
        watching = asyncio.create_task(resources.watch(testbed))
        faults: list[Fault] = []
        while time.time() - started < options.minutes * 60:
            if not faults:
                faults = order(rng, options.only)
            fault = faults.pop(0)
            outcome = await inject_fault(testbed, fault, rng.uniform(*fault.duration))
            outcomes.append(outcome)
            _print_outcome(outcome)
            if testbed.process.returncode is not None:
                break
            await asyncio.sleep(rng.uniform(*CALM))
        watching.cancel()
        ended = time.time()
    return Report(
        outcomes, resources, testbed.observer, started=started, settled=settled, ended=ended,
        seed=options.seed, returncode=testbed.process.returncode, long=options.minutes >= LONG,
    )  # fmt: skip


async def _wait_for_all_zones(testbed: Testbed) -> None:
    limit = time.monotonic() + 60
    while not all(testbed.observer.estimates.get(zone) for zone in ALL):
        if testbed.process.returncode is not None or time.monotonic() > limit:
            raise RuntimeError(testbed.observer.raw.decode())
        await asyncio.sleep(0.1)


def _print_outcome(outcome: Outcome) -> None:
    noticed = "-" if outcome.noticed is None else f"{outcome.noticed:.1f} s"
    print(
        f"{outcome.fault.name:34} {outcome.gone - outcome.started:4.1f} s  noticed {noticed:>6}  "
        f"recovered {outcome.recovered:4.1f} s  lost {outcome.lost:3}  elsewhere "
        f"{outcome.elsewhere:2}  false {outcome.false}  late {outcome.late}  "
        f"lines {outcome.lines}",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], help="names of faults")
    parser.add_argument("--output", type=Path, default=Path("runs/soak"))
    options = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("cannot create a network namespace: run as root")
    if "FAULTS_INSIDE" not in os.environ:
        inside = {**os.environ, "FAULTS_INSIDE": "1"}
        again = ["unshare", "--net", "--mount", sys.executable, "-m", "tests.faults"]
        return subprocess.run([*again, *sys.argv[1:]], env=inside, check=False).returncode
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        report = asyncio.run(run(options, Path(folder)))
    options.output.mkdir(parents=True, exist_ok=True)
    options.output.joinpath("report.md").write_text(report.markdown())
    draw(
        options.output / "report.png", report.outcomes, report.resources, report.observer,
        report.started,
    )  # fmt: skip
    options.output.joinpath("log.jsonl").write_bytes(
        b"".join(line + b"\n" for line in report.observer.raw.splitlines() if line[:1] == b"{")
    )
    options.output.joinpath("report.json").write_text(
        json.dumps(
            {
                "outcomes": [{**asdict(o), "fault": o.fault.name} for o in report.outcomes],
                "resources": asdict(report.resources),
                "checks": [asdict(each) for each in report.checks()],
            },
            default=str,
        )
    )
    print(report.markdown())
    return 0 if all(each.good for each in report.checks()) else 1


if __name__ == "__main__":
    sys.exit(main())
