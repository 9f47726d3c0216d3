"""PCL, Progressive Confidence Labelling: pseudo labels for unlabelled music, and their loss.

The abstract of DAMER (Li, Chen, Zhang, arXiv 2512.13998) states pseudo labels, a temperature that
follows a curriculum, and consistency by Jensen-Shannon divergence. Cells, thresholds, schedules and
weights are our design.

Each head's prediction x, a point in the valence/arousal plane, becomes a distribution over cells
with centres m_c at temperature T:

    p_c = exp(-|x - m_c|^2 / T) / sum_k exp(-|x - m_k|^2 / T)

Heads that agree give similar distributions. A window is selected if they agree and their mean
distribution is confident of one cell. Its soft target is the point sum_c p_c m_c of that mean.
`pseudo_label_loss` trains the network on the selected windows.

Shapes: n heads, B windows, C = cells squared.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class PCLSettings:
    """Settings of the curriculum.

    Attributes
    ----------
    cells
        Cells along each axis of the plane, at least 2. Default: 2, the quadrants.
    first_temperature, last_temperature
        Temperature at the start and at the end of training, positive; falls geometrically, from
        soft to sharp. Default: 1.0, 0.25.
    least_agreement
        Lowest agreement of a selected window, in [0, 1]; agreement is 1 minus the normalised
        divergence of the heads. Default: 0.9.
    least_confidence
        Lowest probability of a selected window's likeliest cell, between 1 / C (where every window
        passes) and 1. Default: 0.5.
    ramp
        Fraction of the training after which pseudo labels have full weight, in (0, 1]. Default:
        0.5.

    Raises
    ------
    ValueError
        A value is out of range.
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
    """Pseudo labels of B windows, from the predictions of several heads.

    Attributes
    ----------
    target
        Soft valence and arousal, (B, 2), inside the square of the outermost centres.
    cells
        Mean distribution of the heads over the cells, (B, C).
    agreement
        1 minus the normalised divergence of the heads, (B,), in [0, 1].
    selected
        Whether agreement and confidence pass their thresholds, bool, (B,).
    """

    target: Tensor
    cells: Tensor
    agreement: Tensor
    selected: Tensor


def cell_centres(cells: int) -> Tensor:
    """Return the centres (C, 2) of equal cells of the plane [-1, 1] squared, valence first."""
    line = (torch.arange(cells, dtype=torch.get_default_dtype()) + 0.5) * 2.0 / cells - 1.0
    return torch.cartesian_prod(line, line)


def cell_distribution(points: Tensor, centres: Tensor, temperature: float) -> Tensor:
    """Return the distribution over cells (..., C) of points (..., 2); the module's equation."""
    squared_distance = (points.unsqueeze(-2) - centres).square().sum(dim=-1)
    distribution: Tensor = (-squared_distance / temperature).softmax(dim=-1)
    return distribution


def jensen_shannon(distributions: Tensor) -> Tensor:
    """Return the Jensen-Shannon divergence of n distributions (n, ..., C), normalised to [0, 1].

    JSD = H(mean p_i) - mean H(p_i), with H the entropy (Lin, "Divergence measures based on the
    Shannon entropy", 1991), divided by log n: 0 if all are equal, 1 if none overlap. Shape (...).
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
    """Return the temperature at a fraction of the training, in [0, 1]."""
    ratio = settings.last_temperature / settings.first_temperature
    return float(settings.first_temperature * ratio ** min(max(progress, 0.0), 1.0))


def weight_at(progress: float, settings: PCLSettings) -> float:
    """Return the weight of pseudo labels: exp(-5 (1 - t)^2), t rising from 0 to 1 over the ramp.

    Laine and Aila, "Temporal ensembling for semi-supervised learning", ICLR 2017.
    """
    ramp = min(max(progress, 0.0) / settings.ramp, 1.0)
    return math.exp(-5.0 * (1.0 - ramp) ** 2)


@torch.no_grad()
def pseudo_labels(heads: Tensor, progress: float, settings: PCLSettings) -> PseudoLabels:
    """Label windows from the agreement of several heads.

    Parameters
    ----------
    heads
        Valence and arousal predicted by each head, in [-1, 1], (n, B, 2), n at least 1; no gradient
        flows back.
    progress
        Fraction of the training that is done, in [0, 1].
    settings
        Curriculum.
    """
    centres = cell_centres(settings.cells).to(heads)
    each = cell_distribution(heads, centres, temperature_at(progress, settings))
    mean = each.mean(dim=0)
    agreement = 1.0 - jensen_shannon(each).to(heads)
    confident = mean.amax(dim=-1) >= settings.least_confidence
    selected = confident & (agreement >= settings.least_agreement)
    return PseudoLabels(mean @ centres, mean, agreement, selected)


def pseudo_label_loss(prediction: Tensor, labels: PseudoLabels) -> Tensor:
    """Return the squared error to the pseudo labels, weighted by agreement; 0 if none is selected.

    Parameters
    ----------
    prediction
        Valence and arousal of the head in training, (B, 2).
    labels
        Pseudo labels of the same windows.

    Returns
    -------
    Tensor
        Scalar: the sum over selected windows divided by B.
    """
    weight = labels.agreement * labels.selected
    error = (prediction - labels.target).square().mean(dim=-1)
    return (weight * error).sum() / max(len(prediction), 1)


class PseudoLabelDiagnostics(NamedTuple):
    """Quality of the pseudo labels of one batch, each number in [0, 1].

    Attributes
    ----------
    coverage
        Fraction of the windows that is selected.
    agreement
        Mean agreement of all windows.
    drift
        Divergence of the selected windows' cells from a reference distribution; 0 if none is
        selected.
    """

    coverage: float
    agreement: float
    drift: float


def diagnose(labels: PseudoLabels, reference: Tensor) -> PseudoLabelDiagnostics:
    """Compare pseudo labels with a reference distribution over the cells, (C,).

    The reference is that of the labelled music: pseudo labels that collapse into few cells teach
    the network its own mistakes.
    """
    if not len(labels.selected):
        return PseudoLabelDiagnostics(0.0, 0.0, 0.0)
    drift = 0.0
    if labels.selected.any():
        selected_cells = labels.cells[labels.selected].mean(dim=0)
        drift = float(jensen_shannon(torch.stack([selected_cells, reference.to(selected_cells)])))
    return PseudoLabelDiagnostics(
        float(labels.selected.float().mean()), float(labels.agreement.mean()), drift
    )
