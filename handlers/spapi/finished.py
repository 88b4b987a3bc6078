"""Reports, feeds and Data Kiosk queries that have ended, as their notifications tell of them.

Source: the payloads of REPORT_PROCESSING_FINISHED, FEED_PROCESSING_FINISHED and DATA_KIOSK_QUERY_PROCESSING_FINISHED
in Amazon's Notifications API guide.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from handlers.errors import TemplateError


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of work, and how its document is asked for."""

    name: str
    operation: str
    """What gives the document's URL."""
    parameter: str
    url: str
    """The field of the answer that holds the URL."""
    suffix: str
    """Of the file, where no name is set."""
    holder: str | None
    """The field of the payload that holds the others; None where they stand in the payload itself."""
    id: str
    type: str | None
    document_id: str
    error_id: str | None = None


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "REPORT_PROCESSING_FINISHED": Kind(
            name="report",
            operation="reports.2021-06-30.getReportDocument",
            parameter="reportDocumentId",
            url="url",
            suffix=".txt",
            holder="reportProcessingFinishedNotification",
            id="reportId",
            type="reportType",
            document_id="reportDocumentId",
        ),
        "FEED_PROCESSING_FINISHED": Kind(
            name="feed",
            operation="feeds.2021-06-30.getFeedDocument",
            parameter="feedDocumentId",
            url="url",
            suffix=".json",
            holder="feedProcessingFinishedNotification",
            id="feedId",
            type="feedType",
            document_id="resultFeedDocumentId",
        ),
        "DATA_KIOSK_QUERY_PROCESSING_FINISHED": Kind(
            name="query",
            operation="dataKiosk.2023-11-15.getDocument",
            parameter="documentId",
            url="documentUrl",
            suffix=".jsonl",
            holder=None,
            id="queryId",
            type=None,
            document_id="dataDocumentId",
            error_id="errorDocumentId",
        ),
    }
)
"""By type of the notification."""


@dataclass(frozen=True, slots=True)
class FinishedWork:
    """A report, feed or query that has ended."""

    kind: Kind
    id: str
    type: str
    """The report's or feed's type; empty for a query."""
    status: str
    """DONE, CANCELLED or FATAL."""
    document_id: str
    """Empty where there is no document."""
    error_id: str = ""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "FinishedWork":
        """What a notification tells of. Raises TemplateError where it tells of none."""
        kind = KINDS.get(document.get("type", ""))
        if kind is None:
            raise TemplateError(f"{document.get('type') or 'the notification'} is none of {', '.join(KINDS)}")
        payload = document.get("payload")
        holder = _field(payload, kind.holder) if kind.holder else payload
        status, work_id = _text(holder, "processingStatus"), _text(holder, kind.id)
        if not (status and work_id):
            raise TemplateError(f"the notification lacks {kind.id} or processingStatus")
        found = (_text(holder, name) for name in (kind.type, kind.document_id, kind.error_id))
        type_, document_id, error_id = found
        return cls(kind, work_id, type_, status, document_id, error_id)

    def __str__(self) -> str:
        return f"{self.kind.name} {self.id}" + (f" ({self.type})" if self.type else "")


def _field(holder: Any, name: str) -> Any:
    """A field in camelCase or PascalCase."""
    if not isinstance(holder, Mapping):
        return None
    return holder.get(name, holder.get(name[0].upper() + name[1:]))


def _text(holder: Any, name: str | None) -> str:
    value = _field(holder, name) if name else None
    return value if isinstance(value, str) else ""
