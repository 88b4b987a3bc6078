"""The application's secrets as the daemon sees them: read in its environment instead of this program's."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from handlers.base import Secret
from receiver.config import SpapiSettings


@dataclass(frozen=True, slots=True)
class BorrowedSecret(Secret):
    """A secret that is read in a given environment."""

    environ: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def read(self, environ: Mapping[str, str] | None = None) -> str:
        """The value. Raises SecretError."""
        return Secret.read(self, self.environ if environ is None else environ)


def borrowed(settings: SpapiSettings, environ: Mapping[str, str]) -> SpapiSettings:
    """The section with every secret that gives a token read in `environ`."""

    def take(secret: Secret) -> Secret:
        return BorrowedSecret(secret.source, secret.name, environ)

    accounts = tuple(
        account.model_copy(update={"refresh_token": take(account.refresh_token)}) for account in settings.accounts
    )
    return settings.model_copy(
        update={
            "client_id": take(settings.client_id),
            "client_secret": take(settings.client_secret),
            "key": take(settings.key) if settings.key else None,
            "previous_keys": tuple(map(take, settings.previous_keys)),
            "accounts": accounts,
        }
    )
