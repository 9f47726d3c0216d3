"""Rate two clips in a real browser, and fit a network to the labels."""

import threading
import time

import numpy as np
import pytest
import uvicorn
from playwright.sync_api import expect

from tests.support.chromium import chromium
from training.annotation import session as module
from training.annotation.server import make_app
from training.annotation.session import Session
from training.datasets.own import read_own
from training.fitting.fit import fit
from training.sound.feature_cache import load_renditions
from training.sound.renditions import RECORDED

pytestmark = [pytest.mark.peer, pytest.mark.timeout(180)]


@pytest.fixture
def address(folder, monkeypatch, unused_tcp_port):
    """Serve a session whose exemplars last a second."""
    monkeypatch.setattr(module, "_EXEMPLAR_SECONDS", 1.0)
    app = make_app(Session(folder, "ann"))
    config = uvicorn.Config(app, host="127.0.0.1", port=unused_tcp_port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{unused_tcp_port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser():
    with chromium("--autoplay-policy=no-user-gesture-required") as browser:
        yield browser


@pytest.fixture
def page(browser, address):
    with browser.new_context() as context:
        page = context.new_page()
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on(
            "request",
            lambda request: (
                page.errors.append(request.url) if not request.url.startswith(address) else None
            ),
        )
        page.goto(address)
        yield page


def point_at(page, valence, arousal):
    box = page.locator("#plane").bounding_box()
    page.mouse.move(
        box["x"] + (valence + 1) / 2 * box["width"], box["y"] + (1 - arousal) / 2 * box["height"]
    )


POINTS = {
    "calm": (0.6, -0.6),
    "joyful": (0.6, 0.6),
    "tense": (-0.6, 0.6),
    "sorrowful": (-0.6, -0.6),
}


def rate(page, points):
    """Play the current step, move through points of the plane, wait for the next step."""
    title = page.locator("#title").inner_text()
    page.get_by_role("button", name="Play").click()
    for point in points:
        point_at(page, *point)
        page.wait_for_timeout(200)
    page.wait_for_function(
        "before => document.querySelector('#title').textContent !== before",
        arg=title,
        timeout=20_000,
    )


@pytest.mark.long
def test_two_clips_are_rated_and_a_network_is_fitted_to_them(page, folder, make_recipe, tmp_path):
    expect(page.locator("#title")).to_have_text("1 of 7")
    for point in POINTS.values():
        rate(page, [point])
    for clip in [(0.5, 0.5), (-0.5, -0.5), (0.5, 0.5)]:
        rate(page, [clip])
    expect(page.locator("#title")).to_have_text("Thank you")
    assert "as before" in page.locator("#feedback").inner_text()
    assert page.errors == []
    pieces = read_own(folder)
    assert sorted(np.sign(piece.mean_label[0]) for piece in pieces) == [-1.0, 1.0]
    for piece in pieces:
        assert np.abs(piece.mean_label).min() > 0.35
        assert piece.times[-1] > 2.0
    recipe = make_recipe(datasets={"own": 1.0})
    renditions = load_renditions(
        [(piece, RECORDED) for piece in pieces], recipe.front_end, tmp_path / "c"
    )
    fitted = fit(renditions, [], recipe, seed=0)
    assert all(value.isfinite().all() for value in fitted.network.state_dict().values())


def test_an_exemplar_in_the_wrong_quadrant_is_repeated_with_its_point_shown(page):
    page.get_by_role("button", name="Play").click()
    point_at(page, -0.6, 0.6)
    expect(page.locator("#feedback")).to_contain_text("written to be calm", timeout=10_000)
    expect(page.locator("#place")).to_be_visible()
    rate(page, [POINTS["calm"]])
    expect(page.locator("#title")).to_have_text("2 of 7")


def test_the_point_moves_by_keys_within_the_plane(page):
    plane = page.locator("#plane")
    plane.focus()
    for _ in range(30):
        plane.press("ArrowRight")
    for _ in range(4):
        plane.press("ArrowUp")
    place = page.locator("#point").evaluate("point => [point.style.left, point.style.top]")
    assert [float(value.rstrip("%")) for value in place] == pytest.approx([100.0, 40.0])


def test_a_file_that_cannot_be_played_is_skipped(page, folder):
    for name in ("a.wav", "set one/b.wav"):
        (folder / name).write_bytes(b"RIFF, but no sound")
    for point in POINTS.values():
        rate(page, [point])
    expect(page.locator("#title")).to_have_text("Thank you")
    expect(page.locator("#feedback")).to_contain_text("cannot be played here")
    assert page.errors == []


def test_a_reloaded_page_resumes_at_the_current_step(page):
    for point in POINTS.values():
        rate(page, [point])
    rate(page, [(0.5, 0.5)])
    page.reload()
    expect(page.locator("#title")).to_have_text("6 of 7")
