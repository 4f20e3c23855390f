"""What the service measures of itself, for Prometheus: requests, batches, uploads, jobs, its process."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
OTHER = "other"


class Measures:
    """A registry of its own, so that several applications of one process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "fused_encoder_requests",
            "Requests that were answered.",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "fused_encoder_request_seconds",
            "Time from the first byte to the end of the answer.",
            ("route",),
            registry=self._registry,
        )
        self._batches = Histogram(
            "fused_encoder_batch_size",
            "Requests that went through together.",
            ("kind",),
            buckets=BATCH_SIZES,
            registry=self._registry,
        )

    def batch(self, kind: str, size: float) -> None:
        """A batch was done."""
        self._batches.labels(kind).observe(size)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered; `route` is its pattern, so that names in URLs make no new series."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def gauge(self, name: str, told: str, value: Callable[[], float]) -> None:
        """A value that is asked for when Prometheus comes."""
        Gauge(f"fused_encoder_{name}", told, registry=self._registry).set_function(value)

    def as_text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)


class MeasureRequests:
    """Counts and times requests."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self.app, self._measures = app, measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            route = getattr(scope.get("route"), "path", OTHER)
            method = scope["method"] if scope["method"] in _METHODS else OTHER
            self._measures.request(route, method, status, time.perf_counter() - started)


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
