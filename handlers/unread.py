"""A notification's document as JSON: most deliveries only pass it on, and reading it is a tenth of their work."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import orjson

T = TypeVar("T")


def shown(document: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent of a document: Amazon's own message is in it only where there is no payload to stand for it."""
    left_out = ("result", "message") if "payload" in document else ("result",)
    return {name: value for name, value in document.items() if name not in left_out}


class Unread(Mapping[str, Any]):
    """A document that is read when it is asked for a field.

    A delivery made with one has the `dict` itself as its `document`, from the first look on.
    """

    __slots__ = ("_document", "_message", "sent")

    def __init__(self, sent: bytes, message: bytes | None) -> None:
        self.sent = sent
        """`shown` as JSON."""
        self._message = message
        self._document: dict[str, Any] | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Unread":
        """Of a document without `result`. Raises TypeError where it is nested too deep to be written."""
        sent = shown(document)
        apart = "message" in document and "message" not in sent
        return cls(orjson.dumps(sent), orjson.dumps(document["message"]) if apart else None)

    def read(self) -> dict[str, Any]:
        """The document, the same object each time."""
        if self._document is None:
            self._document = orjson.loads(self.sent)
            if self._message is not None:
                self._document["message"] = orjson.loads(self._message)
        return self._document

    def __getitem__(self, name: str) -> Any:
        return self.read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.read())

    def __len__(self) -> int:
        return len(self.read())

    def __reduce__(self) -> tuple[type["Unread"], tuple[bytes, bytes | None]]:
        return Unread, (self.sent, self._message)


class _Slot:
    """An attribute that may be set to an Unread and is its document from the first look on."""

    def __init__(self, slot: Any) -> None:
        self._slot = slot

    def peek(self, owner: object) -> Any:
        """What is there, without a look at the document."""
        return self._slot.__get__(owner)

    def __get__(self, owner: object | None, kind: type[Any]) -> Any:
        if owner is None:
            return self
        value = self._slot.__get__(owner)
        if type(value) is Unread:
            value = value.read()
            self._slot.__set__(owner, value)
        return value

    def __set__(self, owner: object, value: object) -> None:
        self._slot.__set__(owner, value)


def reads_document(kind: type[T]) -> type[T]:
    """Decorate a class with slots so that its `document` may be set to an Unread."""
    type.__setattr__(kind, "document", _Slot(vars(kind)["document"]))
    return kind


def unread(delivery: object) -> Unread | None:
    """The document of a delivery, where nobody has looked at it yet."""
    slot = vars(type(delivery)).get("document")
    value = slot.peek(delivery) if isinstance(slot, _Slot) else None
    return value if type(value) is Unread else None
