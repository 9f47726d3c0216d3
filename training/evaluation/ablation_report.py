"""HTML report of an ablation: scores, embedding probes, pseudo-label curves."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.manifold import TSNE

from training.datasets import AXES, Piece
from training.evaluation.ablation import (
    CONSTANT_Q,
    FOLDS,
    FULL,
    Arm,
    ablation_arms,
    compare_views_by_style,
    pieces_of,
)
from training.evaluation.cross_validation import FoldResult
from training.evaluation.embedding_probe import ProbeResults, probe_embeddings
from training.fitting.recipe import FitRecipe
from training.metrics import bootstrap_interval
from training.predict import embeddings
from training.reports import AXIS_COLOURS, write_page
from training.sound.feature_cache import load_renditions
from training.sound.renditions import all_renderings, window_ends
from training.splits import split

_TEMPLATE = Path(__file__).with_name("ablation_report.html.j2")
_GAP_SECONDS = 0.1  # between windows, so that they share no audio


class EmbeddedWindows(NamedTuple):
    """Embeddings of test windows by one network.

    Attributes
    ----------
    embedding
        (n, width).
    label
        Mean valence and arousal of the piece, (n, 2).
    style, track
        Names of style and piece, (n,).
    """

    embedding: NDArray[np.float64]
    label: NDArray[np.float64]
    style: NDArray[np.str_]
    track: NDArray[np.str_]


def embed_test_windows(
    result: FoldResult, recipe: FitRecipe, pieces: list[Piece], dataset: str, cache: Path
) -> EmbeddedWindows:
    """Embed the windows of a fold's test pieces of one data set, in one rendering."""
    spec = recipe.front_end
    test = split(pieces_of(recipe, pieces), result.fold, FOLDS, result.seed, recipe.datasets).test
    own = [piece for piece in test if piece.dataset == dataset]
    network = result.network(recipe)
    parts, labels, styles, tracks = [], [], [], []
    for rendition in load_renditions(all_renderings(own, recipe.renderings[:1]), spec, cache):
        ends = window_ends(rendition, spec.window_seconds + _GAP_SECONDS, spec)
        parts.append(embeddings(network, rendition, ends, spec).numpy())
        labels.append(np.tile(rendition.piece.mean_label, (len(ends), 1)))
        styles += [rendition.piece.style] * len(ends)
        tracks += [rendition.piece.name] * len(ends)
    return EmbeddedWindows(
        np.concatenate(parts).astype(np.float64),
        np.concatenate(labels),
        np.array(styles),
        np.array(tracks),
    )


def drift_table(
    arms: dict[str, list[EmbeddedWindows]], reference: str = FULL
) -> dict[str, dict[str, Any]]:
    """Probe the embeddings of each arm for style and track, with intervals over tracks.

    Windows of all folds, each probed within its own fold; also the difference to the reference.
    """
    tracks = [name for one in arms[reference] for name in one.track]
    results = {
        name: _concatenate([probe_embeddings(one.embedding, one.style, one.track) for one in folds])
        for name, folds in arms.items()
    }
    table = {}
    for name, own in results.items():
        columns = {
            what: (values, values - base)
            for what, values, base in zip(
                ProbeResults._fields, own, results[reference], strict=True
            )
        }
        table[name] = {
            what: {
                "share": float(np.nanmean(values)),
                "interval": _interval(values, tracks),
                "above_reference": float(np.nanmean(gains)),
                "above_reference_interval": _interval(gains, tracks),
            }
            for what, (values, gains) in columns.items()
        }
    return table


def _concatenate(results: list[ProbeResults]) -> ProbeResults:
    return ProbeResults(*(np.concatenate(parts) for parts in zip(*results, strict=True)))


def _interval(values: NDArray[np.float64], tracks: list[str]) -> tuple[float, float]:
    return bootstrap_interval(lambda rows: float(np.nanmean(values[rows])), tracks)


