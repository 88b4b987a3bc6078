"""The base class of every handler."""

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel

from handlers.base import Delivery, HandlerContext, Outcome, Request
from handlers.settings import HandlerSettings

S = TypeVar("S", bound=BaseModel)


class Handler(ABC, Generic[S]):
    """Base of every handler. `Settings` is a pydantic model of the keys the handler takes in the rules file.

    The life of a handler: constructed, `start`, any number of concurrent `handle`, `close`. What `handle` raises is
    recorded as a Retry with the exception's text, a TemplateError as Dead.
    """

    Settings: ClassVar[type[BaseModel]] = HandlerSettings
    needs: ClassVar[tuple[str, ...]] = ()
    """Sections of the rules file that the handler cannot do without, such as `spapi`."""

    def __init__(self, settings: S, context: HandlerContext) -> None:
        self.settings = settings
        self.context = context

    async def start(self) -> None:
        """Open what the handler needs; runs inside the daemon's event loop."""

    @abstractmethod
    async def handle(self, delivery: Delivery) -> Outcome:
        """Do the work of one attempt. Cancelled when the handler's total timeout has passed."""

    def preview(self, delivery: Delivery) -> list[Request]:
        """Say what `handle` would send, without sending anything. Raises TemplateError like `handle` would."""
        return [Request(f"{self.context.name} ({type(self).__name__})")]

    async def close(self) -> None:
        """Release what `start` opened."""
