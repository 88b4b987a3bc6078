"""`type = "log"`: one structured line in the daemon's log for each delivery."""

import logging
from typing import Any, ClassVar, Literal

from pydantic import BaseModel

from handlers.base import Delivery, Done, Handler, HandlerSettings, Outcome, Request, Template

_SHOWN = ("type", "notification_id", "seller_id", "marketplace_id", "event_time")
_MOST_TEXT = 8192


class LogSettings(HandlerSettings):
    """The keys of a `log` handler."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    message: Template | None = None
    """Text of the line; without it the line has the notification's type, ids and time."""


class LogHandler(Handler[LogSettings]):
    """Says that a notification came by. Never fails but for a template whose field is missing."""

    Settings: ClassVar[type[BaseModel]] = LogSettings

    async def handle(self, delivery: Delivery) -> Outcome:
        facts = self._facts(delivery)
        level = getattr(logging, self.settings.level.upper())
        self.context.log.log(level, "notification", extra={"facts": facts})
        return Done(detail="logged")

    def preview(self, delivery: Delivery) -> list[Request]:
        facts = (f"{name}={value}" for name, value in self._facts(delivery).items() if value is not None)
        return [Request(f"log {self.settings.level}: notification {' '.join(facts)}")]

    def _facts(self, delivery: Delivery) -> dict[str, Any]:
        facts = {"id": delivery.id, "handler": delivery.handler, "rule": delivery.rule, "key": delivery.key}
        if self.settings.message is None:
            return facts | {name: delivery.document.get(name) for name in _SHOWN}
        text = self.settings.message.text(delivery.document)
        return facts | {"message": text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"}
