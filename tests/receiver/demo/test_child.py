from pathlib import Path

import pytest

from receiver.demo.child import Child, _environment
from receiver.simulators.errors import SimulationError


async def test_a_daemon_that_cannot_start_is_quoted(tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("[sns]\ntopics = []\n")
    child = await Child.start(rules, {}, lambda _line: None)
    with pytest.raises(SimulationError, match=r"ended before it was ready \(exit status 1\).*\n(.*\n)*.*topics"):
        await child.ready()
    assert not child.running
    assert await child.stop() == 1


def test_the_environment_has_no_service_manager_and_no_proxy_before_this_machine() -> None:
    own = {"LISTEN_FDS": "1", "NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "1", "HTTP_PROXY": "http://p", "NO_PROXY": "a.b"}
    assert _environment(own) == {"HTTP_PROXY": "http://p", "NO_PROXY": "a.b,127.0.0.1", "no_proxy": "127.0.0.1"}
