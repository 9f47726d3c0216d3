"""Select the renditions that a recipe trains on, validates on, evaluates, or uses unlabelled."""

import math
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.datasets import Piece
from training.datasets.mixes import mix_recordings
from training.fitting.recipe import DistillRecipe, FitRecipe
from training.fitting.regressor import MusicnnRegressor
from training.fitting.sampling import DistillationSampler
from training.fitting.targets import FurtherTeachers, load_targets, target_groups
from training.fitting.teacher_labels import label_by_teacher
from training.sound.feature_cache import load_renditions
from training.sound.published import PublishedAffect, PublishedModels
from training.sound.renditions import (
    PieceRendering,
    Rendition,
    all_renderings,
    plain_and_varied,
    rotating_renderings,
)
from training.splits import Split, hold_out


class FitData(NamedTuple):
    """Renditions of one fit: labelled for training, held out for validation, unlabelled pool."""

    training: list[Rendition]
    validation: list[Rendition]
    pool: list[Rendition]


def training_renditions(recipe: FitRecipe, pieces: list[Piece]) -> list[PieceRendering]:
    """Select labelled training renditions: every rendering and variation, auxiliary sets in one."""
    own, auxiliary = _labelled(recipe, pieces)
    renderings = [*recipe.renderings, *recipe.variations]
    return all_renderings(own, renderings) + rotating_renderings(auxiliary, renderings)


def evaluation_renditions(recipe: FitRecipe, pieces: list[Piece]) -> list[PieceRendering]:
    """Select renditions for evaluation: every rendering; auxiliary sets as in training."""
    own, auxiliary = _labelled(recipe, pieces)
    renderings = [*recipe.renderings, *recipe.variations]
    return all_renderings(own, recipe.renderings) + rotating_renderings(auxiliary, renderings)


def pool_renditions(recipe: FitRecipe, pieces: list[Piece]) -> list[PieceRendering]:
    """Select the unlabelled pool of PCL, MIDI in one rendering each."""
    return _in_one_rendering(recipe, pieces, recipe.pcl.pool if recipe.pcl else [])


def teacher_labelled_renditions(recipe: FitRecipe, pieces: list[Piece]) -> list[PieceRendering]:
    """Select the music that the teacher labels, MIDI in one rendering each."""
    labels = recipe.teacher_labels
    return _in_one_rendering(recipe, pieces, labels.pool if labels else [])


def embedded_renditions(
    recipe: FitRecipe | DistillRecipe, pieces: list[Piece]
) -> list[PieceRendering]:
    """Select the renditions whose MusiCNN embeddings training needs."""
    if isinstance(recipe, DistillRecipe):
        return every_rendition(recipe, pieces)
    if recipe.teacher_labels is None:
        return []
    own, _ = _labelled(recipe, pieces)
    return [*all_renderings(own, recipe.renderings), *teacher_labelled_renditions(recipe, pieces)]


def every_rendition(recipe: FitRecipe | DistillRecipe, pieces: list[Piece]) -> list[PieceRendering]:
    """Select all renditions whose frames training and evaluation of a recipe need."""
    if isinstance(recipe, DistillRecipe):
        pool = _excerpts(recipe, [piece for piece in pieces if piece.dataset in recipe.pool])
        unseen = [piece for piece in pieces if piece.dataset in recipe.unseen]
        recordings = [piece for piece in pool if not piece.is_midi]
        return [
            *rotating_renderings([piece for piece in pool if piece.is_midi], recipe.renderings),
            *plain_and_varied(recordings, recipe.renderings),
            *all_renderings(mix_recordings(recordings, recipe.mixes), []),
            *rotating_renderings(unseen, recipe.renderings),
        ]
    selections = (
        training_renditions,
        evaluation_renditions,
        pool_renditions,
        teacher_labelled_renditions,
    )
    return [one for select in selections for one in select(recipe, pieces)]


def load_fit_data(
    split: Split,
    pieces: list[Piece],
    recipe: FitRecipe,
    cache: Path,
    published: PublishedModels | None = None,
) -> FitData:
    """Load the renditions of one fit; the pools come from the training side of the split.

    Parameters
    ----------
    split, pieces, recipe
        Split of pieces of the recipe's data sets.
    cache
        Folder of computed features.
    published
        Published networks; required if the recipe has `teacher_labels`.

    Raises
    ------
    ValueError
        The recipe has `teacher_labels`, and a published network is missing.
    """
    names = {(piece.dataset, piece.name) for piece in split.train}

    def of_training_side(renditions: list[PieceRendering]) -> list[PieceRendering]:
        return [one for one in renditions if (one[0].dataset, one[0].name) in names]

    if recipe.teacher_labels and (published is None or published.tagger is None):
        raise ValueError(f"cannot fit {recipe.name}: its `teacher_labels` need published networks")
    training, validation, pool, unlabelled = (
        load_renditions(selected, recipe.front_end, cache)
        for selected in (
            of_training_side(training_renditions(recipe, pieces)),
            all_renderings(split.validation, recipe.renderings),
            of_training_side(pool_renditions(recipe, pieces)),
            of_training_side(teacher_labelled_renditions(recipe, pieces)),
        )
    )
    if recipe.teacher_labels and published:
        own, _ = _labelled(recipe, split.train)
        labelled = all_renderings(own, recipe.renderings)
        affect = PublishedAffect(published.heads, moods=True)
        regressor = MusicnnRegressor(affect, recipe.teacher_labels.published_weight)
        training += label_by_teacher(unlabelled, labelled, regressor, published, cache)
    return FitData(training, validation, pool)


