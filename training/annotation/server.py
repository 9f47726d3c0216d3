"""Web server of the annotation page: serve the audio of a session, receive ratings."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from training.annotation.session import QUADRANTS, Session

_PAGE = Path(__file__).with_name("page.html")
_MAX_BODY_BYTES = 4_000_000
_NO_STORE = {"cache-control": "no-store"}

Axis = Annotated[float, Field(ge=-1.0, le=1.0)]


class RatingsMessage(BaseModel):
    """Ratings of a step: (seconds, valence, arousal) samples of the pointer."""

    token: str
    step: Annotated[int, Field(ge=0)]
    samples: Annotated[list[tuple[float, Axis, Axis]], Field(max_length=100_000)]


def make_app(session: Session) -> Starlette:
    """Build the application of one session; it serves no file but the session's audio.

    Responses are not cached by the browser, because step numbers differ between sessions.
    """

    async def page(_: Request) -> Response:
        return FileResponse(_PAGE, media_type="text/html", headers=_NO_STORE)

    async def steps(_: Request) -> Response:
        descriptions = [
            {
                "kind": step.kind,
                "name": step.name,
                "start": step.start,
                "end": step.end,
                "place": QUADRANTS.get(step.name) if step.kind == "exemplar" else None,
                "done": session.is_done(step),
            }
            for step in session.steps
        ]
        return JSONResponse({"token": session.token, "steps": descriptions}, headers=_NO_STORE)

    async def sound(request: Request) -> Response:
        number = request.path_params["number"]
        if request.path_params["token"] != session.token or number >= len(session.steps):
            return JSONResponse({"error": "no such sound"}, status_code=404)
        return FileResponse(session.steps[number].audio, headers=_NO_STORE)

    async def ratings(request: Request) -> Response:
        if request.headers.get("content-type") != "application/json":  # refuse forms of other sites
            return JSONResponse({"error": "expected JSON"}, status_code=415)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _MAX_BODY_BYTES:
                return JSONResponse({"error": "the message is too large"}, status_code=413)
        try:
            message = RatingsMessage.model_validate_json(body)
            if message.token != session.token:
                error = "this page is of another session; load it again"
                return JSONResponse({"error": error}, status_code=409)
            feedback = session.add(message.step, message.samples)
        except ValidationError as error:
            return JSONResponse({"error": error.errors()[0]["msg"]}, status_code=400)
        except (ValueError, OSError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse({"good": feedback.good, "distance": feedback.distance})

    return Starlette(
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
        routes=[
            Route("/", page),
            Route("/steps", steps),
            Route("/sounds/{token}/{number:int}", sound),
            Route("/ratings", ratings, methods=["POST"]),
        ],
    )
