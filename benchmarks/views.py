"""CPU time of the views, compared with the arithmetic limit of this core.

The gammatone cascade needs 36 operations per sample and channel: four complex one-pole stages of
four multiplications and four additions, and the energy. It may not fuse them (frames are
bit-identical on every path) nor vectorise over time, so its limit is the core's rate of separate
64-bit multiplications and additions, which is measured as well. The Mel view needs a real FFT of
2,048 samples per hop, 2.5 N log2 N operations, and two per non-zero bin for its projection.
"""

import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from damer.views import FrontEnd, FrontEndSpec
from damer.views.gammatone import Cochleagram
from damer.views.mel import LogMel, mel_filters

ROUNDS = 9
_BLOCK = 441
_SECONDS = 4
_LANES, _CHAINS, _LINKS, _TIMES = 64, 4, 8, 20000


def measure_views(rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure each view, both, both in silence, and the arithmetic of this core.

    Returns
    -------
    dict
        CPU time per second of audio: `both_ms` in blocks of 20 ms, `silence_ms` the same for
        digital silence after it, `gammatone_ms` and `mel_ms` of one view in one block;
        `gigaflops` of the core; `gammatone_limit_ms`, `mel_limit_ms`.
    """
    spec = FrontEndSpec()
    random = np.random.default_rng(0)
    audio = 0.1 * random.standard_normal(_SECONDS * spec.sample_rate // spec.hop * spec.hop)
    blocks = np.split(audio.astype(np.float32), range(_BLOCK, len(audio), _BLOCK))
    hops = audio.reshape(-1, spec.hop)
    front_end, gammatone, mel = FrontEnd(spec), Cochleagram(spec), LogMel(spec)

    silence = [np.zeros_like(block) for block in blocks]

    def push_all(blocks: list[NDArray[np.float32]]) -> None:
        for block in blocks:
            front_end.push(block)

    values = np.ones((_CHAINS, _LANES))
    half, one = np.full(_LANES, 0.5), np.ones(_LANES)
    seconds = len(audio) / spec.sample_rate
    tasks: list[Callable[[], object]] = [
        lambda: push_all(blocks),
        lambda: gammatone.push(hops),
        lambda: mel.push(hops),
        lambda: _multiply_and_add(values, half, one, _TIMES),
        lambda: push_all(silence),
    ]
    times = np.median([[_milliseconds(task) for task in tasks] for _ in range(rounds + 1)][1:], 0)
    operations = 2 * _CHAINS * _LANES * _LINKS * _TIMES
    rate = operations / times[3]  # a millisecond
    frames = spec.sample_rate / spec.hop
    gammatone_work = 36 * spec.gammatone_channels * spec.sample_rate
    fft_work = 2.5 * spec.fft_size * np.log2(spec.fft_size) * frames
    projection_work = (2 * np.count_nonzero(mel_filters(spec)) + 3 * spec.fft_size / 2) * frames
    return {
        "both_ms": times[0] / seconds,
        "silence_ms": times[4] / seconds,
        "gammatone_ms": times[1] / seconds,
        "mel_ms": times[2] / seconds,
        "gigaflops": rate / 1e6,
        "gammatone_limit_ms": gammatone_work / rate,
        "mel_limit_ms": (fft_work + projection_work) / rate,
    }


def _milliseconds(task: Callable[[], object]) -> float:
    started = time.process_time()
    task()
    return 1e3 * (time.process_time() - started)


@numba.njit(cache=False)
def _multiply_and_add(
    values: NDArray[np.float64], factor: NDArray[np.float64], term: NDArray[np.float64], times: int
) -> None:
    """Run four independent chains per lane, enough to keep the core busy in every cycle."""
    for _ in range(times):
        for lane in range(values.shape[1]):
            a, b = factor[lane], term[lane]
            w, x, y, z = values[0, lane], values[1, lane], values[2, lane], values[3, lane]
            for _ in range(_LINKS):
                w, x, y, z = w * a + b, x * a + b, y * a + b, z * a + b
            values[0, lane], values[1, lane], values[2, lane], values[3, lane] = w, x, y, z


def show_views(found: dict[str, Any]) -> None:
    """Print the measurement."""
    print(f"ms of CPU per second of audio; this core does {found['gigaflops']:.0f} Gflop/s unfused")
    print(f"  both views, blocks of 20 ms  {found['both_ms']:6.2f}")
    print(f"  both views, digital silence  {found['silence_ms']:6.2f}")
    for name in ("gammatone", "mel"):
        print(f"  {name:28} {found[f'{name}_ms']:6.2f}, limit {found[f'{name}_limit_ms']:.2f}")
