"""Run `python -m training fit` end to end: own music, a killed run, two processes."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from training.fitting.recipe import FitRecipe
from training.fitting.recipe_files import load_recipe

pytestmark = [pytest.mark.train, pytest.mark.long, pytest.mark.timeout(240)]

RECIPE = """
window_frames = 43
steps = 24
batch = 8
warmup = 2
check_every = 2
renderings = [{ sound_font = "TimGM6mb.sf2" }]
[datasets]
own = 1.0
[augmentation]
mask_frames = 4
[network]
width = 8
heads = 2
"""


@pytest.fixture(scope="module")
def venue(tmp_path_factory, make_audio, write_wave):
    """Write labelled audio files with their table, and a recipe for them."""
    folder = tmp_path_factory.mktemp("venue")
    random = np.random.default_rng(0)
    lines = ["path,start,end,valence,arousal,group"]
    for number in range(10):
        valence, arousal = random.uniform(-0.8, 0.8, 2)
        audio = make_audio(valence, arousal, seconds=2.0, seed=number)
        write_wave(folder / f"data/own/song{number}.wav", audio)
        lines.append(f"song{number}.wav,0.2,1.9,{valence:.3f},{arousal:.3f},group{number // 2}")
    (folder / "data/own/labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "own.toml").write_text(RECIPE, encoding="utf-8")
    return folder


def command(venue, run, *, launcher=("-m",)):
    return [
        sys.executable,
        *launcher,
        *("training", "fit", "--recipe", str(venue / "own.toml"), "--run-dir", str(run)),
        *("--data", str(venue / "data"), "--cache", str(venue / "cache")),
    ]


def run_to_completion(arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        arguments, capture_output=True, text=True, env=environment, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def weights(run):
    return torch.load(run / "model.pt", weights_only=True)["weights"]


def validation_steps(run):
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["step"] for line in lines]


@pytest.fixture(scope="module")
def uninterrupted(venue):
    run_to_completion(command(venue, venue / "uninterrupted"))
    return venue / "uninterrupted"


def test_own_music_is_fitted_with_metrics_beside_the_weights(uninterrupted, venue):
    content = torch.load(uninterrupted / "model.pt", weights_only=True)
    recipe = load_recipe(FitRecipe, str(venue / "own.toml"))
    assert content["recipe"] == recipe.model_dump(mode="json")
    assert validation_steps(uninterrupted) == list(range(2, 25, 2))
    assert list(uninterrupted.glob("events.out.tfevents.*"))


def test_attention_between_the_views_is_plotted(uninterrupted, venue, tmp_path):
    audio, picture = venue / "data/own/song0.wav", tmp_path / "deep/attention.svg"
    arguments = [str(audio), str(audio), "--at", "0.5", "--output", str(picture)]
    table = run_to_completion(
        [sys.executable, "-m", "training", "attention", str(uninterrupted / "model.pt"), *arguments]
    )
    assert "| 1 | Mel attends to cochleagram |" in table
    assert "layer 1: cochleagram attends to Mel" in picture.read_text(encoding="utf-8")


def test_a_killed_run_resumes_to_the_same_weights(venue, uninterrupted):
    run = venue / "killed"
    process = subprocess.Popen(
        command(venue, run),
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 100
        while not (run / "metrics.jsonl").exists() or len(validation_steps(run)) < 3:
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (run / "model.pt").exists()
    run_to_completion(command(venue, run))
    ours, theirs = weights(run), weights(uninterrupted)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert validation_steps(run) == validation_steps(uninterrupted)


def test_two_processes_fit_the_same_weights_as_one_and_rank_0_writes(
    venue, uninterrupted, assert_alike
):
    run = venue / "two"
    launcher = (
        *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *("--local-addr", "127.0.0.1", "-m"),
    )
    output = run_to_completion(command(venue, run, launcher=launcher))
    assert output.count("wrote") == 1
    assert validation_steps(run) == list(range(2, 25, 2))
    ours, theirs = weights(run), weights(uninterrupted)
    for name in [name for name in ours if name.startswith("deviation_head")]:
        # Fitted afterwards by an iteration that stops near the optimum.
        assert torch.allclose(ours.pop(name), theirs.pop(name), rtol=0.0, atol=1e-2), name
    assert_alike(ours, theirs)


def test_the_state_of_another_recipe_is_refused(venue, uninterrupted):
    other = venue / "other.toml"
    other.write_text(RECIPE.replace("batch = 8", "batch = 6"), encoding="utf-8")
    arguments = command(venue, uninterrupted)
    arguments[arguments.index(str(venue / "own.toml"))] = str(other)
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "state.pt: it is of another recipe" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_state_is_refused(venue, uninterrupted):
    run = venue / "damaged"
    run.mkdir()
    content = (uninterrupted / "state.pt").read_bytes()
    (run / "state.pt").write_bytes(content[: len(content) // 2])
    done = subprocess.run(
        command(venue, run), capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 1
    assert "state.pt: it is damaged" in done.stderr
    assert "Traceback" not in done.stderr
