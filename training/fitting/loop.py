"""Training loop for any task: deterministic, resumable, on one process or many (torchrun).

A killed run is resumed by the same command: state is saved in the run folder at each validation;
see `training.fitting.checkpoint`.
"""

import copy
import json
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, distributed, nn
from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.fitting.checkpoint import resume, save_state
from training.fitting.distributed import (
    BatchConsistentDropout,
    RankSlice,
    assert_ranks_agree,
    barrier_or_raise,
    slice_of_rank,
)
from training.fitting.recipe import Recipe

Network = TypeVar("Network", bound=nn.Module)
Batch = TypeVar("Batch")
_LOSS_TOLERANCE = 1e-3  # relative difference of the loss between ranks that is still rounding


class Task(Protocol[Batch]):
    """Training task: batches, loss, validation score."""

    def batch(self, step: int, rank_slice: RankSlice) -> Batch:
        """Draw the batch of a step: inputs of this rank's slice, targets of the whole batch."""

    def loss(self, model: nn.Module, batch: Batch, fabric: Fabric, step: int) -> Tensor:
        """Compute the loss of the whole batch, the same on every rank."""

    def score(self, network: nn.Module) -> float | None:
        """Score a network on the validation set, higher is better; None without validation."""

    def diagnostics(self, network: nn.Module) -> dict[str, float]:
        """Further numbers to log of the network in training."""


@dataclass(slots=True)
class TrainingResult:
    """Result of a training run.

    Attributes
    ----------
    weights
        Averaged weights of the chosen step.
    step
        Step with the best validation score, or the last one without validation.
    history
        Step and score of each validation; NaN without one.
    diagnostics
        Diagnostics of the task at each validation.
    """

    weights: dict[str, Tensor]
    step: int
    history: list[tuple[int, float]] = field(default_factory=list)
    diagnostics: list[dict[str, float]] = field(default_factory=list)


def train(
    network: Network,
    task: Task[Any],
    recipe: Recipe,
    seed: int,
    *,
    run: Path | None = None,
    on_step: Callable[[int], object] = lambda _: None,
) -> TrainingResult:
    """Train a network in place; return the averaged weights of the best validation.

    Parameters
    ----------
    network
        Module to train, initialised.
    task
        Batches, loss and validation.
    recipe, seed
        Hyperparameters and the seed of all randomness.
    run
        Folder for `state.pt`, `metrics.jsonl` and TensorBoard files. Default: nothing is written.
        If it holds a state, training resumes from it: to the same weights on the same machine with
        one thread, and to the same but for rounding with another number of processes.
    on_step
        Called with the number of each finished step.

    Raises
    ------
    ValueError
        The state in `run` is damaged or of another recipe or seed; the ranks see different states
        or different data; a batch does not divide by their number; or the loss is not finite.
    """
    fabric = open_fabric(recipe)
    optimizer = torch.optim.AdamW(
        network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    model, optimizer = fabric.setup(network, optimizer)
    ema = get_ema_multi_avg_fn(recipe.averaging)  # type: ignore[no-untyped-call]
    averaged = AveragedModel(network, multi_avg_fn=ema)
    result, step = TrainingResult({}, 0), 0
    metrics_logger = MetricsLogger(run if fabric.is_global_zero else None)
    state_file = run / "state.pt" if run else None
    parts = {"network": network, "averaged": averaged, "optimizer": optimizer}
    with barrier_or_raise(fabric):
        if state_file and state_file.exists():
            result, step = _resume(state_file, parts, recipe, seed)
            metrics_logger.truncate_after(step)
    assert_ranks_agree(
        fabric, step, f"cannot resume from {run}: it is not the same folder in all processes"
    )
    rank_slice = slice_of_rank(fabric)
    with ThreadPoolExecutor(1) as prefetcher:
        next_batch = prefetcher.submit(task.batch, step + 1, rank_slice)
        while step < recipe.steps and not _out_of_patience(result, recipe):
            step += 1
            batch = next_batch.result()
            next_batch = prefetcher.submit(task.batch, step + 1, rank_slice)
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * _schedule(step, recipe)
            torch.manual_seed(seed * 1_000_003 + step * 1009)
            model.train()
            with BatchConsistentDropout(rank_slice):
                loss = task.loss(model, batch, fabric, step)
            optimizer.zero_grad()
            fabric.backward(loss)
            fabric.clip_gradients(model, optimizer, max_norm=1.0, error_if_nonfinite=False)
            optimizer.step()
            averaged.update_parameters(network)
            on_step(step)
            if step % recipe.check_every and step < recipe.steps:
                continue
            if not math.isfinite(loss_value := float(loss.detach())):
                raise ValueError(
                    f"cannot continue at step {step}: the loss is not finite; "
                    "lower `learning_rate` in the recipe"
                )
            assert_ranks_agree(
                fabric,
                loss_value,
                "cannot continue: the processes read different data, their losses differ",
                _LOSS_TOLERANCE,
            )
            candidate = copy.deepcopy(averaged.module).eval()
            with barrier_or_raise(fabric):
                score = task.score(candidate) if fabric.is_global_zero else None
            score = fabric.broadcast(score)
            _record(result, step, score, candidate, task.diagnostics(network))
            metrics_logger.log(
                step,
                loss=loss_value,
                score=result.history[-1][1],
                rate=optimizer.param_groups[0]["lr"],
                **result.diagnostics[-1],
            )
            with barrier_or_raise(fabric):
                if state_file and fabric.is_global_zero:
                    _save(state_file, parts, recipe, seed, result, step)
    return result


def open_fabric(recipe: Recipe) -> Fabric:
    """Start Lightning Fabric in this process: alone, or as one of torchrun's."""
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    local_size = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    # Buffers need no broadcast: every rank computes the same from the same batch.
    ddp = DDPStrategy(broadcast_buffers=False) if world_size > 1 else "auto"
    fabric = Fabric(
        accelerator="auto",
        devices=local_size,
        num_nodes=world_size // local_size,
        strategy=ddp,
        precision=recipe.precision,
    )
    _join_process_group()
    fabric.launch()
    return fabric


def _join_process_group() -> None:
    """Join the process group of this restart, if torchrun may restart the processes.

    torchrun keeps one store over restarts, in which a process would find the address of one that
    died (https://github.com/pytorch/pytorch/issues/135712). On one machine the restart count makes
    a prefix for each restart. Several machines count separately, so there torchrun must open a new
    store at each restart.

    Raises
    ------
    ValueError
        Several machines share a store over restarts.
    """
    env = os.environ
    shared_store = env.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    if not shared_store or env["TORCHELASTIC_MAX_RESTARTS"] == "0" or distributed.is_initialized():
        return
    if env["GROUP_WORLD_SIZE"] != "1":
        raise ValueError(
            "cannot restart processes on several machines: they share a store; "
            "`export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1` before torchrun on each"
        )
    rank, world_size = int(env["RANK"]), int(env["WORLD_SIZE"])
    store = TCPStore(env["MASTER_ADDR"], int(env["MASTER_PORT"]), world_size, False)
    prefixed = PrefixStore(f"life {env['TORCHELASTIC_RESTART_COUNT']}", store)
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, store=prefixed, rank=rank, world_size=world_size)


