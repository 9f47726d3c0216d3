"""Whole runs of `python -m training`: own music, kills, two processes."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from training.fitting.recipe import FitRecipe, load_recipe

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
def venue(tmp_path_factory, make_sound, write_wave):
    """Write a folder of own music with its table, and a recipe for it."""
    folder = tmp_path_factory.mktemp("venue")
    random = np.random.default_rng(0)
    lines = ["path,start,end,valence,arousal,group"]
    for number in range(10):
        valence, arousal = random.uniform(-0.8, 0.8, 2)
        sound = make_sound(valence, arousal, seconds=2.0, seed=number)
        write_wave(folder / f"data/own/song{number}.wav", sound)
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


def finish(arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        arguments, capture_output=True, text=True, env=environment, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def weights(run):
    return torch.load(run / "model.pt", weights_only=True)["weights"]


def looks(run):
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["step"] for line in lines]


@pytest.fixture(scope="module")
def unbroken(venue):
    finish(command(venue, venue / "unbroken"))
    return venue / "unbroken"


def test_own_music_becomes_weights_with_curves_beside_them(unbroken, venue):
    content = torch.load(unbroken / "model.pt", weights_only=True)
    recipe = load_recipe(FitRecipe, str(venue / "own.toml"))
    assert content["recipe"] == recipe.model_dump(mode="json")
    assert looks(unbroken) == list(range(2, 25, 2))
    assert list(unbroken.glob("events.out.tfevents.*"))


def test_attention_between_its_views_is_plotted(unbroken, venue, tmp_path):
    sound, picture = venue / "data/own/song0.wav", tmp_path / "deep/attention.svg"
    arguments = [str(sound), str(sound), "--at", "0.5", "--output", str(picture)]
    table = finish(
        [sys.executable, "-m", "training", "attention", str(unbroken / "model.pt"), *arguments]
    )
    assert "| 1 | Mel attends to cochleagram |" in table
    assert "layer 1: cochleagram attends to Mel" in picture.read_text(encoding="utf-8")


def test_a_killed_run_resumes_to_the_same_weights(venue, unbroken):
    run = venue / "killed"
    process = subprocess.Popen(
        command(venue, run),
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 100
        while not (run / "metrics.jsonl").exists() or len(looks(run)) < 3:
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (run / "model.pt").exists()
    finish(command(venue, run))
    ours, theirs = weights(run), weights(unbroken)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert looks(run) == looks(unbroken)


def test_two_processes_fit_what_one_fits_and_rank_0_writes(venue, unbroken, assert_alike):
    run = venue / "two"
    launcher = (
        *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *("--local-addr", "127.0.0.1", "-m"),
    )
    printed = finish(command(venue, run, launcher=launcher))
    assert printed.count("wrote") == 1
    assert looks(run) == list(range(2, 25, 2))
    ours, theirs = weights(run), weights(unbroken)
    for name in [name for name in ours if name.startswith("deviation_head")]:
        # Fitted afterwards by an iteration that ends near the best, not at it.
        assert torch.allclose(ours.pop(name), theirs.pop(name), rtol=0.0, atol=1e-2), name
    assert_alike(ours, theirs)


def test_the_state_of_another_recipe_is_refused_by_name(venue, unbroken):
    other = venue / "other.toml"
    other.write_text(RECIPE.replace("batch = 8", "batch = 6"), encoding="utf-8")
    arguments = command(venue, unbroken)
    arguments[arguments.index(str(venue / "own.toml"))] = str(other)
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "state.pt: it is of another recipe" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_state_is_refused_by_name(venue, unbroken):
    run = venue / "damaged"
    run.mkdir()
    whole = (unbroken / "state.pt").read_bytes()
    (run / "state.pt").write_bytes(whole[: len(whole) // 2])
    done = subprocess.run(
        command(venue, run), capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 1
    assert "state.pt: it is damaged" in done.stderr
    assert "Traceback" not in done.stderr
