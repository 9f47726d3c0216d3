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
_MOST_BYTES = 2_000_000

Axis = Annotated[float, Field(ge=-1.0, le=1.0)]


class Answer(BaseModel):
    """What the page sends of a step: (seconds, valence, arousal) as the pointer moved."""

    step: Annotated[int, Field(ge=0)]
    samples: Annotated[list[tuple[float, Axis, Axis]], Field(max_length=100_000)]


def make_app(session: Session) -> Starlette:
    """Make the application of one sitting; it serves the session's sounds and nothing else."""

    async def page(_: Request) -> Response:
        return FileResponse(_PAGE, media_type="text/html")

    async def steps(_: Request) -> Response:
        return JSONResponse(
            [
                {
                    "kind": step.kind,
                    "name": step.name,
                    "start": step.start,
                    "end": step.end,
                    "place": QUADRANTS.get(step.name) if step.kind == "exemplar" else None,
                }
                for step in session.steps
            ]
        )

    async def sound(request: Request) -> Response:
        number = request.path_params["number"]
        if number >= len(session.steps):
            return JSONResponse({"error": "no such sound"}, status_code=404)
        return FileResponse(session.steps[number].sound)

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
            Route("/sounds/{number:int}", sound),
            Route("/ratings", ratings, methods=["POST"]),
        ],
    )
