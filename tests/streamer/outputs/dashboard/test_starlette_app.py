"""Web application of the dashboard: pages, sign-in, WebSocket commands."""

import json
from operator import itemgetter

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from streamer import limits
from streamer.outputs.dashboard.web.live_state import LiveState
from streamer.outputs.dashboard.web.starlette_app import create_app

TOKEN = "correct horse battery"  # noqa: S105 - of the tests
COMMAND = {"zone": "main", "name": "freeze", "value": "on", "id": "1"}
OURS = {"origin": "http://127.0.0.1"}


class Site:
    """The application, and the messages that it sends to the run."""

    def __init__(self, **changes):
        config = {
            "host": "127.0.0.1",
            "port": 8710,
            "token": None,
            "loopback_only": True,
            "node": "hall",
            "zones": ["main", "bar"],
            "views": {"mel": 128, "cochleagram": 84, "rate": 86.0},
            "smoothers": ["kalman", "none"],
            "version": "0",
        }
        self.sent = []
        self.state = LiveState(["main", "bar"])
        app = create_app({**config, **changes}, self.state, self.sent.append)
        self.client = TestClient(app, "http://127.0.0.1", follow_redirects=False)

    def connect(self, zone="main", headers=OURS):
        return self.client.websocket_connect(f"ws://127.0.0.1/live/{zone}", headers=headers)

    @property
    def commands(self):
        return [each["command"] for each in self.sent if "command" in each]


def assert_refused(site, zone="main", headers=OURS):
    with pytest.raises(WebSocketDisconnect), site.connect(zone, headers):
        pass


def closed(socket):
    """Return the code with which the server closes."""
    with pytest.raises(WebSocketDisconnect) as caught:
        for _ in iter(socket.receive_text, None):
            pass
    return caught.value.code


class TestPages:
    def test_the_root_redirects_to_the_first_zone(self):
        answer = Site().client.get("/")
        assert (answer.status_code, answer.headers["location"]) == (303, "/zone/main")

    def test_every_zone_has_a_page(self):
        client = Site().client
        assert "Trajectory" in client.get("/zone/main").text
        assert client.get("/zone/bar").status_code == 200

    @pytest.mark.parametrize("zone", ["kitchen", "..%2f..%2fetc%2fpasswd", "%00", "a" * 5000])
    def test_an_unknown_zone_is_not_found(self, zone):
        answer = Site().client.get(f"/zone/{zone}")
        assert answer.status_code == 404
        assert "no such zone" in answer.text or answer.text == "Not Found"

    @pytest.mark.parametrize(
        "path", ["/page/../web/starlette_app.py", "/page/%2e%2e/ipc.py", "/page/"]
    )
    def test_only_files_of_the_page_are_served(self, path):
        assert Site().client.get(path).status_code == 404

    def test_a_page_loads_nothing_from_other_sites_and_cannot_be_embedded(self):
        headers = Site().client.get("/zone/main").headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize(
        "host", ["evil.example", "evil.example:8710", "127.0.0.1.evil.example"]
    )
    def test_a_foreign_host_name_is_refused(self, host):
        site = Site()
        assert site.client.get("/", headers={"host": host}).status_code == 400
        assert_refused(site, headers={"host": host, "origin": f"http://{host}"})

    @pytest.mark.parametrize("host", ["localhost:8710", "127.0.0.1:8710", "[::1]:8710"])
    def test_loopback_names_are_accepted(self, host):
        assert Site().client.get("/", headers={"host": host}).status_code == 303


