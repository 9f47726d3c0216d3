"""Test PCL and SAML in a fit: effect on the weights, resuming, finite losses."""

import numpy as np
import pytest
import torch

from damer.nn import DAMER
from damer.nn.pcl import PCLSettings
from training.fitting.fit import fit
from training.fitting.learner import Learner, Targets, UnlabelledViews
from training.fitting.recipe_tables import PCL, SAML

pytestmark = pytest.mark.train
BOTH = {
    "pcl": PCL(
        pool=["unlabelled"],
        batch=4,
        settings=PCLSettings(least_agreement=0.0, least_confidence=0.26, ramp=0.5),
    ),
    "saml": SAML(size=16, weight=0.5),
}


def weights(fitted):
    return {name: value.clone() for name, value in fitted.network.state_dict().items()}


def run(clips, recipe, **values):
    return fit(clips[:6], clips[6:9], recipe, 0, pool=clips[9:], **values)


@pytest.mark.parametrize("module", ["pcl", "saml"])
def test_each_module_changes_the_weights(clips, make_recipe, module):
    without = weights(run(clips, make_recipe()))
    with_module = weights(run(clips, make_recipe(**{module: BOTH[module]})))
    assert not torch.equal(without["fuse.0.weight"], with_module["fuse.0.weight"])
    assert all(value.isfinite().all() for value in with_module.values())


@pytest.mark.parametrize("module", ["pcl", "saml"])
def test_a_weight_of_0_changes_nothing(clips, make_recipe, module):
    without = weights(run(clips, make_recipe()))
    idle = BOTH[module].model_copy(update={"weight": 0.0})
    with_module = weights(run(clips, make_recipe(**{module: idle})))
    assert all(torch.equal(without[name], with_module[name]) for name in without)


def test_a_stopped_fit_resumes_with_the_same_memory(clips, make_recipe, tmp_path):
    recipe = make_recipe(steps=4, check_every=2, **BOTH)

    def stop(step):
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(clips, recipe, run=tmp_path, on_step=stop)
    resumed, uninterrupted = run(clips, recipe, run=tmp_path), run(clips, recipe)
    first, second = weights(resumed), weights(uninterrupted)
    assert all(torch.equal(first[name], second[name]) for name in second)
    assert resumed.diagnostics == uninterrupted.diagnostics


def test_pseudo_label_diagnostics_are_recorded_at_each_validation(clips, make_recipe):
    fitted = run(clips, make_recipe(steps=3, check_every=1, pcl=BOTH["pcl"]))
    assert [set(note) for note in fitted.diagnostics] == [{"coverage", "agreement", "drift"}] * 3
    assert all(0.0 <= value <= 1.0 for note in fitted.diagnostics for value in note.values())
    assert fit(clips[:6], clips[6:], make_recipe(), 0).diagnostics == [{}, {}]


def test_an_empty_pool_raises(clips, make_recipe):
    with pytest.raises(ValueError, match="the pool of PCL is empty"):
        fit(clips[:6], [], make_recipe(pcl=BOTH["pcl"]), 0)


def extra_loss(learner, views, targets, pool, progress):
    """Return the loss of PCL and SAML of one step."""
    return learner.loss(learner(views, pool), targets, progress)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    views = (
        torch.randn(4, 128, 43, generator=generator),
        torch.rand(4, 84, 43, generator=generator),
    )
    targets = Targets(torch.zeros(4, 2), torch.arange(4), torch.tensor([0, 0, 1, 1]))
    return views, targets, UnlabelledViews(views, views)


def test_the_momentum_copies_are_averaged_and_get_no_gradient(batch, make_recipe):
    torch.manual_seed(0)
    learner = Learner(DAMER(make_recipe().network), make_recipe(**BOTH), styles=2).train()
    for _ in range(2):
        extra = extra_loss(learner, *batch, 1.0)
    extra.backward()
    assert learner.network.fuse[0].weight.grad.abs().sum() > 0
    for frozen in (learner.labeller, learner.encoder):
        assert not frozen.training
        assert all(one.grad is None for one in frozen.parameters())
    assert len(learner.memory) == 8
    with torch.no_grad():
        learner.network.fuse[0].weight += 1.0
    before = learner.encoder.fuse[0].weight.clone()
    extra_loss(learner, *batch, 1.0)
    moved = (learner.encoder.fuse[0].weight - before).mean()
    assert float(moved) == pytest.approx(0.01, rel=0.01)


@pytest.mark.parametrize("count", [1, 4])
def test_one_window_or_one_track_gives_a_finite_loss(batch, make_recipe, count):
    views, targets, pool = batch
    views = tuple(view[:count] for view in views)
    targets = Targets(targets.label[:count], torch.zeros(count).long(), targets.style[:count])
    learner = Learner(DAMER(make_recipe().network), make_recipe(**BOTH), styles=2).train()
    for _ in range(2):
        assert torch.isfinite(extra_loss(learner, views, targets, pool, 0.5))


def test_invalid_pcl_settings_are_reported():
    with pytest.raises(ValueError, match="least_confidence"):
        PCL(pool=["unlabelled"], settings={"least_confidence": 0.2})
    with pytest.raises(ValueError, match="unknown key 'confidence'"):
        PCL(pool=["unlabelled"], settings={"confidence": 0.2})
    assert np.isfinite(SAML().temperature)
