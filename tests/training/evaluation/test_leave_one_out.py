"""Test leaving one data set out: it is evaluated whole, by networks that have no label of it."""

from dataclasses import replace

import pytest

from training.evaluation import baselines
from training.evaluation.cross_validation import Job
from training.evaluation.leave_one_out import leave_one_out, markdown

pytestmark = [pytest.mark.train, pytest.mark.long]
SETS = ("musemodataset", "previews")


@pytest.fixture(scope="module")
def recipe(make_recipe):
    return make_recipe(datasets=dict.fromkeys(SETS, 0.5), steps=2)


@pytest.fixture(scope="module")
def pieces(collection):
    """Three data sets of eight clips each."""
    names = (*SETS, "own")
    return [replace(piece, dataset=names[k // 8]) for k, piece in enumerate(collection)]


@pytest.fixture(scope="module")
def table(recipe, pieces, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        simple = replace(baselines.BASELINES[0], joint=True)
        patch.setattr(baselines, "BASELINES", (simple,))
        cache = tmp_path_factory.mktemp("cache")
        return leave_one_out(recipe, pieces, cache, [0, 1], 1, also=("own",))


def test_every_set_is_evaluated_also_one_that_is_never_trained_on(table):
    assert [*table] == [*SETS, "own"]
    for axes in table.values():
        for models in axes.values():
            assert set(models) == {"damer", "mean"}
            low, high = models["damer"]["interval"]
            assert -1.0 <= low <= models["damer"]["r"] <= high <= 1.0


def test_the_table_has_a_row_for_each_set_axis_and_model(table):
    rows = markdown(table).splitlines()[2:]
    assert len(rows) == sum(len(models) for axes in table.values() for models in axes.values())
    assert rows[0].startswith("| musemodataset | valence | **DAMER** |")


def test_a_fit_sees_no_piece_of_the_set(recipe, pieces, tmp_path):
    job = Job(
        recipe=recipe, pieces=pieces, cache=tmp_path, folds=2, fold=0, seed=0, left_out="previews"
    )
    parts = job.split(0)
    assert {one.dataset for one in parts.test} == {"previews"}
    assert "previews" not in {one.dataset for one in (*parts.train, *parts.validation)}
    assert [*job.fit_recipe.datasets] == ["musemodataset"]
    assert [piece for piece, _ in job.test_renditions()] == parts.test
