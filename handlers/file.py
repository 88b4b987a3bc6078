"""`type = "file"`: append each delivery to a file as one line of JSON."""

import base64
from pathlib import Path
from typing import Annotated, ClassVar

import orjson
from pydantic import BaseModel, Field

from handlers.base import Delivery, Done, Handler, HandlerContext, HandlerSettings, Outcome, Request, Retry, Size
from handlers.bodies import JSON, TEXT, Body, BodyChoice, body_of
from handlers.errors import SettingsError
from handlers.file_path import FilePath
from handlers.json_text import written
from handlers.line_file import LineFile
from handlers.line_writer import LineWriter

_DEFAULT_ROTATE = 100 << 20


class FileSettings(HandlerSettings):
    """The keys of a `file` handler."""

    path: FilePath
    body: BodyChoice | None = None
    rotate: Annotated[Size, Field(ge=1, json_schema_extra={"minimum": 1})] = _DEFAULT_ROTATE
    """Bytes from which a new file is begun."""
    keep: Annotated[int, Field(ge=0, le=10_000)] = 10
    """How many older files stay, as PATH.1, PATH.2 and so on."""
    fsync: bool = True
    """Whether a delivery is done only when its line is on disk."""


class FileHandler(Handler[FileSettings]):
    """Appends lines. A line can come twice (a crash between disk and inbox), and none is lost."""

    Settings: ClassVar[type[BaseModel]] = FileSettings

    def __init__(self, settings: FileSettings, context: HandlerContext) -> None:
        super().__init__(settings, context)
        self._writer = LineWriter(self._file)

    async def start(self) -> None:
        """Raises SettingsError where the file cannot be written to."""
        if not self.settings.path.is_fixed:
            return
        path = self.settings.path.path({})
        try:
            self._file(path).check()
        except OSError as error:
            raise SettingsError(f"path {path} cannot be written to: {_why(error)}") from None

    async def handle(self, delivery: Delivery) -> Outcome:
        path = self.settings.path.path(delivery.document)
        line = _line(body_of(delivery, self.settings.body))
        try:
            await self._writer.write(path, line)
        except OSError as error:
            return Retry(f"{path} cannot be written to: {_why(error)}")
        return Done(detail=f"appended to {path}")

    def preview(self, delivery: Delivery) -> list[Request]:
        line = _line(body_of(delivery, self.settings.body))
        return [Request(f"append to {self.settings.path.path(delivery.document)}", body=line.decode())]

    async def close(self) -> None:
        await self._writer.close()

    def _file(self, path: Path) -> LineFile:
        return LineFile(path, self.settings.rotate, self.settings.keep, self.settings.fsync)


def _line(body: Body) -> bytes:
    """A body as one line of JSON: text as a JSON string, other bytes as `{"base64": …}`."""
    if body.content_type == JSON:
        return written(orjson.loads(body.data)) if b"\n" in body.data or b"\r" in body.data else body.data
    if body.content_type == TEXT:
        return orjson.dumps(body.data.decode())
    return orjson.dumps({"base64": base64.b64encode(body.data).decode()})


def _why(error: OSError) -> str:
    return error.strerror or str(error)
