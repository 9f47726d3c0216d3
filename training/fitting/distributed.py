"""Data-parallel training in which any number of processes takes the same optimiser steps.

Randomness is drawn for the whole batch, predictions are gathered from all ranks, and every rank
computes the loss of the whole batch. What differs from one process is rounding only.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, distributed
from torch.nn import functional
from torch.overrides import TorchFunctionMode

Rows = TypeVar("Rows", np.ndarray[Any, Any], Tensor, range)


@dataclass(frozen=True, slots=True)
class RankSlice:
    """Rows of a batch that one rank processes: row `rank` and every `world_size`-th after it."""

    rank: int = 0
    world_size: int = 1

    def select(self, rows: Rows) -> Rows:
        """Select this rank's rows of anything with one row per window of the batch.

        Raises
        ------
        ValueError
            The batch does not divide by the number of processes.
        """
        if len(rows) % self.world_size:
            raise ValueError(
                f"cannot split a batch of {len(rows)} windows over {self.world_size} processes: it "
                "does not divide; start another number of them, or change `batch` or `pcl.batch`"
            )
        return rows[self.rank :: self.world_size]


SINGLE_PROCESS = RankSlice()


def slice_of_rank(fabric: Fabric) -> RankSlice:
    """Slice of the rank of this process."""
    return RankSlice(fabric.global_rank, fabric.world_size)


def all_gather(fabric: Fabric, parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Gather the tensors of all rank slices, (n, ...) each, into those of the batch, (B, ...).

    Differentiable. Gradients are right if every rank computes the loss of the whole batch and DDP
    averages gradients.
    """
    if fabric.world_size == 1 or not parts:
        return parts
    flat = torch.cat([part.flatten(1) for part in parts], dim=1)
    gathered: Tensor = _AllGather.apply(flat)  # type: ignore[no-untyped-call]  # (ranks, n, ...)
    rows = gathered.transpose(0, 1).flatten(0, 1)  # (B, ...): window i is of rank i % world_size
    columns = torch.split(rows, [part[0].numel() for part in parts], dim=1)
    return tuple(
        column.reshape(-1, *part.shape[1:]) for column, part in zip(columns, parts, strict=True)
    )


class _AllGather(torch.autograd.Function):
    """Stack the tensors of all ranks, (...) -> (world_size, ...), with gradients.

    The gradient of this rank's part is multiplied by the world size, because DDP divides by it.
    """

    @staticmethod
    def forward(_: Any, own: Tensor) -> Tensor:
        every = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
        distributed.all_gather(every, own)
        return torch.stack(every)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return gradient[distributed.get_rank()] * distributed.get_world_size()


class BatchConsistentDropout(TorchFunctionMode):
    """Context in which dropout masks a rank slice as it would mask the whole batch.

    Every rank draws the mask of the whole batch from torch's generator, seeded alike on all ranks,
    and applies its own rows. The first dimension of a dropout input must be the slice's windows.
    """

    def __init__(self, rank_slice: RankSlice) -> None:
        super().__init__()
        self._rank_slice = rank_slice

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Replace dropout; call any other function as it is."""
        if func is functional.dropout:
            return self._dropout(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _dropout(self, values: Tensor, p: float, training: bool, *_: bool, **__: bool) -> Tensor:
        if not training or p == 0.0:
            return values
        shape = (len(values) * self._rank_slice.world_size, *values.shape[1:])
        kept = self._rank_slice.select(torch.rand(shape, device=values.device)) >= p
        return values * (kept.to(values.dtype) / (1.0 - p))


@contextmanager
def barrier_or_raise(fabric: Fabric) -> Iterator[None]:
    """Run a block on every rank, wait for all, and raise on all ranks if one failed.

    Without it, the other ranks would wait for the failed one for ever.

    Raises
    ------
    ValueError
        Another rank failed.
    """
    error: Exception | None = None
    try:
        yield
    except (ValueError, OSError) as caught:
        error = caught
    failed = _gather_scalars(fabric, error is not None)
    if error is not None:
        raise error
    if any(failed):
        raise ValueError("cannot continue: another process of this run failed; see its error")


def assert_ranks_agree(fabric: Fabric, value: float, message: str, tolerance: float = 0.0) -> None:
    """Raise on all ranks unless a number is the same on all, to a relative tolerance.

    Raises
    ------
    ValueError
        The message, with the value of each rank.
    """
    values = _gather_scalars(fabric, value)
    if max(values) - min(values) > tolerance * max(map(abs, values)):
        each = ", ".join(f"{one:g} in process {rank}" for rank, one in enumerate(values))
        raise ValueError(f"{message} ({each})")


def _gather_scalars(fabric: Fabric, value: float) -> list[float]:
    """Gather a number from every rank."""
    if fabric.world_size == 1:
        return [value]
    own = torch.tensor(float(value), device=fabric.device)
    values: list[float] = _AllGather.apply(own).tolist()  # type: ignore[no-untyped-call]
    return values
