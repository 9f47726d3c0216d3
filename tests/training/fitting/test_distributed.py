"""Test distributed fits: any number of processes fits the same network."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from damer.nn.pcl import PCLSettings
from training.fitting import loop
from training.fitting.distill import distill
from training.fitting.distributed import BatchConsistentDropout, RankSlice
from training.fitting.fit import fit
from training.fitting.recipe import DistillRecipe
from training.fitting.recipe_tables import PCL, SAML, Augmentation
from training.fitting.sampling import DistillationSampler, LabelledSampler, draw_uniforms

pytestmark = [pytest.mark.train, pytest.mark.timeout(200)]

SCRIPT = Path(__file__).with_name("distributed_fits.py")
AUGMENTATION = Augmentation(gain_db=6.0, noise=0.3, room=0.3, codec=0.3, mask_frames=4)
KINDS = {
    "labels": {},
    "two sets": {"datasets": {"musemodataset": 0.6, "vgmidi": 0.4}},
    "saml": {"saml": SAML(size=24, weight=0.5)},
    "pcl": {
        "pcl": PCL(
            pool=["unlabelled"],
            batch=6,
            settings=PCLSettings(least_agreement=0.0, least_confidence=0.26, ramp=0.5),
        )
    },
}


@pytest.fixture(scope="module")
def jobs(clips, make_rendition, make_recipe):
    """Fit jobs by name."""
    more = [make_rendition(f"score {k}", 0.2 * k, -0.2 * k, dataset="vgmidi") for k in range(3)]
    data = [*clips[:6], *more], clips[6:9], clips[9:]
    small = {"steps": 6, "check_every": 2, "augmentation": AUGMENTATION}
    fits = {
        name: {"data": data, "recipe": make_recipe(**small, **values)}
        for name, values in KINDS.items()
    }
    for name in ("killed", "apart", "damaged"):
        fits[name] = fits["labels"]
    fits["other music"] = {**fits["labels"], "data of 1": (clips[3:9], *data[1:])}
    fits["odd"] = {"data": data, "recipe": make_recipe(**small, batch=7)}
    random = np.random.default_rng(0)
    embeddings = [(np.array([1.0, 1.9]), random.standard_normal((2, 200))) for _ in clips]
    shape = make_recipe().model_dump(include={"name", "window_frames", "batch", "network"})
    recipe = DistillRecipe(pool=["unlabelled"], **shape, **small)
    sampler = DistillationSampler(clips, embeddings, recipe.front_end)
    return {"distillation": {"sampler": sampler, "recipe": recipe}, **fits}


@pytest.fixture(scope="module")
def two_processes(jobs, tmp_path_factory):
    """Run all jobs in two processes, one of which is killed; return the folder of results."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "jobs").write_bytes(pickle.dumps(jobs))
    launcher = ("-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1")
    how = ("--nproc-per-node", "2", "--max-restarts", "1")
    done = subprocess.run(
        [sys.executable, *launcher, *how, str(SCRIPT), str(folder)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def result(folder, name, rank=0):
    return torch.load(folder / f"{name}.{rank}.pt", weights_only=True)


def run_locally(job, **options):
    """Run a job in this process only."""
    if "sampler" in job:
        return distill(job["sampler"], None, job["recipe"], 0, **options)[0].state_dict()
    training, validation, pool = job["data"]
    return fit(training, validation, job["recipe"], 0, pool=pool, **options).network.state_dict()


@pytest.mark.long
@pytest.mark.parametrize("name", [*KINDS, "distillation"])
def test_two_processes_fit_the_same_weights_as_one(jobs, two_processes, name, assert_alike):
    assert_alike(result(two_processes, name), run_locally(jobs[name]))


@pytest.mark.long
@pytest.mark.parametrize("name", [*KINDS, "distillation"])
def test_all_processes_have_the_same_weights(two_processes, name):
    one, other = result(two_processes, name), result(two_processes, name, rank=1)
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.long
def test_a_run_with_a_killed_process_resumes_to_the_same_weights(two_processes):
    uninterrupted, killed = result(two_processes, "labels"), result(two_processes, "killed")
    assert all(torch.equal(uninterrupted[key], killed[key]) for key in uninterrupted)


@pytest.mark.long
def test_another_number_of_processes_resumes_to_the_same_weights(
    jobs, two_processes, tmp_path, assert_alike
):
    shutil.copytree(two_processes / "half-way", tmp_path, dirs_exist_ok=True)
    done = []
    again = run_locally(jobs["labels"], run=tmp_path, on_step=done.append)
    assert done == [3, 4, 5, 6]
    assert_alike(again, result(two_processes, "labels"))


@pytest.mark.long
@pytest.mark.parametrize("rank", [0, 1])
def test_processes_with_different_run_folders_report_their_steps(two_processes, rank):
    error = result(two_processes, "apart", rank)
    assert "not the same folder in all processes" in error
    assert "(2 in process 0, 0 in process 1)" in error


@pytest.mark.long
def test_an_error_in_one_process_raises_in_all(two_processes):
    assert "state.pt: it is damaged" in result(two_processes, "damaged")
    assert "another process of this run failed" in result(two_processes, "damaged", rank=1)


@pytest.mark.long
def test_processes_with_different_data_raise(two_processes):
    assert "the processes read different data" in result(two_processes, "other music", rank=1)


@pytest.mark.long
@pytest.mark.parametrize("rank", [0, 1])
def test_a_batch_that_does_not_divide_by_the_processes_is_refused(two_processes, rank):
    assert "cannot split a batch of 7 windows over 2 processes: it does not divide" in result(
        two_processes, "odd", rank
    )


def test_restarts_on_several_machines_require_a_new_store_each(monkeypatch):
    about = {"TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_MAX_RESTARTS": "3"}
    for name, value in {**about, "GROUP_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"):
        loop._join_process_group()


def test_rank_slices_partition_a_batch():
    slices = [list(RankSlice(rank, 3).select(range(12))) for rank in range(3)]
    assert sorted(row for one in slices for row in one) == list(range(12))
    assert {len(one) for one in slices} == {4}


def test_a_rank_slice_has_its_rows_of_the_full_batch(clips, make_recipe):
    sampler, uniforms = LabelledSampler(clips, make_recipe()), draw_uniforms(0, 1, 8)
    batch, part = sampler.batch(uniforms), sampler.batch(uniforms, RankSlice(1, 2))
    assert torch.equal(part.mel, batch.mel[1::2])
    assert torch.equal(part.cochleagram, batch.cochleagram[1::2])
    assert torch.equal(part.label, batch.label)


def test_dropout_masks_a_rank_slice_like_the_full_batch():
    dropout, batch = torch.nn.Dropout(0.25), torch.ones(400, 50)

    def dropped(rank_slice):
        torch.manual_seed(0)
        with BatchConsistentDropout(rank_slice):
            return dropout(rank_slice.select(batch))

    together = dropped(RankSlice())
    assert torch.equal(dropped(RankSlice(1, 4)), together[1::4])
    assert float((together == 0.0).float().mean()) == pytest.approx(0.25, abs=0.01)
    torch.testing.assert_close(together[together > 0].unique(), torch.tensor([1 / 0.75]))
    assert torch.equal(dropout.eval()(batch), batch)
