"""The keys that say for which account a handler calls, and the choice among the accounts there are."""

from collections.abc import Mapping, Sequence
from typing import Any

from handlers.settings import HandlerSettings
from handlers.spapi.accounts import Account, Accounts
from handlers.spapi.regions import MARKETPLACES, Endpoints, check_region, marketplace
from handlers.template import Template

_ANY_ENDPOINT = "https://sellingpartnerapi-REGION.amazon.com"


class AccountKeys(HandlerSettings):
    """`account` is a seller id or an account id, `marketplace` an id or a country such as `DE`."""

    account: Template | None = None
    """Without it, the notification's seller; the only account where the notification names no seller."""
    marketplace: Template | None = None

    async def choose(self, accounts: Accounts, document: Mapping[str, Any], named: Sequence[str] = ()) -> Account:
        """The account to call for. `named`: marketplace ids that the call itself names.

        Raises AccountError, RegionError or TemplateError.
        """
        own = self._marketplaces(document)
        hints = [*own, *named, *_texts(document.get("marketplace_id"))]
        account = await accounts.choose(self.seller(document), hints)
        check_region(account.region, own)
        return account

    def seller(self, document: Mapping[str, Any]) -> str | None:
        """The seller id or account id to call for, None where nothing names one. Raises TemplateError."""
        if self.account is not None:
            return self.account.text(document)
        return next(iter(_texts(document.get("seller_id"))), None)

    def endpoint(self, document: Mapping[str, Any], named: Sequence[str] = ()) -> str:
        """Amazon's endpoint as far as marketplaces tell it, to be shown. Raises RegionError or TemplateError."""
        hints = [*self._marketplaces(document), *named, *_texts(document.get("marketplace_id"))]
        known = next((MARKETPLACES[hint] for hint in hints if hint in MARKETPLACES), None)
        return Endpoints().base(known.region) if known else _ANY_ENDPOINT

    def _marketplaces(self, document: Mapping[str, Any]) -> list[str]:
        return [marketplace(self.marketplace.text(document)).id] if self.marketplace is not None else []


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) and value else []
