"""Test the annotation server: it serves the session's audio and accepts ratings only."""

import json

import pytest
from starlette.testclient import TestClient

from training.annotation.server import make_app
from training.annotation.session import Session
from training.datasets.own import LABELS


@pytest.fixture
def client(folder):
    return TestClient(make_app(Session(folder, "ann")), base_url="http://127.0.0.1:8123")


@pytest.fixture
def token(client):
    return client.get("/steps").json()["token"]


def test_the_page_is_self_contained(client):
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "http://" not in page.text
    assert "https://" not in page.text


def test_the_steps_reveal_the_quadrants_of_exemplars_only(client):
    places = [step["place"] for step in client.get("/steps").json()["steps"]]
    assert places == [[1, -1], [1, 1], [-1, 1], [-1, -1], None, None, None]


def test_audio_is_served_by_token_and_number_and_not_cached(client, token, folder):
    name = client.get("/steps").json()["steps"][4]["name"]
    full = client.get(f"/sounds/{token}/4")
    assert full.content == (folder / name).read_bytes()
    assert full.headers["cache-control"] == "no-store"
    part = client.get(f"/sounds/{token}/4", headers={"range": "bytes=0-99"})
    assert part.status_code == 206
    assert len(part.content) == 100
    for path in (f"/sounds/{token}/99", "/sounds/other/4", "/sounds/4", "/labels.csv", f"/{name}"):
        assert client.get(path).status_code == 404


def test_ratings_become_labels(client, token, folder, make_samples):
    body = {"token": token, "step": 4, "samples": make_samples(0.2, 0.1)}
    assert client.post("/ratings", json=body).json() == {"good": True, "distance": None}
    assert (folder / LABELS).exists()
    done = [step["done"] for step in client.get("/steps").json()["steps"]]
    assert done == [True] * 5 + [False] * 2


def test_a_page_of_another_session_is_refused(client, folder, make_samples):
    body = {"token": "old", "step": 4, "samples": make_samples(0.2, 0.1)}
    answer = client.post("/ratings", json=body)
    assert answer.status_code == 409
    assert "load it again" in answer.json()["error"]
    assert not (folder / LABELS).exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("no json", 400),
        ("{}", 400),
        ({"step": 99, "samples": [[0, 0, 0], [1, 0, 0]]}, 400),
        ({"step": 4, "samples": []}, 400),
        ({"step": 4, "samples": [[0, 0, 0], [1, 0, 7]]}, 400),
        ({"step": 4, "samples": [[0, 0, 0], [1e9, 0, 0]]}, 400),
        ("[" * 5_000_000, 413),
    ],
    ids=["text", "empty", "late step", "no samples", "out of range", "huge number", "too large"],
)
def test_invalid_ratings_are_refused_with_a_reason(client, token, folder, body, status):
    if isinstance(body, dict):
        body = json.dumps({"token": token, **body})
    answer = client.post("/ratings", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["error"]
    assert not (folder / LABELS).exists()


def test_another_site_cannot_rate(client, token, make_samples):
    body = json.dumps({"token": token, "step": 4, "samples": make_samples(0.2, 0.1)})
    plain = client.post("/ratings", content=body, headers={"content-type": "text/plain"})
    assert plain.status_code == 415
    assert client.get("/steps", headers={"host": "evil.example"}).status_code == 400
