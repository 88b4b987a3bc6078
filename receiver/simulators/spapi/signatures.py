"""Whether a request is signed by AWS Signature Version 4 with a key that is known here.

Source: "Create a signed AWS API request" of the AWS IAM user guide. Written anew, so that it proves what signs.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

_ALGORITHM = "AWS4-HMAC-SHA256"
_HEADER = re.compile(
    rf"{_ALGORITHM} Credential=(?P<key>[^/,\s]+)/(?P<date>\d{{8}})/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)"
    r"/aws4_request, ?SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_MOST_SKEW = 300.0


class BadSignature(Exception):
    """A signature that AWS would refuse; the text says why, as AWS does."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it came. Header names are in lower case."""

    method: str
    raw_path: str
    query: str
    headers: Mapping[str, str]
    content: bytes


def check(request: Signed, service: str, secrets: Mapping[str, str], now: float) -> str:
    """The access key id that signed a request. `secrets` has the secret of each; raises BadSignature."""
    match = _HEADER.fullmatch(request.headers.get("authorization", ""))
    if match is None:
        raise BadSignature("The Authorization header is missing or malformed.")
    if match["service"] != service:
        raise BadSignature(f"Credential should be scoped to correct service: '{service}'.")
    secret = secrets.get(match["key"])
    if secret is None:
        raise BadSignature("The security token included in the request is invalid.")
    stamp = request.headers.get("x-amz-date", "")
    _check_time(stamp, match["date"], now)
    scope = f"{match['date']}/{match['region']}/{service}/aws4_request"
    digest = hashlib.sha256(_canonical(request, match["headers"]).encode()).hexdigest()
    text = "\n".join([_ALGORITHM, stamp, scope, digest])
    if not hmac.compare_digest(_signature(secret, scope, text), match["signature"]):
        raise BadSignature("The request signature we calculated does not match the signature you provided.")
    return match["key"]


def _check_time(stamp: str, date: str, now: float) -> None:
    try:
        at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise BadSignature("Date must be in ISO-8601 'basic format'.") from None
    if not stamp.startswith(date) or abs(at - now) > _MOST_SKEW:
        raise BadSignature(f"Signature expired: {stamp} is more than 5 minutes from the current time.")


def _canonical(request: Signed, names: str) -> str:
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in _query(request.query))
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names.split(";"))
    return "\n".join(
        [
            request.method,
            quote(request.raw_path, safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            headers,
            names,
            hashlib.sha256(request.content).hexdigest(),
        ]
    )


def _query(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query.replace("+", "%2B"), keep_blank_values=True)


def _signature(secret: str, scope: str, text: str) -> str:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()
