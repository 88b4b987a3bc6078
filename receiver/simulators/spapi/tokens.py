"""Login with Amazon as the stand-in plays it: grants, their refusals, and the access tokens that calls carry."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from receiver.simulators.spapi.ask import Rejected
from receiver.simulators.spapi.settings import Settings

SCOPES = frozenset({"sellingpartnerapi::notifications", "sellingpartnerapi::client_credential:rotation"})
CODE_LIFE = 300.0
RESTRICTED_LIFE = 3600.0
_DENIED = "Access to requested resource is denied."


class Refused(Exception):
    """A grant that Login with Amazon refuses (RFC 6749, section 5.2)."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.status = status
        self.body = {"error": code, "error_description": description}


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom an access token stands for, and until when."""

    ends: float
    seller_id: str = ""
    scope: str = ""
    resources: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """Method, path and data elements of a restricted data token."""


class Tokens:
    """Every token that was given out."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        numbers = range(1, settings.sellers + 1)
        self._refresh = {settings.refresh_token(number): settings.seller_id(number) for number in numbers}
        self._codes: dict[str, tuple[str, float]] = {}
        self._bearers: dict[str, Bearer] = {}

    def grant(self, form: Mapping[str, str], now: float) -> dict[str, Any]:
        """The answer to a token request. Raises Refused."""
        self._check_client(form)
        kind = form.get("grant_type", "")
        if kind == "refresh_token":
            token = form.get("refresh_token", "")
            return self._seller_token(self._owner(token), token, now)
        if kind == "authorization_code":
            seller_id = self._redeem(form.get("code", ""), now)
            return self._seller_token(seller_id, self.refresh_token(seller_id), now)
        if kind == "client_credentials":
            return self._grantless(form.get("scope", ""), now)
        raise Refused("unsupported_grant_type", "The authorization grant type is not supported")

    def code(self, seller_id: str, now: float) -> str:
        """A code as the consent page gives it: good for five minutes, once."""
        code = f"AN{secrets.token_urlsafe(12)}"
        self._codes[code] = (seller_id, now + CODE_LIFE)
        return code

    def refresh_token(self, seller_id: str) -> str:
        """The refresh token of a seller."""
        return next(token for token, owner in self._refresh.items() if owner == seller_id)

    def restricted(self, bearer: Bearer, body: Any, now: float) -> dict[str, Any]:
        """The answer of createRestrictedDataToken. Raises Rejected."""
        listed = body.get("restrictedResources") if isinstance(body, dict) else None
        if not isinstance(listed, list) or not 1 <= len(listed) <= 50:
            raise Rejected(400, "InvalidInput", "restrictedResources must hold 1 to 50 resources")
        resources = tuple(_resource(item) for item in listed)
        token = self._issue("Atz.sprdt", Bearer(now + RESTRICTED_LIFE, bearer.seller_id, resources=resources))
        return {"restrictedDataToken": token, "expiresIn": int(RESTRICTED_LIFE)}

    def bearer(self, token: str | None, now: float) -> Bearer:
        """Whom a call's token stands for. Raises Rejected as SP-API does."""
        if not token:
            raise Rejected(403, "Unauthorized", _DENIED, "Access token is missing in the request header.")
        found = self._bearers.get(token)
        if found is None:
            details = "The access token you provided is revoked, malformed or invalid."
            raise Rejected(403, "Unauthorized", _DENIED, details)
        if now >= found.ends:
            raise Rejected(403, "Unauthorized", _DENIED, "The access token you provided has expired.")
        return found

    def revoke_all(self) -> None:
        """End every access token at once."""
        self._bearers = {token: Bearer(0.0, bearer.seller_id) for token, bearer in self._bearers.items()}

    def _check_client(self, form: Mapping[str, str]) -> None:
        known = secrets.compare_digest(form.get("client_id", "").encode(), self._settings.client_id.encode())
        right = secrets.compare_digest(form.get("client_secret", "").encode(), self._settings.client_secret.encode())
        if not (known and right):
            raise Refused("invalid_client", "Client authentication failed", 401)

    def _owner(self, refresh_token: str) -> str:
        if refresh_token not in self._refresh:
            raise Refused("invalid_grant", "The request has an invalid grant parameter : refresh_token")
        return self._refresh[refresh_token]

    def _redeem(self, code: str, now: float) -> str:
        seller_id, ends = self._codes.pop(code, ("", 0.0))
        if now >= ends:
            raise Refused("invalid_grant", "The request has an invalid grant parameter : code")
        return seller_id

    def _seller_token(self, seller_id: str, refresh_token: str, now: float) -> dict[str, Any]:
        token = self._issue("Atza", Bearer(now + self._settings.token_life, seller_id))
        return self._answer(token) | {"refresh_token": refresh_token}

    def _grantless(self, scope: str, now: float) -> dict[str, Any]:
        if scope not in SCOPES:
            raise Refused("invalid_scope", "The requested scope is invalid, unknown, or malformed")
        return self._answer(self._issue("Atc", Bearer(now + self._settings.token_life, scope=scope)))

    def _answer(self, token: str) -> dict[str, Any]:
        return {"access_token": token, "token_type": "bearer", "expires_in": int(self._settings.token_life)}

    def _issue(self, prefix: str, bearer: Bearer) -> str:
        token = f"{prefix}|{secrets.token_urlsafe(32)}"
        self._bearers[token] = bearer
        return token


def _resource(item: Any) -> tuple[str, str, tuple[str, ...]]:
    if not isinstance(item, dict) or not isinstance(item.get("path"), str) or not isinstance(item.get("method"), str):
        raise Rejected(400, "InvalidInput", "A restricted resource needs a method and a path")
    elements = item.get("dataElements", [])
    if not isinstance(elements, list) or not all(isinstance(element, str) for element in elements):
        raise Rejected(400, "InvalidInput", "dataElements must be a list of names")
    return item["method"], item["path"], tuple(elements)
