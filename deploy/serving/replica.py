"""One copy of the engine, as Ray Serve runs it: it answers what waits in one batch."""

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from ray import serve

from deploy.serving.batch import Question, answer, count_windows
from deploy.serving.settings import Settings
from deploy.serving.users import Users
from streamer.engines import open_engine
from streamer.engines.protocol import Array, Estimate
from streamer.engines.remote import wire_format as wire
from streamer.engines.weights_digest import file_sha256
from streamer.errors import EngineError

_POLICY = 1008  # RFC 6455: a message, or whoever sends it, is not what is allowed here

app = FastAPI(openapi_url=None)


@serve.ingress(app)
class EngineReplica:
    """Answers streamers; see `streamer.engines.remote.wire_format` for what travels.

    Parameters
    ----------
    settings
        How.

    Raises
    ------
    EngineError, ValueError
        The engine cannot be opened, or the users cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        self._engine = open_engine(settings.model, settings.backend, settings.require)
        self._weights = file_sha256(settings.model)
        self._users = Users(settings.password_file) if settings.password_file else None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._infer.set_max_batch_size(settings.largest_batch)  # type: ignore[attr-defined]
        self._infer.set_batch_wait_timeout_s(settings.batch_wait)  # type: ignore[attr-defined]
        self._engine.infer(*self._silence())  # a first call sets up what no venue should wait for

    @app.websocket(wire.PATH)
    async def stream(self, socket: WebSocket) -> None:
        """Answer one streamer until it leaves."""
        headers = socket.headers
        if self._users and not self._users.know(headers.get("authorization", "")):
            await socket.close(_POLICY)  # before it is accepted: the answer is 403
            return
        await socket.accept()
        try:
            receiver = wire.WindowDecoder(
                self._engine.front_end, headers.get(wire.PRECISION, "single")
            )
            waits = float(headers.get(wire.DEADLINE, "1000")) / 1e3
        except ValueError as error:
            await socket.close(_POLICY, str(error))
            return
        with contextlib.suppress(WebSocketDisconnect):
            await socket.send_json(self._about())
            await self._converse(socket, receiver, waits)

    async def _converse(
        self, socket: WebSocket, receiver: wire.WindowDecoder, waits: float
    ) -> None:
        while True:
            try:
                views = receiver.decode(await socket.receive_bytes())
            except (ValueError, KeyError) as error:  # text has no bytes
                await socket.close(_POLICY, str(error)[:100])
                return
            found = await self._infer(Question(*views, time.monotonic() + waits))
            if isinstance(found, EngineError):
                await socket.send_text(str(found))
            else:
                await socket.send_bytes(wire.encode_estimate(found))

    async def check_health(self) -> None:
        """Let Ray start another replica where this one has no right answer any more."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._engine.infer, *self._silence())

    def _about(self) -> dict[str, str]:
        engine = self._engine
        return {
            "engine": engine.name,
            "model": engine.model,
            "weights": self._weights,
            "front_end": engine.front_end.digest,
        }

    @serve.batch(batch_size_fn=count_windows)
    async def _infer(self, questions: list[Question]) -> list[Estimate | EngineError]:
        """Answer those that wait by now."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._thread, answer, self._engine, questions, time.monotonic()
        )

    def _silence(self) -> tuple[Array, Array]:
        spec = self._engine.front_end
        mel = np.full((1, spec.mel_bands, spec.window_frames), np.log(spec.mel_floor), np.float32)
        return mel, np.zeros((1, spec.gammatone_channels, spec.window_frames), np.float32)
