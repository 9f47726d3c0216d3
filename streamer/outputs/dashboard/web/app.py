"""The pages: the dashboard of each zone, its websocket, and signing in."""

import itertools
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from streamer import limits
from streamer.outputs.dashboard.ipc import POINT, Setting
from streamer.outputs.dashboard.web.access import Access, same_site
from streamer.outputs.dashboard.web.live_state import Board
from streamer.outputs.dashboard.web.viewers import Say, attend

PAGE = Path(__file__).parents[1] / "page"
BUSY = 1013  # websocket close code: try again later

_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

logger = logging.getLogger(__name__)


class Viewers:
    """Who looks, and at which zones; tells whenever those change.

    Parameters
    ----------
    say
        Takes what is to be told to `run`.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self._zones: Counter[str] = Counter()
        self._names = itertools.count(1)

    @property
    def full(self) -> bool:
        """Whether nobody else may look now."""
        return self._zones.total() >= limits.MAX_VIEWERS

    def enter(self, zone: str) -> str:
        """Count a viewer in; return its name."""
        self._zones[zone] += 1
        if self._zones[zone] == 1:
            self._tell()
        return str(next(self._names))

    def leave(self, zone: str) -> None:
        """Count a viewer out."""
        self._zones[zone] -= 1
        if not self._zones[zone]:
            self._tell()

    def _tell(self) -> None:
        self._say({"watched": sorted(+self._zones)})


def make_app(setting: Setting, board: Board, say: Say) -> Starlette:
    """Make the application.

    Parameters
    ----------
    setting
        How to serve.
    board
        What there is to see.
    say
        Takes what is to be told to `run`.
    """
    access = Access(setting["token"])
    viewers = Viewers(say)
    hello = {
        "node": setting["node"],
        "zones": setting["zones"],
        "views": setting["views"],
        "smoothers": setting["smoothers"],
        "version": setting["version"],
        "columns": POINT,
    }

    async def first(request: Request) -> Response:
        if not access.admits(request):
            return RedirectResponse("/signin", 303)
        return RedirectResponse(f"/zone/{board.zones[0]}", 303)

    async def page(request: Request) -> Response:
        if not access.admits(request):
            return RedirectResponse("/signin", 303)
        if request.path_params["zone"] not in board.zones:
            return FileResponse(PAGE / "unknown.html", 404)
        return FileResponse(PAGE / "index.html")

    async def sign_in(request: Request) -> Response:
        if request.method != "POST":
            return HTMLResponse(_sign_in_page())
        if not access.may_try():
            return HTMLResponse(_sign_in_page("Wait a moment."), 429, {"retry-after": "1"})
        if not access.knows(await _token(request)):
            logger.warning("somebody tried a wrong token on the dashboard")
            return HTMLResponse(_sign_in_page("That is not the token."), 403)
        response = RedirectResponse("/", 303)
        access.sign_in(response)
        return response

    async def live(socket: WebSocket) -> None:
        zone = socket.path_params["zone"]
        if not (same_site(socket) and access.admits(socket) and zone in board.zones):
            await socket.close()  # before it is accepted: 403
            return
        await socket.accept()
        if viewers.full:
            await socket.close(BUSY, "too many look already")
            return
        viewer = viewers.enter(zone)
        try:
            await attend(socket, board, board.begin(zone, viewer), hello, say)
        finally:
            viewers.leave(zone)

    hosts = ["127.0.0.1", "localhost", "[::1]"] if setting["here"] else ["*"]
    return Starlette(
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
            Middleware(BaseHTTPMiddleware, dispatch=_guarded),
        ],
        routes=[
            Route("/", first),
            Route("/zone/{zone}", page),
            Route("/signin", sign_in, methods=["GET", "POST"]),
            WebSocketRoute("/live/{zone}", live),
            Mount("/page", StaticFiles(directory=PAGE)),
        ],
    )


async def _guarded(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """Let no other page use ours, nor ours load anything from elsewhere."""
    response = await answer(request)
    response.headers.update(_HEADERS)
    response.headers.setdefault("cache-control", "no-cache")
    return response


def _sign_in_page(said: str = "") -> str:
    """Return the page that asks for the token; `said` of the last try stands above."""
    page = (PAGE / "signin.html").read_text(encoding="utf-8")
    return page.replace("<!-- said -->", f'<p class="bad" role="alert">{said}</p>' if said else "")


async def _token(request: Request) -> str:
    """Return the token that a form holds; empty where it holds none, or too much."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > limits.MAX_FORM_BYTES:
            return ""
    try:
        form = parse_qs(body.decode("ascii", errors="replace"), max_num_fields=4)
    except ValueError:
        return ""
    return form.get("token", [""])[0]
