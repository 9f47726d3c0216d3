"""Test ablations: every arm evaluates each piece once, comparisons are paired."""

from dataclasses import replace
from functools import partial

import pytest

from damer.nn.pcl import PCLSettings
from training.evaluation import ablation, ablation_report
from training.evaluation.ablation import (
    CONSTANT_Q,
    FULL,
    ablate,
    ablation_arms,
    compare_views_by_style,
    markdown,
    summarise,
)
from training.evaluation.ablation_report import write_ablation_report
from training.fitting.recipe_tables import PCL, SAML
from training.metrics import bootstrap_interval
from training.predict import piece_means
from training.sound.render import Rendering

pytestmark = pytest.mark.train
VARIANT = "network.gated=true pcl=none"


@pytest.fixture(autouse=True, scope="module")
def few_bootstrap_rounds():
    with pytest.MonkeyPatch.context() as patch:
        for module in (ablation, ablation_report):
            patch.setattr(module, "bootstrap_interval", partial(bootstrap_interval, rounds=50))
        yield


@pytest.fixture(scope="module")
def recipe(make_recipe):
    return make_recipe(
        steps=2,
        pcl=PCL(
            pool=["extra"],
            batch=4,
            settings=PCLSettings(least_agreement=0.0, least_confidence=0.26),
        ),
        saml=SAML(size=16),
    )


@pytest.fixture(scope="module")
def pieces(collection):
    styled = [replace(piece, style=f"style{k % 2}") for k, piece in enumerate(collection)]
    return [*styled, *(replace(piece, dataset="extra") for piece in styled)]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def arms(recipe, pieces, cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ablation, "FOLDS", 3)
        return ablate(recipe, pieces, cache, 1, [VARIANT])


def test_each_arm_omits_the_part_in_its_name(recipe):
    recipes = ablation_arms(recipe)
    assert recipes[FULL] == recipe
    assert recipes["without PCL"].pcl is None
    assert recipes["without SAML"].saml is None
    assert recipes["without DSAF"].network.fusion == "concatenation"
    off = recipes["all off"]
    assert (off.pcl, off.saml, off.network.fusion) == (None, None, "concatenation")
    assert {recipes[f"{view} only"].network.views for view in ("Mel", "cochleagram")} == {
        "mel",
        "cochleagram",
    }
    for one in recipes.values():
        assert (one.steps, one.batch, one.datasets) == (recipe.steps, recipe.batch, recipe.datasets)


def test_parts_missing_from_the_recipe_have_no_arm(make_recipe):
    assert set(ablation_arms(make_recipe())) == {
        FULL,
        "without DSAF",
        "Mel only",
        "cochleagram only",
        "all off",
    }


@pytest.mark.long
def test_every_piece_is_evaluated_once_by_each_arm(arms, collection, recipe):
    assert [arm.name for arm in arms] == [*ablation_arms(recipe, [VARIANT]), CONSTANT_Q]
    for arm in arms:
        names = [path.piece.name for path in arm.trajectories("musemodataset")]
        assert sorted(names) == sorted(piece.name for piece in collection)
        assert [(one.fold, one.seed) for one in arm.results] == [(0, 0), (1, 1), (2, 2)]


@pytest.mark.long
def test_the_full_arm_has_no_gain_over_itself(arms):
    summary = summarise(arms, ["musemodataset"])["musemodataset"]
    for axis in ("valence", "arousal"):
        own = summary[FULL][axis]
        assert own["reference_is_above"] == 0.0
        assert own["pieces"] == (0.0, 0.0)
        for name, table in summary.items():
            one = table[axis]
            assert one["reference_is_above"] == pytest.approx(own["ccc"] - one["ccc"]), name
            assert one["groups"][0] <= one["groups"][1]


@pytest.mark.long
def test_the_table_has_a_row_for_each_arm_and_axis(arms):
    text = markdown(summarise(arms, ["musemodataset"]))
    rows = [line for line in text.splitlines() if line.startswith("| musemodataset")]
    assert len(rows) == 18
    assert all(line.count("|") == rows[0].count("|") for line in rows)


@pytest.mark.long
def test_pseudo_label_diagnostics_exist_with_pcl_only(arms):
    by_name = {arm.name: arm for arm in arms}
    assert set(by_name[FULL].results[0].diagnostics[0][-1]) == {"coverage", "agreement", "drift"}
    assert by_name["without PCL"].results[0].diagnostics[0][-1] == {}


