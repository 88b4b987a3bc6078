"""What takes its time: reports, feeds and Data Kiosk queries, and the documents that come of them.

A body's `reportOptions` may say `{"simulate": "FATAL"}`, `"CANCELLED"` or `"STUCK"`, to see how that is borne.
"""

from datetime import UTC, datetime
from typing import Any

from receiver.simulators.spapi.ask import Answer, Ask, Rejected, invalid, not_found
from receiver.simulators.spapi.documents import Documents
from receiver.simulators.spapi.paging import page
from receiver.simulators.spapi.shop import Work

_ENDED = frozenset({"DONE", "CANCELLED", "FATAL"})


class Works:
    """The operations of Reports v2021-06-30, Feeds v2021-06-30 and Data Kiosk v2023-11-15."""

    def __init__(self, documents: Documents, takes: float) -> None:
        self._documents = documents
        self._takes = takes

    def create_report(self, ask: Ask) -> Answer:
        """`createReport`."""
        body = _body(ask, "reportType", "marketplaceIds")
        work = _work(ask, body["reportType"], body, "report")
        ask.seller.reports[work.id] = work
        return Answer({"reportId": work.id}, 202)

    def get_report(self, ask: Ask) -> Answer:
        """`getReport`."""
        return Answer(self._report(ask, _find(ask.seller.reports, ask.one("reportId"))))

    def get_reports(self, ask: Ask) -> Answer:
        """`getReports`, the newest first; the token of a page comes alone."""
        token, types, states = ask.one("nextToken"), ask.several("reportTypes"), ask.several("processingStatuses")
        if token and len(ask.arguments) > 1:
            raise invalid("nextToken must be the only parameter")
        if not token and not types:
            raise invalid("reportTypes or nextToken is required")
        shown = [self._report(ask, work) for work in reversed(ask.seller.reports.values())]
        kept = [
            item
            for item in shown
            if (not types or item["reportType"] in types) and (not states or item["processingStatus"] in states)
        ]
        reports, following = page(ask, kept, 10 if token else ask.number("pageSize", 10, 100), token)
        return Answer({"reports": reports} | ({"nextToken": following} if following else {}))

    def cancel_report(self, ask: Ask) -> Answer:
        """`cancelReport`: as long as it is in the queue."""
        work = _find(ask.seller.reports, ask.one("reportId"))
        if self._status(ask, work) != "IN_QUEUE":
            raise invalid("The report can no longer be cancelled")
        work.cancelled = True
        return Answer({})

    def get_report_document(self, ask: Ask) -> Answer:
        """`getReportDocument`: its URL is signed, and lasts five minutes."""
        work = self._done(ask, list(ask.seller.reports.values()), ask.one("reportDocumentId"))
        self._documents.write_report(work.document_id, ask.seller.region)
        answer = {"reportDocumentId": work.document_id, "compressionAlgorithm": "GZIP"}
        return Answer(answer | {"url": ask.base + self._documents.target(work.document_id, "GET", ask.now)})

    def create_feed_document(self, ask: Ask) -> Answer:
        """`createFeedDocument`: where the feed is to be put."""
        _body(ask, "contentType")
        document_id = f"amzn1.tortuga.simulated.{ask.world.number()}"
        ask.seller.uploads.add(document_id)
        url = ask.base + self._documents.target(document_id, "PUT", ask.now)
        return Answer({"feedDocumentId": document_id, "url": url}, 201)

    def create_feed(self, ask: Ask) -> Answer:
        """`createFeed`."""
        body = _body(ask, "feedType", "marketplaceIds", "inputFeedDocumentId")
        if body["inputFeedDocumentId"] not in ask.seller.uploads:
            raise invalid("inputFeedDocumentId is not known")
        if not self._documents.has(body["inputFeedDocumentId"]):
            raise invalid("The feed document has not been uploaded")
        work = _work(ask, body["feedType"], body, "feed")
        ask.seller.feeds[work.id] = work
        return Answer({"feedId": work.id}, 202)

    def get_feed(self, ask: Ask) -> Answer:
        """`getFeed`."""
        work = _find(ask.seller.feeds, ask.one("feedId"))
        status = self._status(ask, work)
        answer = _times(work, status, self._takes) | {
            "feedId": work.id,
            "feedType": work.kind,
            "marketplaceIds": work.body["marketplaceIds"],
            "processingStatus": status,
        }
        return Answer(answer | ({"resultFeedDocumentId": work.document_id} if status == "DONE" else {}))

    def get_feed_document(self, ask: Ask) -> Answer:
        """`getFeedDocument`: the processing report of a feed that is done."""
        work = self._done(ask, list(ask.seller.feeds.values()), ask.one("feedDocumentId"))
        self._documents.write_feed_result(work.document_id, work.id)
        url = ask.base + self._documents.target(work.document_id, "GET", ask.now)
        return Answer({"feedDocumentId": work.document_id, "url": url})

    def create_query(self, ask: Ask) -> Answer:
        """`createQuery` of Data Kiosk."""
        work = _work(ask, "query", _body(ask, "query"), "query")
        ask.seller.queries[work.id] = work
        return Answer({"queryId": work.id}, 202)

    def get_query(self, ask: Ask) -> Answer:
        """`getQuery` of Data Kiosk."""
        work = _find(ask.seller.queries, ask.one("queryId"))
        status = self._status(ask, work)
        answer = _times(work, status, self._takes) | {"queryId": work.id, "processingStatus": status}
        return Answer(answer | ({"dataDocumentId": work.document_id} if status == "DONE" else {}))

    def get_query_document(self, ask: Ask) -> Answer:
        """`getDocument` of Data Kiosk."""
        work = self._done(ask, list(ask.seller.queries.values()), ask.one("documentId"))
        self._documents.write_query_result(work.document_id)
        url = ask.base + self._documents.target(work.document_id, "GET", ask.now)
        return Answer({"documentId": work.document_id, "documentUrl": url})

    def _done(self, ask: Ask, works: list[Work], document_id: str) -> Work:
        for work in works:
            if work.document_id == document_id and self._status(ask, work) == "DONE":
                return work
        raise not_found(document_id)

    def _report(self, ask: Ask, work: Work) -> dict[str, Any]:
        status = self._status(ask, work)
        answer = _times(work, status, self._takes) | {
            "reportId": work.id,
            "reportType": work.kind,
            "marketplaceIds": work.body["marketplaceIds"],
            "processingStatus": status,
        }
        return answer | ({"reportDocumentId": work.document_id} if status == "DONE" else {})

    def _status(self, ask: Ask, work: Work) -> str:
        options = work.body.get("reportOptions")
        wanted = options.get("simulate") if isinstance(options, dict) else None
        progress = work.progress(ask.now, self._takes)
        if work.cancelled:
            return "CANCELLED"
        if progress < 1 / 3 or wanted == "STUCK":
            return "IN_QUEUE"
        if progress < 1:
            return "IN_PROGRESS"
        return wanted if wanted in {"FATAL", "CANCELLED"} else "DONE"


def _work(ask: Ask, kind: Any, body: dict[str, Any], what: str) -> Work:
    if not isinstance(kind, str):
        raise invalid("The type is a name")
    number = ask.world.number()
    return Work(number, kind, body, ask.now, f"amzn1.spdoc.simulated.{what}.{number}")


def _body(ask: Ask, *required: str) -> dict[str, Any]:
    if not isinstance(ask.body, dict):
        raise invalid("The body must be a JSON object")
    missing = [name for name in required if not ask.body.get(name)]
    if missing:
        raise invalid(f"{', '.join(missing)} required")
    return ask.body


def _find(works: dict[str, Work], work_id: str) -> Work:
    if work_id not in works:
        raise Rejected(404, "NotFound", f"The requested resource is not found: {work_id}")
    return works[work_id]


def _times(work: Work, status: str, takes: float) -> dict[str, Any]:
    times = {"createdTime": _iso(work.created)}
    if status in {"IN_PROGRESS", *_ENDED}:
        times["processingStartTime"] = _iso(work.created + takes / 3)
    if status in _ENDED:
        times["processingEndTime"] = _iso(work.created + takes)
    return times


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
