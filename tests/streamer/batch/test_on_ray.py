"""The same on Ray: a real cluster on this machine, its actors killed, and itself."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from streamer.batch import ray_runner as on_ray
from tests.streamer.batch.conftest import parts, table
from tests.support.ray_serve import kill

pytestmark = [pytest.mark.peer, pytest.mark.timeout(240)]
PROGRAM = str(Path(sys.executable).with_name("streamer"))


@pytest.fixture
def many(collection, music, write_wav):
    """Write songs enough to be stopped among them."""
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


def family(process, word):
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
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


@pytest.mark.long
def test_it_writes_what_threads_write_and_failures_are_told(streamer, collection):
    streamer("analyze", collection, "-o", "whole")
    answer = streamer("analyze", collection, "-o", "out", "--runner", "ray", "--actors", "2")
    assert answer.code == 1
    assert "1 of 6 files could not be read" in answer.err
    assert "5 files, 10.0 s of sound" in answer.err
    assert table(collection.parent / "out").equals(table(collection.parent / "whole"))
    assert (collection.parent / "out" / "_failures.csv").exists()


@pytest.mark.long
def test_killed_half_way_actors_and_all_it_goes_on_to_the_same(streamer, many):
    out = many.parent / "out"
    run = start(many)
    wait_for(lambda: len(parts(out)) >= 2)
    (worker, *_) = family(run, "MapWorker")
    worker.kill()  # its chunk is done again by another one
    wait_for(lambda: len(parts(out)) >= 3)
    assert run.poll() is None
    kill(run)
    printed, _ = run.communicate()
    assert not printed  # Ray has a word to say about the actor, but not to whoever reads us
    done = {part: part.stat().st_mtime_ns for part in parts(out)}
    assert 3 <= len(done) < 8
    second = start(many)
    printed, said = second.communicate(timeout=200)
    assert second.returncode == 0, said
    assert not printed
    assert "of 85 files are in out already" in said
    assert all(part.stat().st_mtime_ns == at for part, at in done.items())
    streamer("analyze", many, "-o", "whole")
    assert table(out).equals(table(many.parent / "whole"))


@pytest.mark.long
def test_a_cluster_that_is_gone_is_one_line_and_what_is_done_is_kept(many):
    out = many.parent / "out"
    run = start(many)
    wait_for(lambda: len(parts(out)) >= 2)
    (gcs,) = family(run, "gcs_server")
    gcs.kill()
    printed, said = run.communicate(timeout=100)
    assert run.returncode == 1
    assert not printed
    (line,) = [line for line in said.splitlines() if line]
    assert line.startswith("streamer: the Ray cluster is gone; what is done is kept")
    assert len(parts(out)) >= 2


@pytest.mark.long
def test_a_cluster_that_is_not_there_is_one_line(streamer, collection, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    answer = streamer("analyze", collection, "-o", "out", "--runner", "ray")
    assert answer.code == 1
    assert answer.err.startswith("streamer: ")
    assert len(answer.err.splitlines()) == 1
    assert "127.0.0.1:1" in answer.err or "cluster is gone" in answer.err


def test_without_ray_it_is_told_how_to_get_it(streamer, collection, monkeypatch):
    monkeypatch.setattr(on_ray.importlib.util, "find_spec", lambda _name: None)
    answer = streamer("analyze", collection, "-o", "out", "--runner", "ray")
    assert answer.code == 2
    assert 'pip install "damer-streamer[ray]"' in answer.err


def test_an_actor_that_cannot_start_says_why(streamer, collection):
    answer = streamer("analyze", collection, "-o", "out", "--runner", "ray", "--require", "gpu")
    assert answer.code == 1
    assert "GPU" in answer.err
