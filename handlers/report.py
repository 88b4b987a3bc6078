"""`type = "report"`: put the document of a finished report, feed or Data Kiosk query into a file."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import aiohttp
import orjson
from pydantic import BaseModel, Field, field_validator

from handlers.base import Dead, Delivery, Done, Handler, HandlerContext, Outcome, Postpone, Request, Retry
from handlers.errors import HandlerError
from handlers.failures import describe
from handlers.file_path import FilePath
from handlers.settings import PositiveDuration
from handlers.spapi.account_keys import AccountKeys
from handlers.spapi.call import Call
from handlers.spapi.catalogue import Catalogue
from handlers.spapi.conversion import ConversionError, Converted, Damaged, charset_of, convert, finished, is_charset
from handlers.spapi.document_files import DocumentFiles, check_directory
from handlers.spapi.download import Download, DownloadError, LinkEnded, Progress
from handlers.spapi.errors import SpapiError, SpapiFault
from handlers.spapi.finished import FinishedWork
from handlers.spapi.outcomes import outcome_of, outcome_when
from handlers.spapi.request import build
from handlers.spapi.requested import CREATE, Asked, RequestedReports
from handlers.spapi.shared import PATIENCE, shared_client
from handlers.spapi.ticket import ticket_of
from handlers.template import Structure

_SHARE = 0.5
"""Of an attempt's time that a download takes before it makes room for others."""
_QUICK = 0.1
"""Of an attempt's time: what was downloaded faster is converted in the same attempt."""
_SOON = 0.05
_AFTER_A_BREAK = 1.0
_MOST_LINKS = 1000
_POLL = 30.0
"""Seconds between two looks at a report that was asked for."""
_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=10.0, sock_read=30.0)


class ReportSettings(AccountKeys):
    """The keys of a `report` handler."""

    directory: FilePath
    name: FilePath | None = Field(None, json_schema_extra={"pattern": "^[^/]+$"})
    """The file's name; without one it is made of type and id."""
    format: Literal["text", "lines"] = "text"
    """`lines`: tab-separated rows become JSON lines."""
    charset: str | None = None
    """In place of the one that comes with the document."""
    restricted: bool = False
    """Whether the report holds personal data and needs a restricted data token."""
    request: Structure | None = Field(None, json_schema_extra={"type": "object", "required": ["reportType"]})
    """The body of createReport: the handler asks for a report and waits for it, whatever the notification is."""
    give_up: PositiveDuration = 6 * 3600.0
    """How long a report that was asked for may stay unfinished."""
    timeout: PositiveDuration = 30.0
    """The key of every handler: a download that takes longer goes on in the next attempt."""

    @field_validator("name")
    @classmethod
    def _plain(cls, name: FilePath | None) -> FilePath | None:
        if name is not None and "/" in name.source:
            raise ValueError("a name holds no slash: put the rest into directory")
        return name

    @field_validator("request")
    @classmethod
    def _whole(cls, request: Structure | None) -> Structure | None:
        if request is not None and not (isinstance(request.source, Mapping) and request.source.get("reportType")):
            raise ValueError(
                'a table is expected, like { reportType = "GET_…", marketplaceIds = ["{marketplace_id}"] }'
            )
        return request

    @field_validator("charset")
    @classmethod
    def _known(cls, charset: str | None) -> str | None:
        if charset is not None and not is_charset(charset):
            raise ValueError(f'{charset!r} is no charset that is known here: write one like "windows-1252"')
        return charset


@dataclass(frozen=True, slots=True)
class _Link:
    url: str
    packed: bool


