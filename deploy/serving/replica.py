"""One replica of the inference server: accepts websockets, runs requests in batches."""

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from ray import serve

from deploy.serving.batch import InferenceRequest, count_windows, infer_requests
from deploy.serving.settings import ReplicaSettings
from deploy.serving.users import Users
from streamer.engines import open_engine
from streamer.engines.protocol import Array, Estimate
from streamer.engines.remote import wire_format as wire
from streamer.engines.weights_digest import file_sha256
from streamer.errors import EngineError

_POLICY_VIOLATION = 1008  # websocket close code, RFC 6455

app = FastAPI(openapi_url=None)


@serve.ingress(app)
class EngineReplica:
    """Ray Serve deployment of one engine; see `streamer.engines.remote.wire_format`.

    Parameters
    ----------
    settings
        Weights, engine, logins and batching.

    Raises
    ------
    EngineError, ValueError
        The engine cannot be opened, or the password file cannot be read.
    """

    def __init__(self, settings: ReplicaSettings) -> None:
        self._engine = open_engine(settings.model, settings.backend, settings.require)
        self._weights = file_sha256(settings.model)
        self._users = Users(settings.password_file) if settings.password_file else None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._infer.set_max_batch_size(settings.largest_batch)  # type: ignore[attr-defined]
        self._infer.set_batch_wait_timeout_s(settings.batch_wait)  # type: ignore[attr-defined]
        self._engine.infer(*self._silence())  # initialise before the first streamer connects

    @app.websocket(wire.PATH)
    async def stream(self, socket: WebSocket) -> None:
        """Serve one streamer until it disconnects."""
        headers = socket.headers
        if self._users and not self._users.authenticate(headers.get("authorization", "")):
            await socket.close(_POLICY_VIOLATION)  # before the upgrade: HTTP status 403
            return
        await socket.accept()
        try:
            precision = headers.get(wire.PRECISION, "single")
            decoder = wire.WindowDecoder(self._engine.front_end, precision)
            deadline = float(headers.get(wire.DEADLINE, "1000")) / 1e3
        except ValueError as error:
            await socket.close(_POLICY_VIOLATION, str(error))
            return
        with contextlib.suppress(WebSocketDisconnect):
            await socket.send_json(self._description())
            await self._serve_requests(socket, decoder, deadline)

    async def _serve_requests(
        self, socket: WebSocket, decoder: wire.WindowDecoder, deadline: float
    ) -> None:
        while True:
            try:
                views = decoder.decode(await socket.receive_bytes())
            except (ValueError, KeyError) as error:  # KeyError: a text message has no bytes
                await socket.close(_POLICY_VIOLATION, str(error)[:100])
                return
            result = await self._infer(InferenceRequest(*views, time.monotonic() + deadline))
            if isinstance(result, EngineError):
                await socket.send_text(str(result))
            else:
                await socket.send_bytes(wire.encode_estimate(result))

    async def check_health(self) -> None:
        """Raise if the engine fails, so that Ray replaces this replica."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._engine.infer, *self._silence())

    def _description(self) -> dict[str, str]:
        engine = self._engine
        return {
            "engine": engine.name,
            "model": engine.model,
            "weights": self._weights,
            "front_end": engine.front_end.digest,
        }

    @serve.batch(batch_size_fn=count_windows)
    async def _infer(self, requests: list[InferenceRequest]) -> list[Estimate | EngineError]:
        """Run the requests that are waiting, in the engine's thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._thread, infer_requests, self._engine, requests, time.monotonic()
        )

    def _silence(self) -> tuple[Array, Array]:
        spec = self._engine.front_end
        mel = np.full((1, spec.mel_bands, spec.window_frames), np.log(spec.mel_floor), np.float32)
        return mel, np.zeros((1, spec.gammatone_channels, spec.window_frames), np.float32)
