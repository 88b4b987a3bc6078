"""Opens an inbox whose writer is a process of its own, and does what standard input says."""

import asyncio
import sys

from receiver.errors import RouterError, Unavailable
from receiver.inbox import Entry, SqliteInbox
from receiver.inbox.remote_writer import WriterProcess
from receiver.inbox.transaction import Transaction
from receiver.notification import Envelope, Notification


class Stubborn(Exception):
    def __reduce__(self) -> str:
        raise TypeError("no")


def fail(_transaction: Transaction, kinds: list[str]) -> list[None]:
    if kinds[0] == "portable":
        raise Unavailable("disk_full", "the disk is full", 7)
    raise Stubborn("cannot be pickled")


def entry(name: str) -> Entry:
    envelope = Envelope(message="{}", message_id=name, topic="t", sent_at=1.0)
    notification = Notification(f"n:{name}", 0, "ORDER_CHANGE", "1", name, "s", "m", 1.0, envelope, {})
    return Entry(notification, (), b"{}", 1.0)


async def accept(inbox: SqliteInbox, name: str) -> str:
    ((accepted),) = await inbox.accept([entry(name)])
    return f"{accepted.id} {'again' if accepted.duplicate else 'new'}"


async def failing(inbox: SqliteInbox, kind: str) -> str:
    if kind != "payload":
        await inbox.write(fail, kind)
    try:
        await asyncio.gather(inbox.write(fail, lambda: None), accept(inbox, "beside"))
    except (AttributeError, TypeError, ValueError) as error:
        if "pickle" in str(error):
            return "cannot be sent"
        raise
    return "sent"


async def close(inbox: SqliteInbox, count: int) -> str:
    jobs = [asyncio.ensure_future(inbox.accept([entry(f"n{number}")])) for number in range(count)]
    await asyncio.sleep(0)
    await inbox.close()
    return str(len(await asyncio.gather(*jobs)))


async def answer(inbox: SqliteInbox, process: WriterProcess, verb: str, *words: str) -> str:
    match verb:
        case "writer":
            return str(process.pid)
        case "accept":
            return await accept(inbox, words[0])
        case "fail":
            return await failing(inbox, words[0])
        case "kept":
            return str((await inbox.stats()).notifications)
        case "ended":
            await inbox.writer_ended()
            return "ended"
        case _:
            return await close(inbox, int(words[0]))


async def main(process: WriterProcess) -> None:
    inbox = await SqliteInbox.open(sys.argv[1], process=process)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        verb = line.split()[0]
        try:
            said = await answer(inbox, process, *line.split())
        except (RouterError, RuntimeError) as error:
            reason = f"{error.reason} " if isinstance(error, Unavailable) else ""
            said = f"{type(error).__name__}: {reason}{error}"
        print(said, flush=True)
        if verb == "close":
            return


asyncio.run(main(WriterProcess.fork()))
