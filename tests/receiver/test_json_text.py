import subprocess
import sys

import orjson
import pytest

from receiver import json_text

_STARVED = """
import resource
from receiver import json_text
text = b"[" + b" " * 1_000_000 + b"]"
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (4 << 20),) * 2)
try:
    json_text.parse(text)
except MemoryError:
    print("no memory")
"""


@pytest.mark.parametrize("text", ['{"a": [1, null, "\\u00e9"]}', b'"text"', b"12"])
def test_reads_what_orjson_reads(text: bytes | str) -> None:
    assert json_text.parse(text) == orjson.loads(text)


@pytest.mark.parametrize("text", ["", b"{", b'"\xff"', "Not enough memory"])
def test_what_is_no_json_is_a_value_error(text: bytes | str) -> None:
    with pytest.raises(ValueError, match=r"line 1 column \d"):
        json_text.parse(text)


def test_want_of_memory_is_no_fault_of_the_text() -> None:
    done = subprocess.run([sys.executable, "-c", _STARVED], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "no memory\n", done.stderr
