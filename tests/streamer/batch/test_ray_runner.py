"""`streamer analyze --runner ray`: a real local cluster, with actors and cluster killed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from streamer.batch import ray_runner
from tests.streamer.batch.conftest import parts, table
from tests.support.ray_serve import kill_tree

pytestmark = [pytest.mark.peer, pytest.mark.timeout(240)]
PROGRAM = str(Path(sys.executable).with_name("streamer"))


@pytest.fixture
def many(collection, music, write_wav):
    """Write enough songs to stop a run halfway."""
    for number in range(80):
        path = collection / f"more{number // 20}" / f"{number}.wav"
        path.parent.mkdir(exist_ok=True)
        write_wav(path, music(4.0, 22050, number), 22050, channels=1)
    (collection / "broken.wav").unlink()
    return collection


def start(collection, *options):
    command = [PROGRAM, "analyze", collection, "-o", "out", "--runner", "ray", *options]
    return subprocess.Popen(
        [*map(str, command)],
        cwd=collection.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )


def descendants(process, word):
    found = []
    for one in psutil.Process(process.pid).children(recursive=True):
        try:
            if word in " ".join(one.cmdline()):
                found.append(one)
        except psutil.Error:
            continue
    return found


def wait_for(true, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)


@pytest.mark.long
def test_it_writes_the_same_dataset_as_threads_and_lists_failures(streamer, collection):
    streamer("analyze", collection, "-o", "whole")
    answer = streamer("analyze", collection, "-o", "out", "--runner", "ray", "--actors", "2")
    assert answer.code == 1
    assert "1 of 6 files could not be analyzed" in answer.err
    assert "5 files, 10.0 s of audio" in answer.err
    assert table(collection.parent / "out").equals(table(collection.parent / "whole"))
    assert (collection.parent / "out" / "_failures.csv").exists()


@pytest.mark.long
def test_a_run_that_was_killed_with_its_actors_continues_to_the_same_dataset(streamer, many):
    out = many.parent / "out"
    run = start(many)
    wait_for(lambda: len(parts(out)) >= 2)
    (worker, *_) = descendants(run, "MapWorker")
    worker.kill()  # its chunk is analyzed again by another actor
    wait_for(lambda: len(parts(out)) >= 3)
    assert run.poll() is None
    kill_tree(run)
    printed, _ = run.communicate()
    assert not printed  # Ray's message about the actor is not ours
    done = {part: part.stat().st_mtime_ns for part in parts(out)}
    assert 3 <= len(done) < 8
    second = start(many)
    printed, errors = second.communicate(timeout=200)
    assert second.returncode == 0, errors
    assert not printed
    assert "of 85 files are in out already" in errors
    assert all(part.stat().st_mtime_ns == at for part, at in done.items())
    streamer("analyze", many, "-o", "whole")
    assert table(out).equals(table(many.parent / "whole"))


@pytest.mark.long
def test_a_lost_cluster_is_a_one_line_error_and_finished_parts_are_kept(many):
    out = many.parent / "out"
    run = start(many)
    wait_for(lambda: len(parts(out)) >= 2)
    (gcs,) = descendants(run, "gcs_server")
    gcs.kill()
    printed, errors = run.communicate(timeout=100)
    assert run.returncode == 1
    assert not printed
    (line,) = [line for line in errors.splitlines() if line]
    assert line.startswith("streamer: the Ray cluster is lost; finished parts are kept")
    assert len(parts(out)) >= 2


@pytest.mark.long
def test_an_unreachable_cluster_is_a_one_line_error(streamer, collection, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    answer = streamer("analyze", collection, "-o", "out", "--runner", "ray")
    assert answer.code == 1
    assert answer.err.startswith("streamer: ")
    assert len(answer.err.splitlines()) == 1
    assert "127.0.0.1:1" in answer.err or "cluster is lost" in answer.err


def test_without_ray_the_error_says_how_to_install_it(streamer, collection, monkeypatch):
    monkeypatch.setattr(ray_runner.importlib.util, "find_spec", lambda _name: None)
    answer = streamer("analyze", collection, "-o", "out", "--runner", "ray")
    assert answer.code == 2
    assert 'pip install "damer-streamer[ray]"' in answer.err


def test_an_actor_that_cannot_start_is_an_error_with_its_cause(streamer, collection):
    answer = streamer("analyze", collection, "-o", "out", "--runner", "ray", "--require", "gpu")
    assert answer.code == 1
    assert "GPU" in answer.err
