"""A small HTTP server of a simulator, on an address of this machine."""

import re
from types import TracebackType
from typing import Self

from aiohttp import web

from receiver.simulators.errors import SimulationError

_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:\s]+):(?P<port>\d{1,5})")
_STOP_WITHIN = 1.0


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`; port 0 takes a free one. Raises SimulationError."""
    match = _ADDRESS.fullmatch(text)
    if not match or int(match["port"]) > 65535:
        raise SimulationError(f"{text!r} is not an address: write HOST:PORT, like 127.0.0.1:0 (0 takes a free port)")
    return match["host"].strip("[]"), int(match["port"])


class Listener:
    """Serves an application while the `async with` block runs."""

    def __init__(self, application: web.Application, listen: str = "127.0.0.1:0") -> None:
        self._host, self._port = parse_address(listen)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_STOP_WITHIN)

    @property
    def url(self) -> str:
        """Where it listens, as `http://HOST:PORT/`."""
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            reason = error.strerror or error
            raise SimulationError(f"cannot listen on {self._host}:{self._port}: {reason}; name another port") from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
