"""What `test_shares` lets two processes do together: jobs from a file, results into a folder."""

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
    """Do one job; give the weights that came of it."""
    if "taught" in job:
        student, _ = distill(job["taught"], None, job["recipe"], 0, **options)
        return student.state_dict()
    heard, validation, pool = job.get(f"sides of {RANK}", job["sides"])
    return fit(heard, validation, job["recipe"], 0, pool=pool, **options).network.state_dict()


def trouble(folder, step):
    """Keep the state of step 2, and let the second process be killed in its first life."""
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
            options = {"run": folder / "killed", "on_step": partial(trouble, folder)}
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
