"""A collector: a real OTLP/HTTP receiver on loopback that reads what it is sent."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Received:
    """A span as it arrived."""

    trace: str
    id: str
    parent: str
    name: str
    begins: int
    ends: int
    kind: int
    attributes: dict[str, Any]
    error: str | None
    service: str


@dataclass
class Collector:
    """What came, and how to answer."""

    url: str = ""
    status: int = 200
    spans: list[Received] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: web.Request) -> web.Response:
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        if self.status == 200:
            self.spans += _spans(ExportTraceServiceRequest.FromString(body))
        async with self.came:
            self.came.notify_all()
        answer = ExportTraceServiceResponse().SerializeToString()
        return web.Response(status=self.status, body=answer, content_type="application/x-protobuf")

    async def until(self, enough: Callable[[], bool]) -> None:
        """Wait until what came is enough."""
        async with asyncio.timeout(30), self.came:
            await self.came.wait_for(enough)

    def named(self, name: str) -> list[Received]:
        return [span for span in self.spans if span.name == name]


def _spans(request: ExportTraceServiceRequest) -> list[Received]:
    found = []
    for resource in request.resource_spans:
        names = {each.key: each.value.string_value for each in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                attributes = {
                    each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in span.attributes
                }
                error = span.status.message if span.status.code == 2 else None
                ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                times = (span.start_time_unix_nano, span.end_time_unix_nano)
                found.append(
                    Received(*ids, span.name, *times, span.kind, attributes, error, names.get("service.name", ""))
                )
    return found


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector()
    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield collector
    await runner.cleanup()
