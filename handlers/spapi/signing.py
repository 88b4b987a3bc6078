"""Signs calls to SP-API by AWS Signature Version 4, for set-ups whose proxies or gateways still ask for it."""

from collections.abc import Callable, Mapping

from handlers.spapi.aws_credentials import AwsCredentials
from handlers.spapi.signature import check_clock, load_botocore, signed

_SERVICE = "execute-api"


class Signer:
    """Signs calls with the credentials of the moment."""

    def __init__(self, credentials: AwsCredentials, clock: Callable[[], float]) -> None:
        """`clock` counts seconds since the epoch. Raises SigningError where botocore is not installed."""
        self._credentials = credentials
        self._clock = clock
        load_botocore()

    async def sign(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, region: str
    ) -> dict[str, str]:
        """The headers with date, security token and Authorization. `region` is AWS's.

        Raises SigningError, Unreachable or SecretError.
        """
        keys = await self._credentials.keys(region)
        return signed(keys, method, url, headers, content or b"", (region, _SERVICE))

    def check_clock(self, headers: Mapping[str, str]) -> None:
        """Raise SigningError where the answer that refused a call is dated over 5 minutes from this clock."""
        check_clock(headers, self._clock())

    async def close(self) -> None:
        """Stop what is under way."""
        await self._credentials.close()
