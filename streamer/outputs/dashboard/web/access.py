"""Access control: the token, the cookie that stands for it, and the origin of websockets."""

import hashlib
import hmac
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from streamer import limits
from streamer.helpers import TokenBucket

COOKIE = "streamer-dashboard"
_COOKIE_LIFETIME_S = 30 * 86400


class Access:
    """Admits browsers that have entered the token.

    The cookie is derived from the token: a browser stays signed in when the program starts again,
    and no longer once the token changes.

    Parameters
    ----------
    token
        None: everyone is admitted.
    """

    def __init__(self, token: str | None) -> None:
        self._token = token
        self._attempts = TokenBucket(*limits.TOKEN_ATTEMPTS)

    def is_signed_in(self, connection: HTTPConnection) -> bool:
        """Return whether a request or a websocket carries a valid cookie."""
        if self._token is None:
            return True
        cookie = connection.cookies.get(COOKIE, "")
        return hmac.compare_digest(cookie.encode(), self._cookie().encode())

    def may_attempt(self) -> bool:
        """Return whether a token may be tried now; the limit is for all viewers together."""
        return self._attempts.try_acquire()

    def is_valid(self, token: str) -> bool:
        """Return whether this is the token."""
        return self._token is None or hmac.compare_digest(token.encode(), self._token.encode())

    def set_cookie(self, response: Response) -> None:
        """Sign in the browser that receives this response."""
        response.set_cookie(
            COOKIE, self._cookie(), max_age=_COOKIE_LIFETIME_S, httponly=True, samesite="lax"
        )

    def _cookie(self) -> str:
        key = (self._token or "").encode()
        return hmac.new(key, b"streamer dashboard", hashlib.sha256).hexdigest()


def is_same_origin(connection: HTTPConnection) -> bool:
    """Return whether a page of this server opens a websocket; browsers always send the origin."""
    origin, host = connection.headers.get("origin"), connection.headers.get("host")
    return bool(origin and host) and urlsplit(origin).netloc.lower() == (host or "").lower()
