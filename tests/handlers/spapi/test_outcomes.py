"""What the errors of calls mean for a delivery."""

import pytest

from handlers.base import Dead, Outcome, Postpone, Retry
from handlers.errors import HandlerError, TemplateError
from handlers.settings import SecretError
from handlers.spapi.errors import (
    AccountError,
    CatalogueError,
    LwaError,
    PlanExhausted,
    RegionError,
    SpapiError,
    Unreachable,
    VaultError,
)
from handlers.spapi.outcomes import outcome_of


def answered(status: int, code: str = "Code", after: float | None = None) -> SpapiError:
    error = SpapiError("api.v1.op", status, [{"code": code, "message": "m", "details": ""}], "r-1")
    error.after = after
    return error


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (PlanExhausted("op", 7.5), Postpone("the usage plan of op has no room for 7.5 s", 7.5)),
        (answered(429, after=3.0), Postpone("api.v1.op answered 429: Code: m (request r-1)", 3.0, status=429)),
        (answered(429), Postpone("api.v1.op answered 429: Code: m (request r-1)", 1.0, status=429)),
        (
            answered(400, "QuotaExceeded"),
            Postpone("api.v1.op answered 400: QuotaExceeded: m (request r-1)", 1.0, status=400),
        ),
        (Unreachable("cut off"), Retry("cut off")),
        (SecretError("not set"), Retry("not set")),
        (VaultError("no key"), Retry("no key")),
        (HandlerError("anything"), Retry("anything")),
        (LwaError("busy", "", 503, True), Retry("busy", status=503)),
        (LwaError("expired secret", "invalid_client", 401), Retry("expired secret", status=401)),
        (LwaError("blocked by a proxy", "", 403), Retry("blocked by a proxy", status=403)),
        (LwaError("a page for people", "", 200), Retry("a page for people", status=200)),
        (LwaError("no role", "invalid_scope", 400), Retry("no role", status=400)),
        (LwaError("malformed id", "invalid_request", 400), Retry("malformed id", status=400)),
        (LwaError("revoked", "invalid_grant", 400), Dead("revoked", status=400)),
        (LwaError("refused", "access_denied", 403), Dead("refused", status=403)),
        (LwaError("out of order", "invalid_grant", 503, True), Retry("out of order", status=503)),
        (AccountError("run authorize"), Dead("run authorize")),
        (RegionError("another region"), Dead("another region")),
        (CatalogueError("no parameter"), Dead("no parameter")),
        (TemplateError("field a is missing"), Dead("field a is missing")),
    ],
)
def test_errors_of_this_side(error: HandlerError, outcome: Outcome) -> None:
    assert outcome_of(error) == outcome


@pytest.mark.parametrize(("status", "kind"), [(400, Dead), (403, Dead), (404, Dead), (500, Retry), (503, Retry)])
def test_an_answer_keeps_its_status_reason_and_request_id(status: int, kind: type[Dead] | type[Retry]) -> None:
    outcome = outcome_of(answered(status, after=4.0))
    assert isinstance(outcome, kind)
    assert (outcome.status, outcome.request_id) == (status, "r-1")
    assert outcome.response == b'{"errors":[{"code":"Code","message":"m","details":""}]}'
    assert f"answered {status}: Code: m" in outcome.reason
    if isinstance(outcome, Retry):
        assert outcome.after == 4.0
