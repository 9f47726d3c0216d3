"""`streamer` with an engine that fails on demand: `python -m tests.faults.program run ...`.

The file at FAULTY_ENGINE holds the fault: empty, "slow FACTOR", "raise", "nan" or "hang".
"""

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import streamer.engines
from streamer.engines import Estimate, OnnxEngine

DEMAND = Path(os.environ["FAULTY_ENGINE"])


def demand() -> list[str]:
    return DEMAND.read_text().split()


class FaultyEngine(OnnxEngine):
    def infer(self, mel: np.ndarray, cochleagram: np.ndarray) -> Estimate:
        started = time.perf_counter()
        match demand():
            case ["raise"]:
                raise RuntimeError("injected engine fault")
            case ["hang"]:
                while demand() == ["hang"]:
                    time.sleep(0.02)
        estimate = super().infer(mel, cochleagram)
        match demand():
            case ["nan"]:
                return replace(estimate, valence=np.full_like(estimate.valence, np.nan))
            case ["slow", factor]:
                until = started + (time.perf_counter() - started) * float(factor)
                while time.perf_counter() < until and demand():
                    time.sleep(0.01)
        return estimate


if __name__ == "__main__":
    streamer.engines.OnnxEngine = FaultyEngine
    from streamer.cli import main

    main()
