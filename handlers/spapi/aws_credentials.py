"""The AWS credentials that calls are signed with: given, from the environment, or lent by STS for an hour.

Source: "AssumeRole" of the AWS STS API reference.
"""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

import httpx

from handlers.settings import Secret
from handlers.spapi.errors import Unreachable, shown
from handlers.spapi.flights import Flights
from handlers.spapi.signature import AwsKeys, SigningError, check_clock, signed

_EARLY = 300.0
"""Seconds before its end from which on a role is assumed anew; a tenth of its life where that is less."""
_TIMEOUT = httpx.Timeout(20.0, connect=10.0)
_SESSION = "spapi-router"
_FORM = "application/x-www-form-urlencoded; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Signing:
    """How calls are signed. Secrets are read anew each time, so that rotated ones are taken in."""

    access_key_id: Secret
    secret_access_key: Secret
    session_token: Secret | None = None
    role_arn: str | None = None
    """The role to assume with these keys."""
    sts: str | None = None
    """STS's URL, for a stand-in; None for the one of the call's AWS region."""

    def given(self) -> AwsKeys:
        """The keys themselves. Raises SecretError."""
        token = self.session_token.read() if self.session_token else None
        return AwsKeys(self.access_key_id.read(), self.secret_access_key.read(), token)


@dataclass(frozen=True, slots=True)
class _Lent:
    keys: AwsKeys
    renew_at: float
    ends_at: float


class AwsCredentials:
    """Gives keys to sign with; a role is assumed once however many ask, and again before its keys end."""

    def __init__(self, signing: Signing, http: httpx.AsyncClient, clock: Callable[[], float]) -> None:
        """`http` is shared and closed by its owner; `clock` counts seconds since the epoch."""
        self._signing = signing
        self._http = http
        self._clock = clock
        self._lent: _Lent | None = None
        self._flights: Flights[_Lent] = Flights()

    async def keys(self, region: str) -> AwsKeys:
        """Keys for a call in an AWS region. Raises SigningError, Unreachable or SecretError."""
        if self._signing.role_arn is None:
            return self._signing.given()
        lent = self._lent
        if lent is not None and self._clock() < lent.renew_at:
            return lent.keys
        try:
            return (await self._flights.join("role", lambda: self._assume(region))).keys
        except Unreachable:
            if lent is None or self._clock() >= lent.ends_at:
                raise
            return lent.keys

    async def close(self) -> None:
        """Stop what is under way."""
        await self._flights.close()

    async def _assume(self, region: str) -> _Lent:
        url = self._signing.sts or f"https://sts.{region}.amazonaws.com/"
        fields = {"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": self._signing.role_arn}
        content = urlencode(fields | {"RoleSessionName": _SESSION, "DurationSeconds": 3600}).encode()
        headers = signed(self._signing.given(), "POST", url, {"content-type": _FORM}, content, (region, "sts"))
        try:
            answer = await self._http.post(
                url, content=content, headers=headers, timeout=_TIMEOUT, follow_redirects=False
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"STS at {url}: {type(error).__name__}: {error}") from None
        self._lent = self._read(answer)
        return self._lent

    def _read(self, answer: httpx.Response) -> _Lent:
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Unreachable(f"STS answered {answer.status_code}")
        if answer.status_code == 403:
            check_clock(answer.headers, self._clock())
        if answer.status_code != 200:
            raise SigningError(_refusal(answer, self._signing.role_arn or ""))
        now = self._clock()
        keys = AwsKeys(*(_element(answer.text, name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")))
        ends_at = _moment(_element(answer.text, "Expiration"))
        return _Lent(keys, ends_at - min(_EARLY, max(0.0, ends_at - now) / 10), ends_at)


def _refusal(answer: httpx.Response, role: str) -> str:
    code, message = (shown(_find(answer.text, name)) for name in ("Code", "Message"))
    said = ": ".join(part for part in (code, message) if part) or "no reason given"
    cure = "check the keys, and that the role's trust policy lets their user assume it"
    return f"STS answered {answer.status_code} to assuming {role}: {said}; {cure}"


def _find(text: str, name: str) -> str:
    match = re.search(rf"<{name}>([^<]{{1,8192}})</{name}>", text[:65536])
    return html.unescape(match[1].strip()) if match else ""


def _element(text: str, name: str) -> str:
    value = _find(text, name)
    if value and value.isascii() and value.isprintable():
        return value
    raise SigningError(f"STS answered without {name}: check `aws.sts` in the rules file")


def _moment(text: str) -> float:
    """Seconds since the epoch of a time in ISO 8601, UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise SigningError("STS answered with an Expiration that is no time") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
