"""The admin listener's door, on a whole router: who is let in, and what is said to everybody else."""

from typing import Any

import aiohttp
import pytest

TOKEN = "c4b1e2a0f6d94bb7a1f0"
PATHS = ["/", "/api/v1/stats", "/nothing/here"]


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CONSOLE_TOKEN", TOKEN)
    return TOKEN


@pytest.mark.parametrize("path", PATHS)
async def test_without_a_token_everything_but_health_is_closed_and_says_why(
    start_router: Any, write_rules: Any, path: str
) -> None:
    router = await start_router(write_rules(""))
    async with aiohttp.ClientSession(router.admin) as client:
        async with client.get(path) as answer:
            assert answer.status == 403
            assert "[console]" in await answer.text()
            assert answer.content_type == ("application/problem+json" if "/api/" in path else "text/html")
        for open_path in ("/healthz", "/readyz", "/metrics"):
            async with client.get(open_path) as answer:
                assert answer.status == 200