class ReportHandler(Handler[ReportSettings]):
    """Downloads to a file beside the target, goes on after a break or a restart, converts, and moves it in place."""

    Settings: ClassVar[type[BaseModel]] = ReportSettings
    needs: ClassVar[tuple[str, ...]] = ("spapi",)

    def __init__(self, settings: ReportSettings, context: HandlerContext) -> None:
        super().__init__(settings, context)
        self._links: dict[int, _Link] = {}
        self._requested = RequestedReports(context)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Raises SettingsError where there is no client, or the directory cannot be written to."""
        shared_client(self.context)
        if self.settings.directory.is_fixed:
            await asyncio.to_thread(check_directory, self.settings.directory.path({}))
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT, auto_decompress=False, trust_env=True)

    async def handle(self, delivery: Delivery) -> Outcome:
        request = self.settings.request
        return await outcome_when(self._tell(delivery) if request is None else self._wait(delivery, request))

    async def _tell(self, delivery: Delivery) -> Outcome:
        return await self._end(delivery, FinishedWork.of(delivery.document))

    async def _wait(self, delivery: Delivery, request: Structure) -> Outcome:
        """Ask for the report in a run of its own, which is not cut off, as a look may be; then look every 30 s."""
        body = request.render(delivery.document)
        client = await shared_client(self.context).get()
        account = await self.settings.choose(client.accounts, delivery.document)
        asked = await self._requested.known(delivery)
        if asked is None:
            asked = await self._requested.ask(client, account, delivery, body)
            self.context.observer.report_seen(self.context.name, delivery.webhook_id, "IN_QUEUE")
            return Postpone(f"report {asked.report_id} is asked for", _POLL, begun=True)
        looking = self._requested.look(client, account, delivery, asked)
        outcome = await outcome_when(self._look(delivery, asked, looking))
        return replace(outcome, begun=True) if isinstance(outcome, Postpone | Retry) else outcome

    async def _look(self, delivery: Delivery, asked: Asked, looking: Awaitable[FinishedWork]) -> Outcome:
        try:
            work = await looking
            outcome = self._unfinished(work, asked) or await self._end(delivery, work)
        except SpapiError as error:  # a report that Amazon no longer has must not be looked for by a replay
            outcome = outcome_of(error)
        if isinstance(outcome, Done | Dead):
            await self._requested.forget(delivery)
        return outcome

    def _unfinished(self, work: FinishedWork, asked: Asked) -> Outcome | None:
        if work.status not in {"IN_QUEUE", "IN_PROGRESS"}:
            return None
        waited = self.context.clock() - asked.at
        if waited < self.settings.give_up:
            return Postpone(f"{work} is {work.status} since {waited:.0f} s", _POLL)
        return Dead(f"{work} is {work.status} for {waited:.0f} s: given up, by give_up")

    async def _end(self, delivery: Delivery, work: FinishedWork) -> Outcome:
        self.context.observer.report_seen(self.context.name, delivery.webhook_id, work.status)
        if work.status != "DONE" or not work.document_id:
            return _without_document(work)
        files = DocumentFiles.of(self._target(work, delivery.document), delivery.webhook_id)
        return await self._fetch(delivery, work, files)

    def preview(self, delivery: Delivery) -> list[Request]:
        """The call for the document's URL, and the file."""
        settings, document = self.settings, delivery.document
        if settings.request is not None:
            return [self._asking(settings.request, document)]
        work = FinishedWork.of(document)
        if work.status != "DONE" or not work.document_id:
            return [Request(f"nothing: {work} ended {work.status}")]
        operation = Catalogue.load().find(work.kind.operation)
        parts = build(operation, {work.kind.parameter: work.document_id})
        call = f"GET {settings.endpoint(document)}{parts.target} for {settings.seller(document) or 'the only account'}"
        return [Request(call, {"x-amz-access-token": "***"}), Request(f"write {self._target(work, document)}")]

    def _asking(self, request: Structure, document: Mapping[str, Any]) -> Request:
        parts = build(Catalogue.load().find(CREATE), {}, request.render(document))
        whom = self.settings.seller(document) or "the only account"
        line = f"POST {self.settings.endpoint(document)}{parts.target} for {whom}, and wait for the report"
        return Request(line, {"x-amz-access-token": "***"}, (parts.content or b"").decode())

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    def _target(self, work: FinishedWork, document: Mapping[str, Any]) -> Path:
        """Raises TemplateError."""
        directory = self.settings.directory.path(document)
        if self.settings.name is not None:
            return directory / self.settings.name.path(document).name
        suffix = ".jsonl" if self.settings.format == "lines" else work.kind.suffix
        name = FilePath.parse("{type}-{id}" + suffix, Path())
        return directory / name.path({"type": work.type or work.kind.name, "id": work.id}).name

    async def _fetch(self, delivery: Delivery, work: FinishedWork, files: DocumentFiles) -> Outcome:
        began = asyncio.get_running_loop().time()
        kept = self._links.pop(delivery.id, None)
        link = kept or await self._link(delivery, work)
        # What a crash of the machine may have damaged shows in a packed file only.
        download = Download(self._opened_session(), files.part, resumes=link.packed or kept is not None)
        seconds = _SHARE * self.settings.timeout
        try:
            try:
                progress = await download.run(link.url, seconds)
            except LinkEnded:
                link = await self._link(delivery, work)
                progress = await download.run(link.url, seconds)
        except (aiohttp.ClientError, DownloadError) as error:
            self._keep(delivery.id, link)
            return _broken(error, download, work)
        if not progress.complete:
            self._keep(delivery.id, link)
            return Postpone(f"{work}: {progress} are here", _SOON)
        if download.fresh > 1 and asyncio.get_running_loop().time() - began > _QUICK * self.settings.timeout:
            self._keep(delivery.id, link)
            return Postpone(f"{work}: all {progress.received} bytes are here, to be converted next", _SOON)
        return await self._finish(work, files, link, progress)

    def _opened_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise HandlerError("the handler is not started")
        return self._session

    async def _link(self, delivery: Delivery, work: FinishedWork) -> _Link:
        """Ask SP-API for the document's URL, which lasts five minutes."""
        client = await shared_client(self.context).get()
        call = Call(
            client.find(work.kind.operation),
            {work.kind.parameter: work.document_id},
            account=await self.settings.choose(client.accounts, delivery.document),
            restricted=[] if self.settings.restricted else None,
            ticket=ticket_of(delivery),
            patience=PATIENCE,
        )
        response = await client.send(call)
        answer = response.json if isinstance(response.json, Mapping) else {}
        url = answer.get(work.kind.url)
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise SpapiFault(f"{work.kind.operation} answered without a URL (request {response.request_id})")
        return _Link(url, answer.get("compressionAlgorithm") == "GZIP")

    def _keep(self, delivery_id: int, link: _Link) -> None:
        while len(self._links) >= _MOST_LINKS:
            del self._links[next(iter(self._links))]
        self._links[delivery_id] = link

    async def _finish(self, work: FinishedWork, files: DocumentFiles, link: _Link, progress: Progress) -> Outcome:
        charset = self.settings.charset or charset_of(progress.content_type)
        packed = link.packed or progress.encoding == "gzip"
        try:
            steps = convert(files.part, files.made, charset, self.settings.format == "lines", packed)
            converted = await finished(steps)
            await asyncio.to_thread(files.publish)
        except Damaged as error:
            await asyncio.to_thread(files.clear)
            return Retry(f"{work}: {error}: it is fetched again from its beginning")
        except ConversionError as error:
            await asyncio.to_thread(files.clear)
            return Dead(f"{work}: {error}")
        except OSError as error:
            return Retry(f"{files.made} cannot be written: {error.strerror or error}")
        return self._done(work, files.target, charset, converted)

    def _done(self, work: FinishedWork, target: Path, charset: str | None, converted: Converted) -> Outcome:
        detail = f"{work}: {converted.bytes} bytes in {target}"
        if converted.replaced:
            detail += f"; {converted.replaced} characters are not in {charset} and were replaced"
            facts = {"handler": self.context.name, "file": str(target), "characters": converted.replaced}
            self.context.log.warning("characters_replaced", extra={"facts": facts})
        return Done(_result(work, target, charset, converted), detail=detail)


