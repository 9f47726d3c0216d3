"""Script of `test_distributed`, run in two processes: fit the jobs of a file, save the results."""

import os
import pickle
import shutil
import signal
import sys
from functools import partial
from pathlib import Path

import torch

from training.fitting.distill import distill
from training.fitting.fit import fit

RANK = int(os.environ.get("RANK", "0"))


def weights(job, **options):
    """Run one job; return the fitted weights."""
    if "sampler" in job:
        student, _ = distill(job["sampler"], None, job["recipe"], 0, **options)
        return student.state_dict()
    training, validation, pool = job.get(f"data of {RANK}", job["data"])
    return fit(training, validation, job["recipe"], 0, pool=pool, **options).network.state_dict()


def kill_once(folder, step):
    """Copy the state of step 2, and kill the second process before its first restart."""
    if step == 3 and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        if RANK == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        shutil.copytree(folder / "killed", folder / "half-way")


def main(folder):
    torch.set_num_threads(1)
    jobs = pickle.loads((folder / "jobs").read_bytes())  # noqa: S301 - the test's own
    for name, job in jobs.items():
        done = folder / f"{name}.{RANK}.pt"
        if done.exists():
            continue
        options = {}
        if name == "killed":
            options = {"run": folder / "killed", "on_step": partial(kill_once, folder)}
        elif name == "apart":
            options = {"run": folder / ("half-way" if RANK == 0 else "elsewhere")}
        elif name == "damaged":
            options = {"run": folder / f"damaged {RANK}"}
            if RANK == 0:
                options["run"].mkdir()
                (options["run"] / "state.pt").write_bytes(b"no state")
        try:
            result = weights(job, **options)
        except ValueError as error:
            result = str(error)
        torch.save(result, done)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
