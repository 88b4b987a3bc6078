"""Style, script and icon: served under names that change with their content, so that they are kept for ever."""

import hashlib
from collections.abc import Mapping
from importlib import resources

from aiohttp import web

_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"
PATH = "/static/{name}"


class Assets:
    """The static files of the console, in memory."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._names: dict[str, str] = {}
        for file in resources.files("receiver.console").joinpath("static").iterdir():
            stem, dot, kind = file.name.rpartition(".")
            if dot + kind in _KINDS:
                content = file.read_bytes()
                name = f"{stem}.{hashlib.sha256(content).hexdigest()[:16]}.{kind}"
                self._contents[name] = content
                self._names[file.name] = name

    @property
    def names(self) -> Mapping[str, str]:
        """The names under which files are served, by their own."""
        return self._names

    def url(self, name: str) -> str:
        """Where a file is served."""
        return PATH.format(name=self._names[name])

    async def serve(self, request: web.Request) -> web.Response:
        """Answer a request for a file."""
        name = request.match_info["name"]
        content = self._contents.get(name)
        if content is None:
            raise web.HTTPNotFound(text="there is no such file\n")
        kind = _KINDS["." + name.rpartition(".")[2]]
        return web.Response(body=content, content_type=kind, charset="utf-8", headers={"Cache-Control": _FOR_EVER})
