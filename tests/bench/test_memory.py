"""What the benchmark of memory measures."""

import os
import re
import signal

import pytest

from bench import memory
from bench._started import resident, resident_together


def test_shared_pages_count_once() -> None:
    kept = bytearray(os.urandom(1 << 25))
    child = os.fork()
    if not child:
        signal.pause()
    try:
        mine, both = resident(os.getpid()), resident_together([os.getpid(), child])
        assert both < mine + resident(child) - len(kept) / (1 << 20)
        assert both > len(kept) / (1 << 20)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize("admin", [[], ["--admin"]])
def test_the_table_has_a_line_before_and_after(
    admin: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_SETTLING", 0.0)
    memory.main(["--messages", "65", *admin])
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["0", "65"]
    for line in lines:
        listeners, writer, together = map(float, re.findall(r"\d+\.\d", line))
        assert max(listeners, writer) < together < listeners + writer