@pytest.mark.long
def test_the_report_has_figures_and_embedding_probes(
    arms, recipe, pieces, cache, tmp_path, monkeypatch
):
    monkeypatch.setattr(ablation_report, "FOLDS", 3)
    summary = summarise(arms, ["musemodataset"], VARIANT)
    page = tmp_path / "deep/ablation.html"
    numbers = write_ablation_report(arms, summary, pieces, "musemodataset", cache, page, VARIANT)
    drift = numbers["drift"]
    assert numbers["reference"] == VARIANT
    assert numbers["recipes"][VARIANT]["network"]["gated"] is True
    assert set(drift) == {FULL, "without SAML", "all off", VARIANT}
    for one in drift.values():
        assert 0.0 <= one["track"]["share"] <= 1.0
        assert one["style"]["interval"][0] <= one["style"]["share"] <= one["style"]["interval"][1]
    assert drift[VARIANT]["style"]["above_reference"] == 0.0
    html = page.read_text(encoding="utf-8")
    pictures = {path.name for path in (tmp_path / "deep/ablation-pictures").iterdir()}
    assert {"musemodataset.png", "embeddings-full.png", "pseudo-labels-full.png"} <= pictures
    assert html.count("<svg") == 6
    assert all(arm.name in html for arm in arms)


@pytest.mark.long
def test_exchanging_the_reference_negates_the_difference(arms):
    of_full, of_other = (
        summarise(arms, ["musemodataset"], name)["musemodataset"] for name in (FULL, VARIANT)
    )
    for axis in ("valence", "arousal"):
        difference = of_full[VARIANT][axis]["reference_is_above"]
        assert of_other[FULL][axis]["reference_is_above"] == pytest.approx(-difference)
    lines = markdown(summarise(arms, ["musemodataset"], VARIANT), VARIANT).splitlines()
    assert f"{VARIANT} is above by" in lines[0]
    blank = [line for line in lines if line.endswith("|  |  |  |")]
    assert len(blank) == 2
    assert all(VARIANT in line for line in blank)


def test_a_variant_applies_its_changes_to_the_recipe(recipe):
    one = ablation_arms(recipe, [VARIANT])[VARIANT]
    assert one.network.gated
    assert one.pcl is None
    assert one.saml == recipe.saml


@pytest.mark.long
def test_single_views_are_compared_by_style(arms, collection):
    table = compare_views_by_style(arms, "musemodataset")
    assert set(table) == {"style0", "style1"}
    assert sum(one["pieces"] for one in table.values()) == len(collection)
    of_mel = next(arm for arm in arms if arm.name == "Mel only").trajectories("musemodataset")
    estimates, labels = piece_means(of_mel)
    mean = sum(one["pieces"] * one["valence"]["mel"] for one in table.values()) / len(collection)
    assert mean == pytest.approx(abs(estimates - labels)[:, 0].mean())
    for one in table.values():
        assert one["groups"] > 1
        low, high = one["arousal"]["interval"]
        assert low <= one["arousal"]["mel"] - one["arousal"]["cochleagram"] <= high
    single_group = [
        replace(arm, results=[_of_one_group(one) for one in arm.results]) for arm in arms
    ]
    for one in compare_views_by_style(single_group, "musemodataset").values():
        assert one["valence"]["interval"] is None


def _of_one_group(result):
    test = [replace(path, piece=replace(path.piece, group="all")) for path in result.test]
    return replace(result, test=test)


def test_an_ablation_of_a_pretrained_recipe_is_refused(make_recipe):
    with pytest.raises(ValueError, match="starts from scratch"):
        ablation_arms(make_recipe(pretrained="venue-student"))
    with pytest.raises(ValueError, match="starts from scratch"):
        ablation_arms(make_recipe(), ["pretrained='venue-student'"])


@pytest.mark.parametrize("change", ["window_frames=87", "datasets={vgmidi=1.0}", "renderings=[]"])
def test_a_variant_with_other_data_is_refused(make_recipe, change):
    with pytest.raises(ValueError, match="must be those of all arms"):
        ablation_arms(make_recipe(renderings=[Rendering("a.sf2")]), [change])
