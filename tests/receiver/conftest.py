"""What tests of the public listener share."""

import asyncio

import pytest

from receiver.overload import GatedConnection


class Reading:
    """How many bytes the servers of this process have read from connections that are behind a gate."""

    def __init__(self) -> None:
        self.count = 0

    async def write(self, writer: asyncio.StreamWriter, *parts: bytes) -> None:
        """Send parts, each once the one before it has been read: so none is read together with another."""
        for part in parts:
            wanted = self.count + len(part)
            writer.write(part)
            async with asyncio.timeout(20):
                while self.count < wanted:
                    await asyncio.sleep(0.001)


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Reading:
    """Counts what is read, and sends piece by piece."""
    counted, take = Reading(), GatedConnection.data_received

    def count(connection: GatedConnection, data: bytes) -> None:
        counted.count += len(data)
        take(connection, data)

    monkeypatch.setattr(GatedConnection, "data_received", count)
    return counted
