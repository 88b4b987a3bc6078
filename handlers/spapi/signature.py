"""AWS Signature Version 4 of one request, and what a wrong clock does to it.

Source: "AWS Signature Version 4 for API requests" of the AWS IAM user guide. The signature is botocore's work.
"""

import importlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from types import ModuleType

from handlers.spapi.errors import SpapiFault

MOST_SKEW = 300.0
"""Seconds that a signature's time may be off."""


class SigningError(SpapiFault):
    """A call cannot be signed, or its signature cannot be right; the text says why.

    What is wrong (the clock, the keys, the role, a package) is mended for all calls at once, so each may succeed later.
    """

    retryable = True


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """AWS credentials. `session_token` is None for keys that do not end."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def signed(
    keys: AwsKeys, method: str, url: str, headers: Mapping[str, str], content: bytes, scope: tuple[str, str]
) -> dict[str, str]:
    """A request's headers with its signature. `scope` is the AWS region and the service, `url` percent-encoded.

    Raises SigningError where botocore is not installed.
    """
    auth, awsrequest, credentials = load_botocore()
    region, service = scope
    request = awsrequest.AWSRequest(method=method, url=url, headers=dict(headers), data=content)
    made = credentials.Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    auth.SigV4Auth(made, service, region).add_auth(request)
    return dict(request.headers.items())


def load_botocore() -> tuple[ModuleType, ModuleType, ModuleType]:
    """Botocore's modules that sign. Raises SigningError, which says how to install it."""
    try:
        auth, awsrequest, credentials = (
            importlib.import_module(f"botocore.{name}") for name in ("auth", "awsrequest", "credentials")
        )
    except ImportError:
        cure = "pip install 'spapi-router[sigv4]'"
        raise SigningError(f'sign = "sigv4" needs botocore: {cure}, or leave `sign` out') from None
    # At debug level botocore logs each request that it signs, with the access token among its headers.
    logging.getLogger("botocore.auth").setLevel(logging.INFO)
    return auth, awsrequest, credentials


def check_clock(headers: Mapping[str, str], now: float) -> None:
    """Raise SigningError where a refusal's Date header (RFC 9110, section 6.6.1) is over 5 minutes from `now`."""
    skew = _skew(headers.get("date", ""), now)
    if abs(skew) <= MOST_SKEW:
        return
    side = "ahead of" if skew > 0 else "behind"
    raise SigningError(
        f"this machine's clock is {abs(skew) / 60:.0f} minutes {side} Amazon's, and a SigV4 signature may be 5 minutes "
        "off: set the clock, by NTP (timedatectl set-ntp true)"
    )


def _skew(date: str, now: float) -> float:
    """Seconds that this clock is ahead of a date, 0 for what is none."""
    try:
        return now - parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return 0.0