def write_ablation_report(
    arms: list[Arm],
    summary: dict[str, Any],
    pieces: list[Piece],
    dataset: str,
    cache: Path,
    path: Path,
    reference: str = FULL,
) -> dict[str, Any]:
    """Write the HTML report; return all numbers. The embeddings of `dataset` are probed."""
    embedded = {
        arm.name: [
            embed_test_windows(one, arm.recipe, pieces, dataset, cache) for one in arm.results
        ]
        for arm in arms
        if arm.name in (FULL, reference) or arm.recipe.saml != arms[0].recipe.saml
    }
    drift = drift_table(embedded, reference)
    views = {name: compare_views_by_style(arms, name) for name in summary}
    figures = {name: score_bars(name, table, reference) for name, table in summary.items()}
    for name, folds in embedded.items():
        figures[f"embeddings {name}"] = embedding_map(name, folds[0])
    plain = {*ablation_arms(arms[0].recipe), CONSTANT_Q} - {FULL}
    for arm in arms:
        if arm.recipe.pcl and arm.name not in plain:
            curves = pseudo_label_curves(arm.name, arm.results)
            figures[f"pseudo labels {arm.name}"] = curves
    write_page(
        _TEMPLATE,
        path,
        figures,
        summary=summary,
        drift=drift,
        drift_of=dataset,
        views=views,
        axes=AXES,
        reference=reference,
    )
    return {
        "reference": reference,
        "recipes": {arm.name: arm.recipe.model_dump(mode="json") for arm in arms},
        "ablation": summary,
        "views": views,
        "drift_of": dataset,
        "drift": drift,
    }


def score_bars(dataset: str, table: dict[str, Any], reference: str = FULL) -> Figure:
    """Plot the CCC of every arm with its interval over pieces, the reference in colour."""
    figure = Figure(figsize=(9, 0.4 * len(table) + 1.2))
    names = list(table)[::-1]
    for place, axis in enumerate(AXES):
        axes = figure.add_subplot(1, 2, place + 1)
        values = np.array([table[name][axis]["ccc"] for name in names])
        intervals = np.array([table[name][axis]["interval"] for name in names])
        colours = [AXIS_COLOURS[axis] if name == reference else "#bbbbbb" for name in names]
        axes.barh(names, values, color=colours)
        axes.hlines(names, intervals[:, 0], intervals[:, 1], color="black")
        axes.set(title=f"{dataset}: {axis}", xlabel="CCC")
        if place:
            axes.set_yticklabels([])
    return figure


def embedding_map(name: str, one: EmbeddedWindows) -> Figure:
    """Plot the embeddings of one fold in two dimensions (t-SNE), by style and by emotion.

    Van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 9, 2008.
    """
    perplexity = min(30.0, (len(one.embedding) - 1) / 3)
    points = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(one.embedding)
    figure = Figure(figsize=(12, 4))
    figure.suptitle(name)
    styles, numbers = np.unique(one.style, return_inverse=True)
    axes = figure.add_subplot(1, 3, 1)
    for number, style in enumerate(styles):
        chosen = numbers == number
        axes.scatter(points[chosen, 0], points[chosen, 1], s=6, label=style)
    axes.legend(fontsize=6, markerscale=2, ncols=5, loc="upper center", bbox_to_anchor=(0.5, 0.0))
    axes.set(title="style", xticks=[], yticks=[])
    for k, axis in enumerate(AXES):
        axes = figure.add_subplot(1, 3, k + 2)
        drawn = axes.scatter(
            points[:, 0], points[:, 1], s=6, c=one.label[:, k], cmap="coolwarm", vmin=-1, vmax=1
        )
        figure.colorbar(drawn, ax=axes)
        axes.set(title=axis, xticks=[], yticks=[])
    return figure


def pseudo_label_curves(name: str, results: list[FoldResult]) -> Figure:
    """Plot coverage, agreement and drift of the pseudo labels over the steps, one line a fold."""
    figure = Figure(figsize=(12, 3))
    figure.suptitle(f"pseudo labels: {name}", y=1.05)
    for place, what in enumerate(("coverage", "agreement", "drift")):
        axes = figure.add_subplot(1, 3, place + 1)
        for result in results:
            for history, diagnostics in zip(result.histories, result.diagnostics, strict=True):
                axes.plot([step for step, _ in history], [one[what] for one in diagnostics], lw=0.9)
        axes.set(title=what, xlabel="step", ylim=(0, 1))
    return figure
