"""No more requests in work than the limit, and none that is sent for ever: 429 and 408."""

from __future__ import annotations

import asyncio
import math
import time

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.safety.csrf import SAFE_METHODS

UNCOUNTED = {*SAFE_METHODS, "DELETE"}  # cancelling a job makes room
SLOWEST_BYTES_PER_SECOND = 10_000
_SMOOTHING = 0.2  # of the mean time that a request takes


class BackPressure:
    """Answers 429 with `Retry-After`, before the body is read, where too many requests are in work.

    Requests that only read or delete are not counted. `Retry-After` is how long requests take at the moment.

    Args:
        app: what answers.
        most: int >= 1, requests in work at once.
        receive_seconds: float > 0. A request that is sent more slowly than this and 10 kB/s is answered with
            408, so that nobody holds a place by sending nothing.
    """

    def __init__(self, app: ASGIApp, *, most: int, receive_seconds: float) -> None:
        self.app, self._most, self._receive_seconds = app, most, receive_seconds
        self._num, self._mean_seconds = 0, 1.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] in UNCOUNTED:
            await self.app(scope, receive, send)
            return
        if self._num >= self._most:
            told = "Too many requests are in work at the moment."
            response = busy_response(told, math.ceil(self._mean_seconds))
            await response(scope, receive, send)
            return
        started, self._num = time.monotonic(), self._num + 1
        try:
            await self.app(scope, self._in_time(receive), send)
        finally:
            self._num -= 1
            self._mean_seconds += _SMOOTHING * (time.monotonic() - started - self._mean_seconds)

    def _in_time(self, receive: Receive) -> Receive:
        deadline = time.monotonic() + self._receive_seconds
        is_whole = False

        async def receive_in_time() -> Message:
            nonlocal is_whole, deadline
            if is_whole:  # what comes now is only that the other side hangs up
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), deadline - time.monotonic())
            except TimeoutError as error:
                raise HTTPException(408, "The request came too slowly. Send it again.") from error
            deadline += len(message.get("body", b"")) / SLOWEST_BYTES_PER_SECOND
            is_whole = not message.get("more_body", False)
            return message

        return receive_in_time


def busy_response(told: str, retry_after_seconds: int) -> JSONResponse:
    """429, with when to come again."""
    seconds = min(max(retry_after_seconds, 1), 120)
    told = f"{told} Come again in {seconds} s."
    return JSONResponse({"detail": told}, 429, headers={"Retry-After": str(seconds)})