def _record(
    result: TrainingResult,
    step: int,
    score: float | None,
    candidate: nn.Module,
    diagnostics: dict[str, float],
) -> None:
    """Append a validation to the result; keep the candidate's weights if it is the best so far."""
    finite = [old for _, old in result.history if math.isfinite(old)]
    if score is None or score > max(finite, default=-math.inf) or not result.weights:
        result.weights, result.step = candidate.state_dict(), step
    result.history.append((step, math.nan if score is None else score))
    result.diagnostics.append(diagnostics)


def _out_of_patience(result: TrainingResult, recipe: Recipe) -> bool:
    """Whether `patience` validations have passed since the best one."""
    since_best = sum(1 for step, _ in result.history if step > result.step)
    return bool(recipe.patience) and since_best >= recipe.patience


def _schedule(step: int, recipe: Recipe) -> float:
    """Factor of the learning rate: linear warm-up, then a cosine to 0."""
    if step < recipe.warmup:
        return step / recipe.warmup
    progress = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def _save(
    path: Path, parts: dict[str, Any], recipe: Recipe, seed: int, result: TrainingResult, step: int
) -> None:
    progress = {"step": step, "best": result.weights, "best_step": result.step}
    progress |= {"history": result.history, "notes": result.diagnostics}
    save_state(path, parts, recipe, seed, progress)


def _resume(
    path: Path, parts: dict[str, Any], recipe: Recipe, seed: int
) -> tuple[TrainingResult, int]:
    state = resume(path, parts, recipe, seed)
    history = [(int(step), float(score)) for step, score in state["history"]]
    result = TrainingResult(state["best"], int(state["best_step"]), history, state["notes"])
    return result, int(state["step"])


class MetricsLogger:
    """Log metrics to `metrics.jsonl` and TensorBoard files in a run folder; to nothing without."""

    def __init__(self, run: Path | None) -> None:
        self._file = run / "metrics.jsonl" if run else None
        self._tensorboard = TensorBoardLogger(run, name="", version="") if run else None
        if run:
            run.mkdir(parents=True, exist_ok=True)

    def log(self, step: int, **values: float) -> None:
        """Log the finite values of a step."""
        if self._file and self._tensorboard:
            finite = {key: value for key, value in values.items() if math.isfinite(value)}
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **finite}) + "\n")
            self._tensorboard.log_metrics(finite, step)

    def truncate_after(self, step: int) -> None:
        """Drop lines of steps after `step`, which will be repeated."""
        if self._file and self._file.exists():
            lines = self._file.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if json.loads(line)["step"] <= step]
            self._file.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