def load_distillation_data(
    pieces: list[Piece],
    recipe: DistillRecipe,
    held_out: set[tuple[str, str]],
    statistics: tuple[NDArray[np.float32], NDArray[np.float32]] | None,
    cache: Path,
    teachers: FurtherTeachers,
) -> tuple[DistillationSampler, DistillationSampler]:
    """Load the training and the validation windows of a distillation.

    Parameters
    ----------
    pieces, recipe
        Pieces of the recipe's data sets.
    held_out
        (data set, group) pairs of the validation side; unseen data sets are on it as well.
    statistics
        Mean and standard deviation of targets. Default: those of the training side.
    cache
        Folder of computed features.
    teachers
        Teachers whose outputs are targets after the embedding, those of the recipe.

    Raises
    ------
    ValueError
        The statistics are of other targets; or as `load_renditions` and `load_embeddings`.
    """

    def sampler(
        renditions: list[PieceRendering],
        statistics: tuple[NDArray[np.float32], NDArray[np.float32]] | None,
    ) -> DistillationSampler:
        return DistillationSampler(
            load_renditions(renditions, recipe.front_end, cache),
            load_targets(renditions, teachers, cache),
            recipe.front_end,
            statistics,
            recipe.draw_weights,
        )

    targets = sum(group.size for group in target_groups(recipe))
    if statistics and len(statistics[0]) != targets:
        raise ValueError(
            f"cannot continue {recipe.pretrained}: {recipe.name} has other teachers; set "
            "`affect_loss` and `tag_loss` in both recipes or in none"
        )
    sides = distillation_sides(pieces, recipe, held_out)
    training = sampler(sides[0], statistics)
    return training, sampler(sides[1], (training.mean, training.std))


def distillation_sides(
    pieces: list[Piece], recipe: DistillRecipe, held_out: set[tuple[str, str]]
) -> tuple[list[PieceRendering], list[PieceRendering]]:
    """Divide the renditions of a distillation into training and validation side.

    A mix with a recording of the validation side is on neither.
    """
    sides: tuple[list[PieceRendering], list[PieceRendering]] = ([], [])

    def is_held_out(piece: Piece) -> bool:
        return piece.dataset in recipe.unseen or (piece.dataset, piece.group) in held_out

    for one in every_rendition(recipe, pieces):
        piece, _ = one
        if piece.mixed_with is None:
            sides[is_held_out(piece)].append(one)
        elif not (is_held_out(piece) or is_held_out(piece.mixed_with)):
            sides[0].append(one)
    return sides


def hold_out_groups(pieces: list[Piece], recipe: DistillRecipe, seed: int) -> set[tuple[str, str]]:
    """Choose the (data set, group) pairs that distillation holds out for validation."""
    held_out = set()
    for dataset in recipe.pool:
        own = [piece for piece in pieces if piece.dataset == dataset]
        held_out |= {(dataset, group) for group in hold_out(own, recipe.validation_share, seed)}
    return held_out


def _in_one_rendering(
    recipe: FitRecipe, pieces: list[Piece], datasets: list[str]
) -> list[PieceRendering]:
    """Pair the pieces of data sets with one rendering each."""
    pool = _excerpts(recipe, [piece for piece in pieces if piece.dataset in datasets])
    return rotating_renderings(pool, [*recipe.renderings, *recipe.variations])


def _excerpts(recipe: FitRecipe | DistillRecipe, pieces: list[Piece]) -> list[Piece]:
    """Cut unlabelled or auxiliary pieces to the length that the recipe sets."""
    longest = recipe.excerpt_seconds
    return [
        replace(piece, end=min(piece.end or math.inf, piece.start + longest[piece.dataset]))
        if piece.dataset in longest
        else piece
        for piece in pieces
    ]


def _labelled(recipe: FitRecipe, pieces: list[Piece]) -> tuple[list[Piece], list[Piece]]:
    """Pieces of the recipe's data sets, and excerpts of its auxiliary ones."""
    own = [piece for piece in pieces if piece.dataset in recipe.datasets]
    auxiliary = [piece for piece in pieces if piece.dataset in recipe.auxiliary]
    return own, _excerpts(recipe, auxiliary)
