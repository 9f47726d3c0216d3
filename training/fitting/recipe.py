"""Recipes: all hyperparameters of a fit or a distillation, validated."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PlainSerializer,
    model_validator,
)

from damer.nn import NetworkSize
from damer.views import FrontEndSpec
from training.fitting.label_scale import LabelScale
from training.fitting.recipe_tables import (
    PCL,
    SAML,
    STRICT,
    Augmentation,
    Count,
    Part,
    Positive,
    Share,
    TeacherLabels,
    Weight,
    forbid_unknown_keys,
)
from training.sound.affect_heads import TRAINED_ON
from training.sound.render import Rendering

LABELLED_BY_TEACHER = "labelled-by-teacher"
"""Data set name given to music that the teacher labels."""


def _rename_stored_keys(values: Any) -> Any:
    return NetworkSize.rename_stored_keys(values) if isinstance(values, dict) else values


class Recipe(BaseModel):
    """Hyperparameters of every kind of training.

    Attributes
    ----------
    name
        File name of the recipe without ".toml".
    window_frames
        Frames of a window.
    origin
        "external" for data sets of precomputed views, which the runtime cannot compute. Default:
        "internal".
    pretrained
        Name of the student to start from. Default: from scratch.
    renderings
        Renderings of MIDI. Default: none.
    variations
        Further renderings, for training only. Default: none.
    excerpt_seconds
        Longest part of each unlabelled or auxiliary piece of a data set, from its start, in
        seconds. Default: all of it.
    steps, batch
        Optimiser steps, and windows in each. Default: 700 and 64.
    learning_rate, weight_decay, warmup
        AdamW's peak rate, its decay, and the steps until the peak; a cosine follows. Default: 2e-3,
        0.2 and 50.
    averaging
        Decay of the moving average of the weights, which is evaluated. Default: 0.98.
    check_every
        Steps between validations, and between checkpoints. Default: 100.
    patience
        Validations without a better score after which training stops; 0: never. Default: 0.
    precision
        Precision of Lightning Fabric. "bf16-mixed" is faster on a GPU only. Default: "32-true".
    augmentation
        Random changes of windows.
    network
        Size of the network.
    """

    model_config = STRICT

    name: str
    window_frames: Count
    origin: Literal["internal", "external"] = "internal"
    pretrained: str | None = None
    renderings: list[Rendering] = []
    variations: list[Rendering] = []
    excerpt_seconds: dict[str, Positive] = {}
    steps: Count = 700
    batch: Count = 64
    learning_rate: Positive = 2e-3
    weight_decay: Weight = 0.2
    warmup: Annotated[int, Field(ge=0)] = 50
    averaging: Share = 0.98
    check_every: Count = 100
    patience: Annotated[int, Field(ge=0)] = 0
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    augmentation: Augmentation = Augmentation()
    network: Annotated[
        NetworkSize,
        forbid_unknown_keys(NetworkSize),
        BeforeValidator(_rename_stored_keys),
        PlainSerializer(NetworkSize.to_stored),
    ] = NetworkSize()

    @model_validator(mode="after")
    def _only_masks_on_external_views(self) -> Self:
        one = self.augmentation
        power = one.gain_db, one.equaliser_db, one.noise, one.people, one.room, one.codec
        if self.origin == "external" and any(power):
            raise ValueError(
                "cannot augment precomputed views other than by masks: their scaling is unknown; "
                "set every other field of `augmentation` to 0"
            )
        return self

    @property
    def front_end(self) -> FrontEndSpec:
        """Front end of the network."""
        return FrontEndSpec(window_frames=self.window_frames, origin=self.origin)


class FitRecipe(Recipe):
    """Recipe of a fit to labels.

    Attributes
    ----------
    datasets
        Batch share of each data set for training, validation and evaluation.
    auxiliary
        Batch share of each data set for training only. Default: none.
    weights
        Weight of the loss of data sets whose labels are weak. Default: 1 for every set.
    label_scales
        How to convert the labels of data sets to the scale of the network. Default: they are used
        as they are.
    teacher_labels
        Further labels, by regressors on MusiCNN's embedding. Default: none.
    error_loss
        Weight of the squared error relative to the CCC loss. Default: 0.1.
    view_loss
        Weight of the two view heads relative to the fused head. Default: 0.3.
    fits
        Number of fits whose weights are averaged; more than 1 requires `pretrained`. Default: 1.
    fold_students
        Whether an evaluation starts each fold from a student of its own, trained without the audio
        of the fold: `distill --without-fold`. Default: false.
    pcl, saml
        Pseudo labels and contrastive memory. Default: without.
    cold_start
        Share of windows that end within the first T frames, as after a start. Default: 0.1.
    """

    datasets: dict[str, Part]
    auxiliary: dict[str, Part] = {}
    weights: dict[str, Positive] = {}
    label_scales: dict[str, LabelScale] = {}
    teacher_labels: TeacherLabels | None = None
    error_loss: Weight = 0.1
    view_loss: Weight = 0.3
    fits: Count = 1
    cold_start: Share = 0.1
    fold_students: bool = False
    pcl: PCL | None = None
    saml: SAML | None = None

    @model_validator(mode="after")
    def _has_the_student_that_it_needs(self) -> Self:
        needs = "several `fits`" if self.fits > 1 else "`fold_students`"
        if (self.fits > 1 or self.fold_students) and self.pretrained is None:
            raise ValueError(f"cannot use {needs} from scratch: set `pretrained`")
        return self

    @model_validator(mode="after")
    def _tables_are_of_data_sets(self) -> Self:
        for key in ("weights", "label_scales"):
            if unknown := getattr(self, key).keys() - self.labelled.keys():
                raise ValueError(f"`{key}` has {min(unknown)}, which is no data set of the recipe")
        return self

    @model_validator(mode="after")
    def _teacher_labels_other_music(self) -> Self:
        if self.teacher_labels is None:
            return self
        if self.origin == "external":
            raise ValueError("`teacher_labels` needs audio, and precomputed views have none")
        if both := self.labelled.keys() & set(self.teacher_labels.pool):
            raise ValueError(f"{min(both)} is in `teacher_labels.pool` and has labels; remove it")
        if known := self.labelled.keys() & TRAINED_ON:
            raise ValueError(
                f"cannot use `teacher_labels` with {min(known)}: the published heads were trained "
                "on its labels"
            )
        return self

    @property
    def all_datasets(self) -> list[str]:
        """Every data set of the recipe, labelled or not."""
        pools = [part.pool for part in (self.pcl, self.teacher_labels) if part]
        return list(dict.fromkeys([*self.labelled, *(name for pool in pools for name in pool)]))

    @property
    def labelled(self) -> dict[str, float]:
        """Batch share of every labelled data set."""
        return self.datasets | self.auxiliary

    @property
    def batch_shares(self) -> dict[str, float]:
        """Batch share of everything with labels: data sets, and music that the teacher labels."""
        taught = {LABELLED_BY_TEACHER: self.teacher_labels.share} if self.teacher_labels else {}
        return self.labelled | taught

    def without(self, dataset: str) -> Self:
        """Copy the recipe without the labels of a data set.

        Raises
        ------
        ValueError
            No other data set is left.
        """
        kept = {
            key: {name: value for name, value in getattr(self, key).items() if name != dataset}
            for key in ("datasets", "auxiliary", "weights", "label_scales")
        }
        if not kept["datasets"]:
            raise ValueError(f"cannot leave {dataset} out: {self.name} has no other data set")
        return self.model_copy(update=kept)

    def loss_weights(self, progress: float) -> dict[str, float]:
        """Weight of the loss of each batch share after a share `progress` of the steps."""
        weights = {name: self.weights.get(name, 1.0) for name in self.labelled}
        if self.teacher_labels:
            first, last = self.teacher_labels.weight, self.teacher_labels.last_weight
            weights[LABELLED_BY_TEACHER] = first + (last - first) * progress
        return weights


class DistillRecipe(Recipe):
    """Recipe of a distillation from MusiCNN, and from heads on its embedding.

    Attributes
    ----------
    pool
        Data sets, used without labels.
    mixes
        Mixes of two audio files of the pool that are added to it, at most; a mix with a held-out
        file is left out. Default: 0.
    draw_weights
        How often a window of a data set is drawn, relative to others. Default: 1 each.
    unseen
        Data sets whose explained variance is logged, but that are never trained on and never choose
        the step. Default: none.
    affect_loss
        Weight of the valence and arousal of `training.sound.affect_heads`, relative to the
        embedding; 0: without. Default: 0.
    tag_loss
        Weight of the mood and sound classes of `training.sound.tagger`, relative to the embedding;
        0: without. Default: 0.
    view_loss
        Weight of the two view heads relative to the fused head. Default: 0.3.
    validation_share
        Share of the pieces held out for validation, by group. Default: 0.05.
    """

    pool: list[str]
    mixes: Annotated[int, Field(ge=0)] = 0
    draw_weights: dict[str, Positive] = {}
    unseen: list[str] = []
    affect_loss: Weight = 0.0
    tag_loss: Weight = 0.0
    view_loss: Weight = 0.3
    validation_share: Share = 0.05

    @model_validator(mode="after")
    def _names_fit_the_pool(self) -> Self:
        if both := set(self.pool) & set(self.unseen):
            raise ValueError(f"{min(both)} is in `pool` and in `unseen`; remove it from one")
        if unknown := self.draw_weights.keys() - set(self.pool):
            raise ValueError(f"`draw_weights` has {min(unknown)}, which is not in `pool`")
        return self

    @property
    def all_datasets(self) -> list[str]:
        """Every data set of the recipe."""
        return [*self.pool, *self.unseen]
