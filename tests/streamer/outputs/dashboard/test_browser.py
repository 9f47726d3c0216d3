"""Dashboard page in a real browser: live drawings, controls, accessibility."""

import os
import re
import signal
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.streamer.outputs.dashboard.conftest import watched_run
from tests.support.chromium import chromium

pytestmark = [pytest.mark.peer, pytest.mark.timeout(180)]
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def page(request, run, browser):
    """Open the dashboard; fail on console messages and requests to other hosts."""
    page = browser.new_page(viewport=request.param)
    console, requests = [], []
    page.on("pageerror", lambda error: console.append(str(error)))
    page.on("console", lambda message: console.append((message.type, message.text)))
    page.on("request", lambda request: requests.append(request.url))
    page.on("websocket", lambda socket: requests.append(socket.url.replace("ws:", "http:")))
    page.goto(run.address)
    yield page
    page.close()
    assert console == []
    assert [url for url in requests if not url.startswith(run.address)] == []


@pytest.fixture
def unchecked_page(run, browser):
    """Open the dashboard without the console check, for tests that stop its server."""
    page = browser.new_page()
    page.goto(run.address)
    yield page
    page.close()


def drawing(page, name):
    """Return the current image of a canvas, as a data URL."""
    return page.evaluate(f"document.getElementById('{name}').toDataURL()")


def changes(page, name, seconds):
    """Whether a canvas is redrawn within this many seconds."""
    before, deadline = drawing(page, name), time.monotonic() + seconds
    while time.monotonic() < deadline:
        if drawing(page, name) != before:
            return True
        time.sleep(0.02)
    return False


def test_the_point_moves(page, run):
    page.goto(run.address)
    expect(page.locator("#valence")).to_have_text(re.compile(r"^.0\.\d\d ±"), timeout=30_000)
    assert changes(page, "plane", 30)


def test_all_elements_are_shown(page, run):
    expect(page.locator("#connection")).to_have_text("connected")
    expect(page.locator("#node")).to_have_text("hall")
    expect(page.locator("#zones a")).to_have_count(2)
    expect(page.locator("#zones a[aria-current=page]")).to_contain_text("main")
    expect(page.locator("#state-word")).to_have_text(re.compile("ok|warming|degraded"))
    expect(page.locator("#numbers")).to_contain_text("Latency")
    expect(page.locator("#numbers")).to_contain_text(str(run.broker.port))
    expect(page.locator("#level-text")).to_contain_text("dBFS")
    for name in ("plane", "mel", "cochleagram"):
        assert changes(page, name, 30), name


def test_freeze_is_confirmed_and_holds_the_point(page):
    freeze = page.get_by_role("button", name="Freeze")
    freeze.click()
    expect(page.locator("#answer")).to_have_text("freeze: done")
    expect(page.locator("#freeze")).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(500)
    frozen_valence = page.locator("#valence").text_content()
    page.wait_for_timeout(1000)
    assert page.locator("#valence").text_content() == frozen_valence
    page.get_by_role("button", name="Frozen").click()
    expect(page.locator("#freeze")).to_have_attribute("aria-pressed", "false")


def test_smoothing_and_rate_are_those_of_the_tracker(page):
    page.get_by_label("Smoothing").select_option("one-euro")
    expect(page.locator("#answer")).to_have_text("smoothing one-euro: done")
    page.get_by_label("Rate").select_option("5")
    expect(page.locator("#answer")).to_have_text("rate 5 / s: done")
    page.reload()
    expect(page.get_by_label("Smoothing")).to_have_value("one-euro")
    expect(page.get_by_label("Rate")).to_have_value("5")
    page.get_by_label("Smoothing").select_option("kalman")
    page.get_by_label("Rate").select_option("10")
    expect(page.locator("#answer")).to_have_text("rate 10 / s: done")


def test_a_second_calibration_is_refused_while_one_runs(page):
    page.get_by_role("button", name="Calibrate").click()
    expect(page.locator("#answer")).to_have_text("listening for 60 s")
    expect(page.locator("#calibrate")).to_have_text(re.compile(r"Listening, \d+ s"))
    page.locator("#calibrate").click()
    expect(page.locator("#answer")).to_contain_text("refused, a calibration is already running")
    page.get_by_role("button", name="Reset calibration").click()
    expect(page.locator("#calibrate")).to_have_text("Calibrate (60 s)")


def test_controls_work_by_keyboard(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "freeze"
    page.keyboard.press("Space")
    expect(page.locator("#freeze")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Space")
    expect(page.locator("#freeze")).to_have_attribute("aria-pressed", "false")


def test_a_click_opens_the_other_zone(page):
    page.locator("#zones a", has_text="bar").click()
    expect(page.locator("#zones a[aria-current=page]")).to_contain_text("bar")
    expect(page.locator("#valence")).to_have_text(re.compile("±"))


def test_the_page_fits_the_width_of_the_screen(page):
    expect(page.locator("#valence")).to_have_text(re.compile("±"))
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_page_has_no_accessibility_violations(page, theme):
    expect(page.locator("#valence")).to_have_text(re.compile("±"))
    if theme == "light":
        page.get_by_role("button", name="Light theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    response = Axe().run(page).response
    assert len(response["passes"]) > 10
    assert [
        (each["id"], each["impact"], each["nodes"][0]["html"]) for each in response["violations"]
    ] == []


def test_the_page_reconnects_to_a_restarted_dashboard(unchecked_page, run):
    page = unchecked_page
    os.kill(run.dashboard_pid(), signal.SIGKILL)
    expect(page.locator("#connection")).to_contain_text("not connected")
    expect(page.locator("#freeze")).to_be_disabled()
    expect(page.locator("#connection")).to_have_text("connected", timeout=15_000)
    expect(page.locator("#freeze")).to_be_enabled()


def test_a_lost_broker_is_shown(page, run):
    run.broker.kill()
    try:
        expect(page.locator("#numbers")).to_contain_text("not connected:")
    finally:
        run.broker.start()
    expect(page.locator("#numbers")).not_to_contain_text("not connected:", timeout=15_000)


def test_the_token_is_entered_once(browser, tmp_path):
    with watched_run(tmp_path, 'token = "correct horse battery"') as run:
        context = browser.new_context()
        page = context.new_page()
        page.goto(run.address)
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_have_text("Wrong token.")
        page.get_by_label("Token").fill("correct horse battery")
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#connection")).to_have_text("connected")
        page = context.new_page()
        page.goto(f"{run.address}/zone/bar")
        expect(page.locator("#connection")).to_have_text("connected")
        assert Axe().run(page).response["violations"] == []
        context.close()
        log = run.log.read_text()
    assert "a viewer entered a wrong token" in log
    assert "correct horse battery" not in log