def _broken(error: Exception, download: Download, work: FinishedWork) -> Outcome:
    """A connection that broke after it had brought something goes on soon; one that brought nothing is a failure."""
    if isinstance(error, DownloadError):
        return Retry(f"{work}: {error}")
    reason = f"{work}: {describe(error)}"
    return Postpone(reason, _AFTER_A_BREAK) if download.fresh > 1 else Retry(reason)


def _without_document(work: FinishedWork) -> Outcome:
    """Amazon cancels reports and queries for which there is no data, so that is an end like any other."""
    if work.status in {"CANCELLED", "DONE", "DONE_NO_DATA"}:
        why = "was cancelled, by a call or because there is no data" if work.status == "CANCELLED" else "has no data"
        return Done(_result(work, None, None, Converted()), detail=f"{work} {why}: there is no file")
    error_id = work.error_id or work.document_id
    where = f"; document {error_id} says why" if error_id else ""
    return Dead(f"{work} ended {work.status}: Amazon could not make it{where}: correct what was asked and ask again")


def _result(work: FinishedWork, target: Path | None, charset: str | None, converted: Converted) -> bytes:
    return orjson.dumps(
        {
            "kind": work.kind.name,
            "id": work.id,
            "type": work.type,
            "status": work.status,
            "document_id": work.document_id,
            "path": str(target) if target else None,
            "bytes": converted.bytes,
            "rows": converted.rows,
            "charset": charset,
        }
    )
