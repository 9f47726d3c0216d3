"""The one training loop: any task, seeds, checkpoints, early stopping, one process or many."""

import copy
import json
import math
import os
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, distributed, nn
from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.fitting.recipe import Recipe
from training.fitting.shares import Share, SharedDropout, agreed, share_of, together

Network = TypeVar("Network", bound=nn.Module)
Batch = TypeVar("Batch")


class Task(Protocol[Batch]):
    """What is learnt."""

    def batch(self, step: int, share: Share) -> Batch:
        """Draw a share of the windows of a step, and what is known of all of them."""

    def loss(self, model: nn.Module, batch: Batch, fabric: Fabric, step: int) -> Tensor:
        """Say how wrong the model is on the whole batch, alike in every process."""

    def score(self, network: nn.Module) -> float | None:
        """Look at validation: higher is better; None where there is none."""

    def notes(self, network: nn.Module) -> dict[str, float]:
        """Give what else is worth noting of the network that learns."""


@dataclass(slots=True)
class Trained:
    """What came of it.

    Attributes
    ----------
    weights
        Averaged weights of the chosen step.
    step
        The chosen step.
    history
        Validation score at each look.
    notes
        What the task notes, at each look.
    """

    weights: dict[str, Tensor]
    step: int
    history: list[tuple[int, float]] = field(default_factory=list)
    notes: list[dict[str, float]] = field(default_factory=list)


