"""Web application: the page of each zone, its websocket, and sign-in."""

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
from streamer.outputs.dashboard.ipc import POINT_COLUMNS, ServerConfig
from streamer.outputs.dashboard.web.access import Access, is_same_origin
from streamer.outputs.dashboard.web.live_state import LiveState
from streamer.outputs.dashboard.web.viewers import Send, serve_viewer

PAGE = Path(__file__).parents[1] / "page"
TRY_AGAIN_LATER = 1013  # websocket close code

_SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

logger = logging.getLogger(__name__)


class ViewerCounter:
    """Counts viewers by zone, and reports the watched zones when they change.

    Parameters
    ----------
    send
        Sends a message to the run.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._by_zone: Counter[str] = Counter()
        self._names = itertools.count(1)

    @property
    def full(self) -> bool:
        """Whether `limits.MAX_VIEWERS` is reached."""
        return self._by_zone.total() >= limits.MAX_VIEWERS

    def add(self, zone: str) -> str:
        """Add a viewer, and return its name."""
        self._by_zone[zone] += 1
        if self._by_zone[zone] == 1:
            self._report()
        return str(next(self._names))

    def remove(self, zone: str) -> None:
        """Remove a viewer."""
        self._by_zone[zone] -= 1
        if not self._by_zone[zone]:
            self._report()

    def _report(self) -> None:
        self._send({"watched": sorted(+self._by_zone)})


def create_app(config: ServerConfig, state: LiveState, send: Send) -> Starlette:
    """Create the application.

    Parameters
    ----------
    config
        Settings of the dashboard process.
    state
        State of the run.
    send
        Sends a message to the run.
    """
    access = Access(config["token"])
    viewers = ViewerCounter(send)
    hello = {
        "node": config["node"],
        "zones": config["zones"],
        "views": config["views"],
        "smoothers": config["smoothers"],
        "version": config["version"],
        "columns": POINT_COLUMNS,
    }

    async def first_zone(request: Request) -> Response:
        if not access.is_signed_in(request):
            return RedirectResponse("/signin", 303)
        return RedirectResponse(f"/zone/{state.zones[0]}", 303)

    async def page(request: Request) -> Response:
        if not access.is_signed_in(request):
            return RedirectResponse("/signin", 303)
        if request.path_params["zone"] not in state.zones:
            return FileResponse(PAGE / "unknown.html", 404)
        return FileResponse(PAGE / "index.html")

    async def sign_in(request: Request) -> Response:
        if request.method != "POST":
            return HTMLResponse(_sign_in_page())
        if not access.may_attempt():
            return HTMLResponse(_sign_in_page("Wait a moment."), 429, {"retry-after": "1"})
        if not access.is_valid(await _read_token(request)):
            logger.warning("a viewer entered a wrong token on the dashboard")
            return HTMLResponse(_sign_in_page("Wrong token."), 403)
        response = RedirectResponse("/", 303)
        access.set_cookie(response)
        return response

    async def live(socket: WebSocket) -> None:
        zone = socket.path_params["zone"]
        if not (is_same_origin(socket) and access.is_signed_in(socket) and zone in state.zones):
            await socket.close()  # before it is accepted: 403
            return
        await socket.accept()
        if viewers.full:
            await socket.close(TRY_AGAIN_LATER, "too many viewers")
            return
        viewer = viewers.add(zone)
        try:
            await serve_viewer(socket, state, state.new_cursor(zone, viewer), hello, send)
        finally:
            viewers.remove(zone)

    hosts = ["127.0.0.1", "localhost", "[::1]"] if config["loopback_only"] else ["*"]
    return Starlette(
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
            Middleware(BaseHTTPMiddleware, dispatch=_add_security_headers),
        ],
        routes=[
            Route("/", first_zone),
            Route("/zone/{zone}", page),
            Route("/signin", sign_in, methods=["GET", "POST"]),
            WebSocketRoute("/live/{zone}", live),
            Mount("/page", StaticFiles(directory=PAGE)),
        ],
    )


async def _add_security_headers(
    request: Request, respond: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Keep other sites from embedding the page, and the page from loading anything from them."""
    response = await respond(request)
    response.headers.update(_SECURITY_HEADERS)
    response.headers.setdefault("cache-control", "no-cache")
    return response


def _sign_in_page(error: str = "") -> str:
    """Return the page that asks for the token, with the error of the last attempt."""
    page = (PAGE / "signin.html").read_text(encoding="utf-8")
    alert = f'<p class="bad" role="alert">{error}</p>' if error else ""
    return page.replace("<!-- error -->", alert)


async def _read_token(request: Request) -> str:
    """Return the token of a form; empty if it holds none, or is too large."""
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
