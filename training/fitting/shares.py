"""One batch, shared by processes: whose its windows are, and how their answers meet again.

What is random about a window is drawn for the whole batch, and the loss is that of the whole batch,
so that any number of processes takes the same steps but for rounding.
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
class Share:
    """What one process has of a batch: its row `first` and each `processes`-th after it."""

    first: int = 0
    processes: int = 1

    def of(self, rows: Rows) -> Rows:
        """Give its part of what has a row for each window of the batch.

        Raises
        ------
        ValueError
            Not all processes would have as many.
        """
        if len(rows) % self.processes:
            raise ValueError(
                f"a batch of {len(rows)} windows does not divide by {self.processes} processes; "
                "start another number of them, or change `batch` or `pcl.batch` of the recipe"
            )
        return rows[self.first :: self.processes]


ALONE = Share()


def share_of(fabric: Fabric) -> Share:
    """Give the share of this process."""
    return Share(fabric.global_rank, fabric.world_size)


def whole(fabric: Fabric, parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Gather answers to the windows of every share, (n, ...) each, as those to the batch, (B, ...).

    Gradients are right where every process has the same loss of the batch, and DDP takes the mean.
    """
    if fabric.world_size == 1 or not parts:
        return parts
    flat = torch.cat([part.flatten(1) for part in parts], dim=1)
    gathered: Tensor = _Gather.apply(flat)  # type: ignore[no-untyped-call]  # (processes, n, ...)
    rows = gathered.transpose(0, 1).flatten(0, 1)  # (B, ...), window i of process i % processes
    columns = torch.split(rows, [part[0].numel() for part in parts], dim=1)
    return tuple(
        column.reshape(-1, *part.shape[1:]) for column, part in zip(columns, parts, strict=True)
    )


class _Gather(torch.autograd.Function):
    """Every process's tensor, (...), in every process, (processes, ...).

    What returns for the own part is the gradient of the one loss; times the number of processes, it
    is that again after the mean over them.
    """

    @staticmethod
    def forward(_: Any, own: Tensor) -> Tensor:
        every = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
        distributed.all_gather(every, own)
        return torch.stack(every)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return gradient[distributed.get_rank()] * distributed.get_world_size()


class SharedDropout(TorchFunctionMode):
    """Where this is entered, dropout takes from a share what it would take from the whole batch.

    Every process draws for the whole batch from torch's generator, seeded alike in all of them; the
    first dimension of what is dropped from is the share's windows.
    """

    def __init__(self, share: Share) -> None:
        super().__init__()
        self._share = share

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Do what is asked, but for dropout."""
        if func is functional.dropout:
            return self._dropout(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _dropout(self, given: Tensor, p: float, training: bool, *_: bool, **__: bool) -> Tensor:
        if not training or p == 0.0:
            return given
        shape = (len(given) * self._share.processes, *given.shape[1:])
        kept = self._share.of(torch.rand(shape, device=given.device)) >= p
        return given * (kept.to(given.dtype) / (1.0 - p))


@contextmanager
def together(fabric: Fabric) -> Iterator[None]:
    """Wait for all processes at the end; what fails in one fails in all, or they would wait on.

    Raises
    ------
    ValueError
        Another process failed.
    """
    error: Exception | None = None
    try:
        yield
    except (ValueError, OSError) as caught:
        error = caught
    failed = _each(fabric, error is not None)
    if error is not None:
        raise error
    if any(failed):
        raise ValueError("another process of this run failed, and says why")


def agreed(fabric: Fabric, value: float, complaint: str, tolerance: float = 0.0) -> None:
    """Compare a number that all processes have to have alike, to a relative tolerance.

    Raises
    ------
    ValueError
        The complaint, and what each has.
    """
    values = _each(fabric, value)
    if max(values) - min(values) > tolerance * max(map(abs, values)):
        each = ", ".join(f"{one:g} in process {rank}" for rank, one in enumerate(values))
        raise ValueError(f"{complaint} ({each})")


def _each(fabric: Fabric, value: float) -> list[float]:
    """Give what every process has."""
    if fabric.world_size == 1:
        return [value]
    own = torch.tensor(float(value), device=fabric.device)
    each: list[float] = _Gather.apply(own).tolist()  # type: ignore[no-untyped-call]
    return each
