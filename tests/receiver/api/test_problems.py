"""What the API answers to what it cannot do: always a problem document, never a crash."""

import io
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from receiver.api.repair import Repairs
from receiver.inbox.connection import translated
from receiver.inbox.queries import Queries


async def asked(client: Any, method: str, path: str, **more: Any) -> tuple[int, Any, Any]:
    async with client.session.request(method, f"/api/v1{path}", **more) as answer:
        assert answer.content_type == "application/problem+json"
        problem = await answer.json(content_type=None)
        assert problem["status"] == answer.status
        assert set(problem) >= {"type", "title", "status", "detail", "reason"}
        return answer.status, problem, answer.headers


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/notifications?limit=0", "query.limit"),
        ("/notifications?limit=201", "query.limit"),
        ("/notifications?limit=1.0", "query.limit"),
        ("/notifications?limit=%2B5", "query.limit"),
        ("/notifications?limit=1_0", "query.limit"),
        ("/notifications?limit=", "query.limit"),
        ("/notifications?cursor=abc", "query.cursor"),
        ("/notifications?cursor=0", "query.cursor"),
        ("/notifications?cursor=9999999999999999999", "query.cursor"),
        ("/notifications?unrouted=1", "query.unrouted"),
        ("/notifications?type=", "query.type"),
        ("/notifications?type=a%00b", "query.type"),
        ("/notifications?type=" + "a" * 201, "query.type"),
        ("/notifications?since=2026-13-01", "query.since"),
        ("/notifications?typ=ORDER_CHANGE", "query.typ"),
        ("/deliveries?state=asleep", "query.state.0"),
        ("/deliveries/99999999999999999999", "path.id"),
        ("/notifications/0", "path.id"),
        ("/handlers?verbose=true", "query.verbose"),
    ],
)
async def test_a_wrong_parameter_is_named(client: Any, path: str, place: str) -> None:
    status, problem, _ = await asked(client, "GET", path)
    assert (status, problem["reason"]) == (422, "invalid")
    assert place in [fault["place"] for fault in problem["faults"]]


async def test_a_slip_in_a_parameter_s_name_is_seen(client: Any) -> None:
    _, problem, _ = await asked(client, "GET", "/notifications?selller=A1")
    assert problem["detail"] == 'query.selller: is not known here: did you mean "seller"?'
    _, problem, _ = await asked(client, "GET", "/deliveries?limit=1&limit=2")
    assert "query.limit" in problem["detail"]


@pytest.mark.parametrize("path", ["/", "", "/nothing", "/notifications/", "/notifications/x", "/deliveries/1/2"])
async def test_a_path_that_is_not_there(client: Any, path: str) -> None:
    status, problem, _ = await asked(client, "GET", path)
    assert (status, problem["reason"]) == (404, "no_such_path")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/deliveries", "GET,HEAD"),
        ("POST", "/stats", "GET,HEAD"),
        ("GET", "/explain", "POST"),
        ("GET", "/deliveries/replay", "POST"),
        ("PUT", "/notifications/1", "GET,HEAD"),
        ("OPTIONS", "/audit", "GET,HEAD"),
        ("QUERY", "/audit", "GET,HEAD"),
    ],
)
async def test_a_method_that_a_path_has_not(client: Any, method: str, path: str, allowed: str) -> None:
    status, _, headers = await asked(client, method, path)
    assert (status, headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"])
async def test_a_body_of_another_type(client: Any, kind: str) -> None:
    for path in ("/explain", "/deliveries/replay"):
        status, problem, _ = await asked(client, "POST", path, data=b"{}", headers={"Content-Type": kind})
        assert (status, problem["reason"]) == (415, "not_json")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"ids": [1],}', 400),
        (b"\xff\xfe", 400),
        (b'{"ids": [NaN]}', 422),
        (b'{"ids": [1e400]}', 422),
        (b'{"ids": [1], "rate": NaN}', 422),
        (b'{"ids": [1], "rate": Infinity}', 422),
        (b'{"filter": {"key": "\\ud800"}}', 400),
        (b'{"filter": {"key": "\\u0000"}}', 422),
        (b"[" * 100_000, 400),
        (b'{"ids": [' + b"1," * 600_000 + b"1]}", 413),
    ],
)
async def test_a_body_that_cannot_be_read(client: Any, body: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    found, _, _ = await asked(client, "POST", "/deliveries/replay", data=io.BytesIO(body), headers=headers)
    assert found == status


async def test_a_body_of_unknown_length_is_bounded_too(client: Any) -> None:
    async def endless() -> Any:
        for _ in range(48):
            yield b" " * (1 << 17)

    headers = {"Content-Type": "application/json"}
    status, _, _ = await asked(client, "POST", "/deliveries/replay", data=endless(), headers=headers)
    assert status == 413


async def test_an_inbox_that_cannot_be_read_now(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_self: Queries, _text: str, _values: Any = ()) -> list[Any]:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise translated(error, Path("inbox.db"))

    with monkeypatch.context() as patch:
        patch.setattr(Queries, "_rows", broken)
        for path in ("/notifications", "/deliveries", "/notifications/1", "/stats", "/audit", "/subscriptions"):
            status, problem, headers = await asked(client, "GET", path)
            assert (status, problem["reason"]) == (503, "inbox_io")
            assert int(headers["Retry-After"]) >= 1


async def test_a_fault_of_our_own_tells_nothing_and_is_logged(
    client: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    async def broken(_self: Repairs, *_more: object) -> None:
        raise RuntimeError("something that only the log may tell")

    monkeypatch.setattr(Repairs, "_repair", broken)
    status, problem, _ = await asked(client, "POST", "/deliveries/replay", json={"ids": [1]})
    assert (status, problem["reason"]) == (500, "internal")
    assert "only the log" not in problem["detail"]
    (told,) = [record for record in caplog.records if record.getMessage() == "api_failed"]
    assert told.facts["error"] == "RuntimeError: something that only the log may tell"
