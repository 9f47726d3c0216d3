"""Who may look: the token, the cookie that stands for it, and whose pages may connect."""

import hashlib
import hmac
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from streamer import limits
from streamer.helpers import TokenBucket

COOKIE = "streamer-dashboard"
_DAYS = 30


class Access:
    """Lets in who knows the token.

    A browser keeps a cookie that follows from the token, so it stays signed in when the program
    starts again, and no longer once the token is another.

    Parameters
    ----------
    token
        None: everybody may look.
    """

    def __init__(self, token: str | None) -> None:
        self._token = token
        self._tries = TokenBucket(*limits.TOKEN_ATTEMPTS)

    def admits(self, connection: HTTPConnection) -> bool:
        """Whether a request or a websocket comes from who has signed in."""
        if self._token is None:
            return True
        return hmac.compare_digest(connection.cookies.get(COOKIE, "").encode(), self._pass())

    def may_try(self) -> bool:
        """Whether a token may be tried now; few may in a second, whoever asks."""
        return self._tries.try_acquire()

    def knows(self, token: str) -> bool:
        """Whether this is the token."""
        return self._token is None or hmac.compare_digest(token.encode(), self._token.encode())

    def sign_in(self, response: Response) -> None:
        """Let the browser that gets this response in from now on."""
        response.set_cookie(
            COOKIE,
            self._pass().decode(),
            max_age=_DAYS * 86400,
            httponly=True,
            samesite="lax",
        )

    def _pass(self) -> bytes:
        key = (self._token or "").encode()
        return hmac.new(key, b"streamer dashboard", hashlib.sha256).hexdigest().encode()


def same_site(connection: HTTPConnection) -> bool:
    """Whether a websocket is opened by a page of ours; browsers always say whose page it is."""
    origin, host = connection.headers.get("origin"), connection.headers.get("host")
    return bool(origin and host) and urlsplit(origin).netloc.lower() == (host or "").lower()
