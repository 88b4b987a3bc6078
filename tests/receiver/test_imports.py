"""What a daemon has loaded when it is ready: what its rules file does not use is not there."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

import receiver

RULES = """
[server]
listen = "127.0.0.1:0"
admin = {admin}
[sns]
topics = ["arn:aws:sns:us-east-1:123456789012:sp-api-*"]
[inbox]
database = "sqlite:inbox.db"
[handlers.note]
type = "log"
[[rules]]
name = "all"
handlers = ["note"]
"""
LOADED = """
import asyncio
import subprocess
import sys
from pathlib import Path

import receiver.cli.serve
from receiver.config import load
from receiver.daemon import Daemon


async def main() -> None:
    daemon = Daemon(load(Path(sys.argv[1])))
    running = asyncio.create_task(daemon.run())
    await daemon.ready.wait()
    print(*sys.modules)
    daemon.stop()
    await running


asyncio.run(main())
"""
OF_THE_CONSOLE = {"receiver.admin", "receiver.api.api", "receiver.console.console"}
OF_PAGES = {"jinja2"}
"""With the first page that somebody looks at."""
OF_OTHER_SETTINGS = {"httpx", "opentelemetry", "handlers.spapi", "receiver.telemetry.opening", "receiver.simulators"}

OF_COMMANDS = {"receiver.privacy.rotation"}
"""What the writer of a command alone does."""


async def loaded(tmp_path: Path, admin: str) -> set[str]:
    """The modules of a daemon that is ready."""
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES.format(admin=admin))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", LOADED, str(rules), stdout=pipe, stderr=pipe
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return set(out.decode().split())


@pytest.mark.parametrize(("admin", "expected"), [("false", set()), ('"127.0.0.1:0"', OF_THE_CONSOLE)])
async def test_the_console_is_loaded_where_there_is_one(tmp_path: Path, admin: str, expected: set[str]) -> None:
    modules = await loaded(tmp_path, admin)
    assert modules & OF_THE_CONSOLE == expected
    assert modules.isdisjoint(OF_PAGES | OF_OTHER_SETTINGS)


def test_the_process_that_writes_has_loaded_all_that_it_does() -> None:
    """Loaded later, it might be of another version: the files of a running daemon may have been replaced."""
    script = (
        "import sys\n"
        "from receiver.cli import serve\n"
        "from receiver.inbox.remote_writer import WriterProcess\n"
        "WriterProcess.fork = lambda: None\n"
        "serve._writer_process()\n"
        "print(*sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], check=True, capture_output=True, text=True)
    root = Path(receiver.__file__).parent
    writing = [path for path in root.rglob("*.py") if "transaction: Transaction" in path.read_text("utf-8")]
    names = {".".join(("receiver", *path.relative_to(root).with_suffix("").parts)) for path in writing}
    assert len(names) > 10
    assert names - set(done.stdout.split()) == OF_COMMANDS
