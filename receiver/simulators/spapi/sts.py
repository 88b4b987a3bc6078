"""AWS STS as far as SP-API's callers used it: AssumeRole, and the keys that it lends.

Source: "AssumeRole" of the AWS STS API reference.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from receiver.simulators.spapi.signatures import BadSignature, Signed, check

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/.+")


@dataclass(frozen=True, slots=True)
class _Lent:
    secret: str
    token: str
    ends: float


class Sts:
    """Lends keys to who signs with the one pair that does not end, and knows what has signed a call."""

    def __init__(self, access_key_id: str, secret_access_key: str) -> None:
        self._own = {access_key_id: secret_access_key}
        self._lent: dict[str, _Lent] = {}

    def answer(self, request: Signed, now: float) -> tuple[int, str]:
        """The status and the XML for a request."""
        try:
            check(request, "sts", self._own, now)
        except BadSignature as error:
            return 403, _error("SignatureDoesNotMatch", str(error))
        form = dict(parse_qsl(request.content.decode("utf-8", "replace")))
        if form.get("Action") != "AssumeRole":
            return 400, _error("InvalidAction", "Could not find operation: AssumeRole alone is known here")
        if not _ROLE.fullmatch(form.get("RoleArn", "")) or not form.get("RoleSessionName"):
            return 400, _error("ValidationError", "RoleArn or RoleSessionName is missing or malformed")
        life = form.get("DurationSeconds", "3600")
        return 200, self._lend(now + (float(life) if life.isdigit() else 3600.0))

    def check_call(self, request: Signed, now: float) -> None:
        """Raise BadSignature where a call to SP-API is signed, and not with a key that is good now."""
        alive = {key: lent for key, lent in self._lent.items() if now < lent.ends}
        used = check(request, "execute-api", self._own | {key: lent.secret for key, lent in alive.items()}, now)
        if used in alive and request.headers.get("x-amz-security-token") != alive[used].token:
            raise BadSignature("The security token included in the request is invalid.")

    def _lend(self, ends: float) -> str:
        key, lent = f"ASIA{secrets.token_hex(8).upper()}", _Lent(secrets.token_hex(20), secrets.token_hex(32), ends)
        self._lent[key] = lent
        until = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return (
            '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
            f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{lent.secret}</SecretAccessKey>"
            f"<SessionToken>{lent.token}</SessionToken><Expiration>{until}</Expiration>"
            "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )


def _error(code: str, message: str) -> str:
    said = f"<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
    return f"<ErrorResponse><Error>{said}</Error></ErrorResponse>"
