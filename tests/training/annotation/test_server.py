"""The page's server gives the session's sounds and takes ratings, and nothing else."""

import json

import pytest
from starlette.testclient import TestClient

from training.annotation.server import make_app
from training.annotation.session import Session
from training.datasets.own import LABELS


@pytest.fixture
def client(folder):
    return TestClient(make_app(Session(folder, "ann")), base_url="http://127.0.0.1:8123")


def test_the_page_needs_nothing_beside_it(client):
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "http://" not in page.text
    assert "https://" not in page.text


def test_the_steps_say_where_exemplars_belong_and_nothing_of_clips(client):
    steps = client.get("/steps").json()
    assert [step["place"] for step in steps] == [
        [1, -1],
        [1, 1],
        [-1, 1],
        [-1, -1],
        None,
        None,
        None,
    ]


def test_sounds_are_asked_for_by_number(client, folder):
    name = client.get("/steps").json()[4]["name"]
    assert client.get("/sounds/4").content == (folder / name).read_bytes()
    part = client.get("/sounds/4", headers={"range": "bytes=0-99"})
    assert part.status_code == 206
    assert len(part.content) == 100
    for path in ("/sounds/99", "/sounds/-1", "/sounds/../labels.csv", f"/{name}"):
        assert client.get(path).status_code == 404


def test_ratings_become_labels(client, folder, held):
    answer = client.post("/ratings", json={"step": 4, "samples": held(0.2, 0.1)})
    assert answer.json() == {"good": True, "distance": None}
    assert (folder / LABELS).exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("no json", 400),
        ("{}", 400),
        (json.dumps({"step": 99, "samples": [[0, 0, 0], [1, 0, 0]]}), 400),
        (json.dumps({"step": 4, "samples": []}), 400),
        (json.dumps({"step": 4, "samples": [[0, 0, 0], [1, 0, 7]]}), 400),
        ("[" * 3_000_000, 413),
    ],
)
def test_what_is_no_rating_is_refused_with_a_reason(client, folder, body, status):
    answer = client.post("/ratings", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["error"]
    assert not (folder / LABELS).exists()


def test_another_site_cannot_rate(client, held):
    body = json.dumps({"step": 4, "samples": held(0.2, 0.1)})
    plain = client.post("/ratings", content=body, headers={"content-type": "text/plain"})
    assert plain.status_code == 415
    assert client.get("/steps", headers={"host": "evil.example"}).status_code == 400
