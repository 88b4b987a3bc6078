"""What Amazon refused lately, counted over an hour."""

from handlers.spapi.errors import SpapiError, cure_of
from handlers.spapi.refusals import Refusals


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def refused(status: int, operation: str = "orders.getOrder") -> SpapiError:
    return SpapiError(operation, status, [{"code": "Unauthorized", "message": "no"}], "r")


def test_refusals_are_counted_by_whom_and_why_the_latest_first() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    for account, status in (("A1@na", 403), ("A1@na", 403), ("A2@na", 404)):
        refusals.note(account, refused(status))
        clock.now += 1.0
    listed = refusals.lately()
    assert [(each.account_id, each.status, each.count) for each in listed] == [("A2@na", 404, 1), ("A1@na", 403, 2)]
    assert "answered 403: Unauthorized: no; check that the seller has authorized" in listed[1].text


def test_what_is_older_than_an_hour_is_not_counted() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    refusals.note("A1@na", refused(403))
    clock.now += 1800.0
    refusals.note("A1@na", refused(403))
    clock.now += 1900.0
    assert [each.count for each in refusals.lately()] == [1]
    clock.now += 3600.0
    assert refusals.lately() == []


def test_kinds_are_bounded_and_the_oldest_go_first() -> None:
    refusals = Refusals(Clock())
    for number in range(2000):
        refusals.note(f"A{number}@na", refused(404))
    accounts = {each.account_id for each in refusals.lately()}
    assert len(accounts) == 500
    assert "A1999@na" in accounts
    assert "A0@na" not in accounts


def test_each_status_has_a_cure() -> None:
    assert "another program uses the same application" in cure_of(429)
    assert "tried again" in cure_of(503)
    assert "authorized" in cure_of(403)
    assert cure_of(418)