class TestToken:
    @pytest.fixture
    def site(self):
        return Site(token=TOKEN, loopback_only=False)

    @pytest.mark.parametrize("path", ["/", "/zone/main", "/zone/kitchen"])
    def test_without_a_cookie_pages_redirect_to_sign_in(self, site, path):
        answer = site.client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/signin")
        assert "Token" in site.client.get("/signin").text

    def test_without_a_cookie_the_websocket_is_refused(self, site):
        assert_refused(site)

    def test_the_token_signs_in(self, site):
        answer = site.client.post("/signin", data={"token": TOKEN})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert TOKEN not in cookie
        assert site.client.get("/zone/main").status_code == 200
        with site.connect() as socket:
            assert "hello" in json.loads(socket.receive_text())

    def test_a_cookie_survives_a_restart_but_not_another_token(self, site):
        site.client.post("/signin", data={"token": TOKEN})
        again, other = (
            Site(token=TOKEN, loopback_only=False),
            Site(token=TOKEN + "!", loopback_only=False),
        )
        again.client.cookies = other.client.cookies = site.client.cookies
        assert again.client.get("/zone/main").status_code == 200
        assert other.client.get("/zone/main").status_code == 303

    @pytest.mark.parametrize("wrong", ["", "wrong", TOKEN[:-1], TOKEN + " ", "é", "a" * 10_000])
    def test_a_wrong_token_is_refused(self, site, wrong):
        answer = site.client.post("/signin", data={"token": wrong})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"token", b"token=%", b"&" * 4000])
    def test_an_invalid_form_is_refused(self, site, body):
        assert site.client.post("/signin", content=body).status_code == 403

    def test_attempts_are_rate_limited(self, monkeypatch):
        monkeypatch.setattr(limits, "TOKEN_ATTEMPTS", (0.0, 3.0))  # none comes back with time
        site = Site(token=TOKEN, loopback_only=False)
        codes = [site.client.post("/signin", data={"token": "x"}).status_code for _ in range(5)]
        assert codes == [403, 403, 403, 429, 429]


class TestLive:
    def test_a_viewer_receives_updates(self):
        site = Site()
        with site.connect() as socket:
            hello = json.loads(socket.receive_text())["hello"]
            assert hello["zones"] == ["main", "bar"]
            site.state.update({"points": {"main": [[1, 0.5]]}})
            assert json.loads(socket.receive_text()) == {"points": {"main": [[1, 0.5]]}}

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"origin": "http://evil.example"},
            {"origin": "null"},
            {"origin": "http://127.0.0.1:1"},
        ],
    )
    def test_a_page_of_another_site_is_refused(self, headers):
        assert_refused(Site(), headers=headers)

    def test_an_unknown_zone_is_refused(self):
        assert_refused(Site(), "kitchen")

    def test_a_command_is_passed_on_with_the_name_of_its_viewer(self):
        site = Site()
        with site.connect() as first, site.connect("bar") as second:
            first.send_text(json.dumps(COMMAND))
            second.send_text(json.dumps({**COMMAND, "zone": "bar"}))
            second.send_text("x")
            closed(second)
            first.send_text("x")
            closed(first)
        assert sorted(site.commands, key=itemgetter("id")) == [
            {**COMMAND, "id": "1.1"},
            {**COMMAND, "zone": "bar", "id": "2.1"},
        ]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "freeze",
            "[]",
            "{}",
            json.dumps({**COMMAND, "value": 1}),
            json.dumps({**COMMAND, "more": "1"}),
            json.dumps({**COMMAND, "zone": "kitchen"}),
            json.dumps({**COMMAND, "id": "1" * 100}),
            json.dumps({**COMMAND, "value": "1" * 2000}),
            "[" * 900,
        ],
    )
    def test_an_invalid_command_disconnects(self, text):
        site = Site()
        with site.connect() as socket:
            socket.send_text(text)
            assert closed(socket) == 1008
        assert site.commands == []

    def test_too_many_commands_disconnect(self):
        site = Site()
        with site.connect() as socket:
            for _ in range(100):
                socket.send_text(json.dumps(COMMAND))
            assert closed(socket) == 1008
        assert len(site.commands) <= limits.VIEWER_COMMANDS_PER_SECOND + 1

    def test_binary_messages_disconnect(self):
        with Site().connect() as socket:
            socket.send_bytes(b"\x00\xff")
            assert closed(socket) in (1000, 1008)

    def test_a_viewer_beyond_the_maximum_is_asked_to_try_again_later(self, monkeypatch):
        monkeypatch.setattr(limits, "MAX_VIEWERS", 1)
        site = Site()
        with site.connect(), site.connect() as second:
            assert closed(second) == 1013

    def test_the_run_receives_the_watched_zones(self):
        site = Site()
        with site.connect() as first, site.connect() as second, site.connect("bar") as third:
            for socket in (first, second, third):
                socket.send_text("leave")
                closed(socket)
        watched = [each["watched"] for each in site.sent]
        assert watched[:2] == [["main"], ["bar", "main"]]
        assert watched[-1] == []