def open_fabric(recipe: Recipe) -> Fabric:
    """Open Lightning Fabric for this process: alone, or one of those that torchrun started."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    fabric = Fabric(
        accelerator="auto",
        devices=local,
        num_nodes=world // local,
        strategy=_distributed() if world > 1 else "auto",
        precision=recipe.precision,
    )
    _join()
    fabric.launch()
    return fabric


def _distributed() -> DDPStrategy:
    """Leave buffers alone: every process makes the same of the same batch."""
    return DDPStrategy(broadcast_buffers=False)


def _join() -> None:
    """Join the other processes of this life of the run, where torchrun may restart it.

    torchrun keeps one store over restarts, in which a process would find the address of another
    that died (https://github.com/pytorch/pytorch/issues/135712). On one machine the count of
    restarts tells lives apart. Machines count for themselves, so there torchrun has to be told to
    open a store for each life.

    Raises
    ------
    ValueError
        It was not told.
    """
    about = os.environ
    shared = about.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    if not shared or about["TORCHELASTIC_MAX_RESTARTS"] == "0" or distributed.is_initialized():
        return
    if about["GROUP_WORLD_SIZE"] != "1":
        raise ValueError(
            "with --max-restarts on several machines, "
            "`export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1` before torchrun on each"
        )
    rank, world = int(about["RANK"]), int(about["WORLD_SIZE"])
    store = TCPStore(about["MASTER_ADDR"], int(about["MASTER_PORT"]), world, False)
    life = PrefixStore(f"life {about['TORCHELASTIC_RESTART_COUNT']}", store)
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, store=life, rank=rank, world_size=world)


def train(
    network: Network,
    task: Task[Any],
    recipe: Recipe,
    seed: int,
    *,
    run: Path | None = None,
    on_step: Callable[[int], object] = lambda _: None,
) -> Trained:
    """Train `network` in place; give the averaged weights of the best look at validation.

    Without validation those of the last step. In `run`, where given, the state is kept at each
    look: the same call goes on from there, to the same weights on the same machine with one thread,
    and with another number of processes to the same but for rounding. Beside it lie `metrics.jsonl`
    and TensorBoard's files.

    Raises
    ------
    ValueError
        The state in `run` is of another recipe or seed, or is damaged; the processes do not see the
        same state or the same music, or cannot share a batch alike.
    """
    fabric = open_fabric(recipe)
    optimizer = torch.optim.AdamW(
        network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    model, optimizer = fabric.setup(network, optimizer)
    average = get_ema_multi_avg_fn(recipe.averaging)  # type: ignore[no-untyped-call]
    averaged = AveragedModel(network, multi_avg_fn=average)
    trained, step = Trained({}, 0), 0
    diary = _Diary(run if fabric.is_global_zero else None)
    kept = run / "state.pt" if run else None
    parts = {"network": network, "averaged": averaged, "optimizer": optimizer}
    with together(fabric):
        if kept and kept.exists():
            trained, step = _load(kept, parts, recipe, seed)
            diary.forget_after(step)
    agreed(fabric, step, f"{run} is not the same folder in all processes: they are at other steps")
    share = share_of(fabric)
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(task.batch, step + 1, share)
        while step < recipe.steps and not _exhausted(trained, recipe):
            step += 1
            batch = coming.result()
            coming = ahead.submit(task.batch, step + 1, share)
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * _schedule(step, recipe)
            torch.manual_seed(seed * 1_000_003 + step * 1009)
            model.train()
            with SharedDropout(share):
                loss = task.loss(model, batch, fabric, step)
            optimizer.zero_grad()
            fabric.backward(loss)
            fabric.clip_gradients(model, optimizer, max_norm=1.0, error_if_nonfinite=False)
            optimizer.step()
            averaged.update_parameters(network)
            on_step(step)
            if step % recipe.check_every and step < recipe.steps:
                continue
            if not math.isfinite(error := float(loss.detach())):
                raise ValueError(f"the loss is no number at step {step}; lower the learning rate")
            agreed(fabric, error, "the processes do not find the same music: losses differ", 1e-3)
            candidate = copy.deepcopy(averaged.module).eval()
            with together(fabric):
                score = task.score(candidate) if fabric.is_global_zero else None
            score = fabric.broadcast(score)
            value = math.nan if score is None else score
            best = max((old for _, old in trained.history if math.isfinite(old)), default=-math.inf)
            if score is None or value > best or not trained.weights:
                trained.weights, trained.step = candidate.state_dict(), step
            trained.history.append((step, value))
            trained.notes.append(task.notes(network))
            diary.write(
                step,
                loss=error,
                score=value,
                rate=optimizer.param_groups[0]["lr"],
                **trained.notes[-1],
            )
            with together(fabric):
                if kept and fabric.is_global_zero:
                    _save(kept, parts, recipe, seed, trained, step)
    return trained


def _exhausted(trained: Trained, recipe: Recipe) -> bool:
    """Whether `patience` looks have passed since the best one."""
    since = sum(1 for step, _ in trained.history if step > trained.step)
    return bool(recipe.patience) and since >= recipe.patience


def _schedule(step: int, recipe: Recipe) -> float:
    if step < recipe.warmup:
        return step / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return 0.5 * (1.0 + math.cos(math.pi * done))


class _Diary:
    """What happened, for people: JSONL and TensorBoard."""

    def __init__(self, run: Path | None) -> None:
        self._lines = run / "metrics.jsonl" if run else None
        self._board = TensorBoardLogger(run, name="", version="") if run else None
        if run:
            run.mkdir(parents=True, exist_ok=True)

    def write(self, step: int, **values: float) -> None:
        if self._lines and self._board:
            finite = {key: value for key, value in values.items() if math.isfinite(value)}
            with self._lines.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **finite}) + "\n")
            self._board.log_metrics(finite, step)

    def forget_after(self, step: int) -> None:
        """Drop lines of steps that will be done again."""
        if self._lines and self._lines.exists():
            lines = self._lines.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if json.loads(line)["step"] <= step]
            self._lines.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def write_whole(content: Any, path: Path) -> None:
    """Save with torch: the file is there whole, or as it was before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())  # or a machine that fails could leave an empty file of the name
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        partial.unlink(missing_ok=True)
        raise ValueError(f"{path} cannot be written: {error}") from None
    partial.replace(path)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Load what `write_whole` wrote.

    Raises
    ------
    ValueError
        It is missing or damaged; the message names the file.
    """
    try:
        return cast("dict[str, Any]", torch.load(path, map_location="cpu", weights_only=True))
    except FileNotFoundError:
        raise ValueError(f"{path} is missing") from None
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, KeyError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def _save(
    path: Path, parts: dict[str, Any], recipe: Recipe, seed: int, trained: Trained, step: int
) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    state |= {"recipe": recipe.model_dump(mode="json"), "seed": seed, "step": step}
    state |= {"best": trained.weights, "best_step": trained.step, "history": trained.history}
    state["notes"] = trained.notes
    write_whole(state, path)


def _load(path: Path, parts: dict[str, Any], recipe: Recipe, seed: int) -> tuple[Trained, int]:
    state = read_checkpoint(path)
    ours = {**recipe.model_dump(mode="json"), "seed": seed}
    theirs = {**state["recipe"], "seed": state["seed"]}
    different = [key for key in ours if ours[key] != theirs.get(key)]
    if different:
        key = different[0]
        raise ValueError(
            f"{path} is of another recipe: {key} is {theirs.get(key)!r} there and {ours[key]!r} "
            "here; choose another --run-dir, or delete it"
        )
    for name, part in parts.items():
        part.load_state_dict(state[name])
    history = [(int(step), float(score)) for step, score in state["history"]]
    best = Trained(state["best"], int(state["best_step"]), history, state["notes"])
    return best, int(state["step"])
