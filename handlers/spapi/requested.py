"""Reports that deliveries have asked for: each is asked for once, also where the daemon restarts meanwhile."""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from handlers.base import Delivery, HandlerContext
from handlers.errors import HandlerError
from handlers.spapi.accounts import Account
from handlers.spapi.call import Call
from handlers.spapi.client import SpapiClient
from handlers.spapi.document_files import mark_of, sync_directory
from handlers.spapi.errors import SpapiFault
from handlers.spapi.finished import KINDS, FinishedWork
from handlers.spapi.shared import PATIENCE
from handlers.spapi.ticket import ticket_of

CREATE = "reports.2021-06-30.createReport"
_GET = "reports.2021-06-30.getReport"
_KEPT_IN = "requests"


@dataclass(frozen=True, slots=True)
class Asked:
    """A report that was asked for."""

    report_id: str
    at: float
    """Seconds since the epoch."""


class RequestedReports:
    """The reports of one handler's deliveries, kept in a directory until they are forgotten."""

    def __init__(self, context: HandlerContext) -> None:
        self._context = context
        self._directory = context.state_directory / _KEPT_IN

    async def known(self, delivery: Delivery) -> Asked | None:
        """The report of a delivery, None where it has not been asked for. Raises HandlerError."""
        known: Asked | None = await self._on_disk(_load, self._path(delivery))
        return known

    async def ask(self, client: SpapiClient, account: Account, delivery: Delivery, body: Any) -> Asked:
        """Ask for a delivery's report. Raises HandlerError."""
        path = self._path(delivery)
        await self._on_disk(path.parent.mkdir, parents=True, exist_ok=True)
        call = Call(client.find(CREATE), body=body, account=account, ticket=ticket_of(delivery), patience=PATIENCE)
        response = await client.send(call)
        report_id = response.json.get("reportId") if isinstance(response.json, Mapping) else None
        if not isinstance(report_id, str) or not report_id:
            raise SpapiFault(f"{CREATE} answered without a reportId (request {response.request_id})")
        asked = Asked(report_id, self._context.clock())
        await self._on_disk(_save, path, asked)
        return asked

    async def look(self, client: SpapiClient, account: Account, delivery: Delivery, asked: Asked) -> FinishedWork:
        """How far the report is: its `status` may also be IN_QUEUE or IN_PROGRESS. Raises SpapiFault."""
        arguments = {"reportId": asked.report_id}
        call = Call(client.find(_GET), arguments, account=account, ticket=ticket_of(delivery), patience=PATIENCE)
        answer = (await client.send(call)).json
        fields = answer if isinstance(answer, Mapping) else {}
        texts = [str(fields.get(name) or "") for name in ("reportType", "processingStatus", "reportDocumentId")]
        work = FinishedWork(KINDS["REPORT_PROCESSING_FINISHED"], asked.report_id, *texts)
        self._context.observer.report_seen(self._context.name, delivery.webhook_id, work.status)
        return work

    async def forget(self, delivery: Delivery) -> None:
        """Let the delivery ask anew, should it ever run again. Raises HandlerError."""
        await self._on_disk(self._path(delivery).unlink, missing_ok=True)

    async def _on_disk(self, act: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        try:
            return await asyncio.to_thread(act, *arguments, **options)
        except OSError as error:
            raise HandlerError(f"{self._directory} cannot be used: {error.strerror or error}") from None

    def _path(self, delivery: Delivery) -> Path:
        return self._directory / f"{mark_of(delivery.webhook_id)}.json"


def requests_in(state_directory: Path, webhook_ids: Iterable[str] | None = None) -> list[Asked]:
    """The reports that a handler has asked for, the longest first. Raises PermissionError.

    With `webhook_ids` those of these deliveries alone: one that was cancelled, say, keeps its report for a replay, and
    nothing waits for that.
    """
    try:
        paths = [path for path in (state_directory / _KEPT_IN).iterdir() if path.suffix == ".json"]
    except (FileNotFoundError, NotADirectoryError):
        return []
    if webhook_ids is not None:
        marks = set(map(mark_of, webhook_ids))
        paths = [path for path in paths if path.stem in marks]
    return sorted(filter(None, map(_load, paths)), key=lambda asked: asked.at)


def _load(path: Path) -> Asked | None:
    try:
        fields = orjson.loads(path.read_bytes())
        return Asked(str(fields["report_id"]), float(fields["at"]))
    except (FileNotFoundError, orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None


def _save(path: Path, asked: Asked) -> None:
    made = path.with_suffix(".tmp")
    with made.open("wb") as file:
        file.write(orjson.dumps({"report_id": asked.report_id, "at": asked.at}))
        file.flush()
        os.fsync(file.fileno())
    made.replace(path)
    sync_directory(path.parent)
