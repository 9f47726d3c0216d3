"""The page on which a rater listens and moves in the valence/arousal plane."""

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
_MOST_BYTES = 4_000_000
_FRESH = {"cache-control": "no-store"}

Axis = Annotated[float, Field(ge=-1.0, le=1.0)]


class Answer(BaseModel):
    """What the page sends of a step: (seconds, valence, arousal) as the pointer moved."""

    token: str
    step: Annotated[int, Field(ge=0)]
    samples: Annotated[list[tuple[float, Axis, Axis]], Field(max_length=100_000)]


def make_app(session: Session) -> Starlette:
    """Make the application of one sitting; it serves the session's sounds and nothing else.

    What it gives is never kept by the browser, for numbers mean other clips in another sitting.
    """

    async def page(_: Request) -> Response:
        return FileResponse(_PAGE, media_type="text/html", headers=_FRESH)

    async def steps(_: Request) -> Response:
        described = [
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
        return JSONResponse({"token": session.token, "steps": described}, headers=_FRESH)

    async def sound(request: Request) -> Response:
        number = request.path_params["number"]
        if request.path_params["token"] != session.token or number >= len(session.steps):
            return JSONResponse({"error": "no such sound"}, status_code=404)
        return FileResponse(session.steps[number].sound, headers=_FRESH)

    async def ratings(request: Request) -> Response:
        if request.headers.get("content-type") != "application/json":  # no form of another site
            return JSONResponse({"error": "JSON is expected"}, status_code=415)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _MOST_BYTES:
                return JSONResponse({"error": "too much"}, status_code=413)
        try:
            answer = Answer.model_validate_json(body)
            if answer.token != session.token:
                error = "this page is of another sitting; load it again"
                return JSONResponse({"error": error}, status_code=409)
            verdict = session.add(answer.step, answer.samples)
        except ValidationError as error:
            return JSONResponse({"error": error.errors()[0]["msg"]}, status_code=400)
        except (ValueError, OSError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse({"good": verdict.good, "distance": verdict.distance})

    return Starlette(
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
        routes=[
            Route("/", page),
            Route("/steps", steps),
            Route("/sounds/{token}/{number:int}", sound),
            Route("/ratings", ratings, methods=["POST"]),
        ],
    )
