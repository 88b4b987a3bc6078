"""Spans on their way to a collector: batched, and sent by a thread of their own (OTLP over HTTP, protobuf)."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation import set_span_in_context

from receiver.config import TelemetrySettings
from receiver.events import log
from receiver.telemetry.ids import SpanId
from receiver.telemetry.span import Kind, Span

_logger = logging.getLogger(__name__)
_QUEUE = 8192
_BATCH = 512
_DELAY_MILLISECONDS = 2000
_TOLD_EVERY = 60.0
_NANO = 1_000_000_000
_KINDS: Mapping[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
}


class Spans:
    """Takes spans and sends them. What the collector does not take is dropped, and said once a minute."""

    def __init__(self, settings: TelemetrySettings, version: str, sent: Callable[[str, int], None]) -> None:
        """`sent` is told `exported` or `failed` and of how many spans, from a thread. Raises SecretError."""
        headers = {name: secret.read() for name, secret in settings.headers.items()}
        exporter = OTLPSpanExporter(
            endpoint=settings.url, headers=headers, timeout=settings.timeout, compression=Compression.Gzip
        )
        # Its texts repeat with each batch and speak of its own inside: ours says the same once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._ids = _GivenIds()
        resource = Resource.create({"service.name": settings.service, "service.version": version})
        self._provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False, id_generator=self._ids)
        self._provider.add_span_processor(
            BatchSpanProcessor(
                _Told(exporter, settings.endpoint, sent),
                max_queue_size=_QUEUE,
                schedule_delay_millis=_DELAY_MILLISECONDS,
                max_export_batch_size=_BATCH,
            )
        )
        self._tracer = self._provider.get_tracer("spapi-router", version)

    def add(self, span: Span) -> None:
        """Send a span, some time soon. To be called from the event loop."""
        self._ids.next = span.id
        context = None if span.parent is None else set_span_in_context(NonRecordingSpan(_context(span.parent)))
        started = self._tracer.start_span(
            span.name,
            context,
            _KINDS[span.kind],
            span.attributes,
            start_time=_nanoseconds(span.begins),
            record_exception=False,
            set_status_on_exception=False,
        )
        if span.error is not None:
            started.set_status(Status(StatusCode.ERROR, span.error))
        started.end(_nanoseconds(max(span.begins, span.ends)))

    async def close(self, seconds: float) -> None:
        """Send what waits, for no longer than some seconds: a collector that is gone must not hold up a stop."""
        loop, closed = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(closed.set)

        threading.Thread(target=shut_down, name="traces-end", daemon=True).start()
        with suppress(TimeoutError):
            await asyncio.wait_for(closed.wait(), seconds)


class _GivenIds(IdGenerator):
    """Gives the ids of the span that is being made."""

    def __init__(self) -> None:
        self.next = SpanId(1, 1)

    def generate_trace_id(self) -> int:
        return self.next.trace

    def generate_span_id(self) -> int:
        return self.next.span


class _Told(SpanExporter):
    """An exporter whose failures are said, once a minute, and counted. Used by the thread that sends."""

    def __init__(self, inner: SpanExporter, endpoint: str, sent: Callable[[str, int], None]) -> None:
        self._inner = inner
        self._endpoint = endpoint
        self._sent = sent
        self._silent_until = float("-inf")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        self._sent("failed" if failed else "exported", len(spans))
        if failed and time.monotonic() >= self._silent_until:
            self._silent_until = time.monotonic() + _TOLD_EVERY
            cure = "is the collector there, and are the headers right? Deliveries go on without it"
            log(_logger, logging.WARNING, "traces_not_sent", endpoint=self._endpoint, spans=len(spans), cure=cure)
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


def _context(id_: SpanId) -> SpanContext:
    return SpanContext(id_.trace, id_.span, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _nanoseconds(seconds: float) -> int:
    return round(seconds * _NANO)
