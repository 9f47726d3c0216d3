"""PCL, Progressive Confidence Labelling: pseudo labels for music without labels.

The abstract of DAMER (Li, Chen, Zhang, arXiv 2512.13998) states pseudo labels, a temperature that
follows a curriculum, and consistency by Jensen-Shannon divergence. Cells, thresholds, schedules and
weights here are our design.

Each head's answer x, a point in the valence/arousal plane, becomes a distribution over cells with
centres m_c at temperature T:

    p_c = exp(-|x - m_c|^2 / T) / sum_k exp(-|x - m_k|^2 / T)

Heads that agree give similar distributions. A window is selected where they agree and where their
mean is sure of one cell; its soft target is the point sum_c p_c m_c of the mean distribution.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class PCLSettings:
    """Numbers of the curriculum.

    Attributes
    ----------
    cells
        Cells along each axis of the plane: 2 makes the quadrants.
    first_temperature, last_temperature
        Temperature at the start and at the end, falling geometrically: from soft to sharp.
    least_agreement
        Windows whose heads agree less are rejected; agreement is 1 less the divergence, in [0, 1].
    least_confidence
        Windows whose likeliest cell is less likely are rejected; above one over the number of
        cells, or nothing ever is.
    ramp
        Share of the training after which pseudo labels have their full weight.
    """

    cells: int = 2
    first_temperature: float = 1.0
    last_temperature: float = 0.25
    least_agreement: float = 0.9
    least_confidence: float = 0.5
    ramp: float = 0.5

    def __post_init__(self) -> None:
        if self.cells < 2:
            raise ValueError("cells must be at least 2")
        if not 0 < self.last_temperature <= self.first_temperature:
            raise ValueError("temperatures must be positive and must not rise")
        if not 0.0 <= self.least_agreement <= 1.0:
            raise ValueError("least_agreement must lie in [0, 1]")
        if not 1.0 / self.cells**2 < self.least_confidence < 1.0:
            raise ValueError(f"least_confidence must lie between 1/{self.cells**2} and 1")
        if not 0.0 < self.ramp <= 1.0:
            raise ValueError("ramp must lie in (0, 1]")


class PseudoLabels(NamedTuple):
    """What the heads say together of windows without labels.

    Attributes
    ----------
    target
        Soft valence and arousal, (B, 2), inside the square of the outermost centres.
    cells
        Mean distribution of the heads over the cells, (B, cells squared).
    agreement
        1 less the normalised divergence of the heads, (B,), in [0, 1].
    selected
        Which windows are sure enough, (B,).
    """

    target: Tensor
    cells: Tensor
    agreement: Tensor
    selected: Tensor


def cell_centres(cells: int) -> Tensor:
    """Centres of equal cells of the plane [-1, 1] squared, (cells squared, 2), valence first."""
    line = (torch.arange(cells, dtype=torch.get_default_dtype()) + 0.5) * 2.0 / cells - 1.0
    return torch.cartesian_prod(line, line)


def cell_distribution(points: Tensor, centres: Tensor, temperature: float) -> Tensor:
    """Distribution over the cells (..., cells) of points (..., 2); see the module's equation."""
    apart = (points.unsqueeze(-2) - centres).square().sum(dim=-1)
    distribution: Tensor = (-apart / temperature).softmax(dim=-1)
    return distribution


def jensen_shannon(distributions: Tensor) -> Tensor:
    """Jensen-Shannon divergence of n distributions (n, ..., cells), divided by log n: in [0, 1].

    JSD = H(mean p_i) - mean H(p_i), with H the entropy (Lin, "Divergence measures based on the
    Shannon entropy", 1991). It is 0 where all are the same and 1 where none overlap.
    """
    count = len(distributions)
    if count < 2:
        return torch.zeros(distributions.shape[1:-1])
    divergence = _entropy(distributions.mean(dim=0)) - _entropy(distributions).mean(dim=0)
    return (divergence / math.log(count)).clamp(0.0, 1.0)


def _entropy(distribution: Tensor) -> Tensor:
    surprise: Tensor = -torch.special.xlogy(distribution, distribution)
    return surprise.sum(dim=-1)


def temperature_at(progress: float, settings: PCLSettings) -> float:
    """Temperature at a share of the training in [0, 1]."""
    ratio = settings.last_temperature / settings.first_temperature
    return float(settings.first_temperature * ratio ** min(max(progress, 0.0), 1.0))


def weight_at(progress: float, settings: PCLSettings) -> float:
    """Weight of pseudo labels, exp(-5 (1 - t)^2) with t up to 1 at the ramp's end.

    Laine and Aila, "Temporal ensembling for semi-supervised learning", ICLR 2017.
    """
    done = min(max(progress, 0.0) / settings.ramp, 1.0)
    return math.exp(-5.0 * (1.0 - done) ** 2)


@torch.no_grad()
def pseudo_labels(heads: Tensor, progress: float, settings: PCLSettings) -> PseudoLabels:
    """Label windows by what several heads say of them.

    Parameters
    ----------
    heads
        Valence and arousal of each head, (n, B, 2), n at least 1; no gradient flows back.
    progress
        Share of the training that is done, in [0, 1].
    settings
        Numbers of the curriculum.
    """
    centres = cell_centres(settings.cells).to(heads)
    each = cell_distribution(heads, centres, temperature_at(progress, settings))
    mean = each.mean(dim=0)
    agreement = 1.0 - jensen_shannon(each).to(heads)
    sure = mean.amax(dim=-1) >= settings.least_confidence
    selected = sure & (agreement >= settings.least_agreement)
    return PseudoLabels(mean @ centres, mean, agreement, selected)


def pseudo_label_loss(answer: Tensor, labels: PseudoLabels) -> Tensor:
    """Squared error to the soft targets, each weighed by its agreement; 0 where none is selected.

    Parameters
    ----------
    answer
        Valence and arousal of the head that learns, (B, 2).
    labels
        Of the same windows.
    """
    weight = labels.agreement * labels.selected
    error = (answer - labels.target).square().mean(dim=-1)
    return (weight * error).sum() / max(len(answer), 1)


class PseudoLabelDiagnostics(NamedTuple):
    """How the labelling goes.

    Attributes
    ----------
    coverage
        Share of the windows that is selected.
    agreement
        Mean agreement of all windows.
    drift
        Divergence in [0, 1] of the selected windows' cells from a reference distribution; 0 where
        nothing is selected.
    """

    coverage: float
    agreement: float
    drift: float


def diagnose(labels: PseudoLabels, reference: Tensor) -> PseudoLabelDiagnostics:
    """Compare pseudo labels with a reference distribution over the cells, (cells squared,).

    The reference is that of the labelled music, for pseudo labels that crowd into few cells teach
    the network its own mistakes.
    """
    if not len(labels.selected):
        return PseudoLabelDiagnostics(0.0, 0.0, 0.0)
    drift = 0.0
    if labels.selected.any():
        chosen = labels.cells[labels.selected].mean(dim=0)
        drift = float(jensen_shannon(torch.stack([chosen, reference.to(chosen)])))
    return PseudoLabelDiagnostics(
        float(labels.selected.float().mean()), float(labels.agreement.mean()), drift
    )
