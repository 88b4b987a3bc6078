"""Documents behind signed URLs: written when first asked for, kept in a directory, served with ranges."""

import gzip
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import orjson

_NAME = re.compile(r"[\w.]+")
_CHARSETS = {"na": ("Windows-1252", "Größe"), "eu": ("Windows-1252", "Größe"), "fe": ("Shift_JIS", "商品")}
_CHUNK = 10_000


class Documents:
    """The documents of reports, feeds and queries."""

    def __init__(self, directory: Path, rows: int, url_life: float) -> None:
        """`rows` is how many a report has; `url_life` how many seconds a URL lasts."""
        self._directory = directory
        self._rows = rows
        self._url_life = url_life
        self._key = secrets.token_bytes(32)
        self._types: dict[str, str] = {}

    def target(self, document_id: str, method: str, now: float) -> str:
        """Path and query of a signed URL, for one method."""
        ends = int(now + self._url_life)
        return f"/documents/{document_id}?X-Amz-Expires={ends}&X-Amz-Signature={self._sign(document_id, method, ends)}"

    def admits(self, document_id: str, method: str, ends: str, signature: str, now: float) -> bool:
        """Whether a URL is signed and has not ended."""
        if not (ends.isascii() and ends.isdigit() and len(ends) < 16) or now >= int(ends):
            return False
        return hmac.compare_digest(self._sign(document_id, method, int(ends)).encode(), signature.encode())

    def has(self, document_id: str) -> bool:
        """Whether the document is there."""
        return self.path(document_id).exists()

    def path(self, document_id: str) -> Path:
        """Where the document is kept."""
        if not _NAME.fullmatch(document_id):
            raise ValueError("not the name of a document")
        return self._directory / document_id.replace(".", "-")

    def content_type(self, document_id: str) -> str:
        """What the document is served as."""
        return self._types.get(document_id, "application/octet-stream")

    def write_report(self, document_id: str, region: str) -> None:
        """A tab-separated report in the charset of the region, compressed."""
        charset, word = _CHARSETS[region]
        self._types[document_id] = f"text/plain; charset={charset}"
        if self.has(document_id):
            return
        # Written beside and moved in place: another request must not be given half a report.
        part = self.path(document_id).with_name(f"part-{secrets.token_hex(8)}")
        with gzip.open(part, "wb", compresslevel=1) as file:
            for chunk in report_lines(self._rows, word):
                file.write(chunk.encode(charset))
        part.replace(self.path(document_id))

    def write_feed_result(self, document_id: str, feed_id: str) -> None:
        """The processing report of a feed in which all went well."""
        summary = {"errors": 0, "warnings": 0, "messagesProcessed": 1, "messagesAccepted": 1, "messagesInvalid": 0}
        report = {"header": {"feedId": feed_id, "version": "2.0"}, "issues": [], "summary": summary}
        self._types[document_id] = "application/json"
        self.path(document_id).write_bytes(orjson.dumps(report))

    def write_query_result(self, document_id: str) -> None:
        """The rows of a query, a JSON object a line."""
        self._types[document_id] = "application/jsonl"
        lines = (orjson.dumps({"row": number, "units": number % 7}) for number in range(self._rows))
        self.path(document_id).write_bytes(b"\n".join(lines) + b"\n")

    def _sign(self, document_id: str, method: str, ends: int) -> str:
        return hmac.new(self._key, f"{method}\n{document_id}\n{ends}".encode(), hashlib.sha256).hexdigest()


def report_lines(rows: int, word: str) -> Iterator[str]:
    """A report's text, some thousand lines at a time, the header first."""
    yield "sku\tasin\tprice\tquantity\ttitle\r\n"
    for start in range(1, rows + 1, _CHUNK):
        yield "".join(
            f"SKU-{number:08d}\tB0{number:08d}\t{number % 90 + 9}.99\t{number % 40}\t{word} {number}\r\n"
            for number in range(start, min(start + _CHUNK, rows + 1))
        )
