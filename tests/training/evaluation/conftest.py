"""Fixtures: one small evaluation, shared by the tests of this package."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from training.evaluation import baselines, diagnostics, evaluate
from training.fitting import regressor
from training.metrics import bootstrap_interval


@pytest.fixture(scope="session")
def collection(tmp_path_factory, make_piece, make_audio, write_wave):
    """Twenty-four recorded clips in twelve groups, louder where arousal is higher."""
    folder = tmp_path_factory.mktemp("collection")
    random = np.random.default_rng(0)
    pieces = []
    for number in range(24):
        valence, arousal = random.uniform(-0.8, 0.8, 2)
        audio = make_audio(valence, arousal, seconds=1.6, seed=number)
        pieces.append(
            make_piece(
                f"clip{number}",
                group=f"group{number // 2}",
                source=write_wave(folder / f"clip{number}.wav", audio),
                valence=[valence],
                arousal=[arousal],
            )
        )
    return pieces


@pytest.fixture(scope="session")
def evaluated(collection, make_recipe, tmp_path_factory):
    """Evaluate with two folds and two seeds; half of the clips also form an auxiliary set."""
    recipe = make_recipe(auxiliary={"extra": 0.5})
    cache = tmp_path_factory.mktemp("cache")
    extra = [replace(piece, dataset="extra") for piece in collection[::2]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "BASELINES", baselines.BASELINES[:2])
        patch.setattr(diagnostics, "VENUES", {"+12 dB": diagnostics.VENUES["+12 dB"]})
        patch.setattr(regressor, "_GRID", {"svr__C": [1.0]})
        patch.setattr(evaluate, "bootstrap_interval", partial(bootstrap_interval, rounds=100))
        found = evaluate.evaluate(
            recipe, [*collection, *extra], cache, folds=2, seeds=[0, 1], jobs=1
        )
    return SimpleNamespace(found=found, recipe=recipe, cache=cache)
