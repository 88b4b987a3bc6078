"""Subscriptions: which notification types SP-API sends for a seller, and to which destination.

Source: Notifications API v1 of Amazon's SP-API guide. A seller has one subscription for each type and payload version.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from receiver.setup.errors import SetupError
from receiver.setup.kinds import Kind, same_directive

State = Literal["created", "unchanged", "replaced"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A subscription as it should be."""

    kind: Kind
    destination_id: str
    directive: dict[str, Any] | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The body of createSubscription."""
        body: dict[str, Any] = {"payloadVersion": self.kind.version, "destinationId": self.destination_id}
        return body | {"processingDirective": self.directive} if self.directive else body

    def differences(self, found: Mapping[str, Any]) -> list[str]:
        """What an existing subscription has otherwise."""
        other = []
        if found.get("destinationId") != self.destination_id:
            other.append(f"goes to destination {found.get('destinationId')}")
        if not same_directive(found.get("processingDirective"), self.directive):
            other.append("filters otherwise")
        return other


class Subscriptions:
    """The subscriptions of one seller's account."""

    def __init__(self, client: Any, spapi: Any, account: Any) -> None:
        """`client` is a `handlers.spapi.client.SpapiClient`, `account` a `handlers.spapi.accounts.Account`."""
        self._client = client
        self._spapi = spapi
        self.account = account

    async def find(self, name: str, version: str | None = None) -> Mapping[str, Any] | None:
        """The subscription of a type, of one payload version where that is given. Raises SpapiFault."""
        arguments = {"notificationType": name, "payloadVersion": version}
        try:
            found = await self._call("getSubscription", arguments)
        except self._spapi.SpapiError as error:
            if error.status != 404:
                raise
            return None
        if not isinstance(found, Mapping) or not found.get("subscriptionId"):
            return None
        return found if version in {None, found.get("payloadVersion")} else None

    async def ensure(self, wanted: Wanted, *, replace: bool) -> tuple[Mapping[str, Any], State]:
        """The subscription as it should be, made where it is missing.

        One that differs is deleted and made anew with `replace`, an error without. Raises SetupError or SpapiFault.
        """
        name = wanted.kind.name
        found = await self.find(name, wanted.kind.version)
        if found is None:
            return await self._create(wanted), "created"
        differences = wanted.differences(found)
        if not differences:
            return found, "unchanged"
        if not replace:
            raise SetupError(
                f"{self.account.id} has a subscription of {name} that {' and '.join(differences)}: "
                "--replace deletes it and makes the one you ask for"
            )
        await self._delete(name, found)
        try:
            return await self._create(wanted), "replaced"
        except self._spapi.SpapiFault as error:
            raise SetupError(f"the old subscription of {name} is deleted, and the new one failed: {error}") from error

    async def delete(self, name: str, version: str | None = None) -> str:
        """Delete the subscription of a type; its id. Raises SetupError where there is none, or SpapiFault."""
        found = await self._needed(name, version)
        await self._delete(name, found)
        return str(found["subscriptionId"])

    async def test(self, name: str, version: str | None = None) -> str:
        """Have Amazon send a mock notification to the subscription's destination; the destination's id.

        Amazon takes this at its sandbox only. Raises SetupError or SpapiFault.
        """
        found = await self._needed(name, version)
        destination_id = str(found.get("destinationId"))
        await self._call("sendTestNotification", {"notificationType": name}, {"destinationId": destination_id})
        return destination_id

    async def _needed(self, name: str, version: str | None) -> Mapping[str, Any]:
        found = await self.find(name, version)
        if found is None:
            raise SetupError(f"{self.account.id} has no subscription of {name}: `subscriptions list` shows what it has")
        return found

    async def _create(self, wanted: Wanted) -> Mapping[str, Any]:
        made = await self._call("createSubscription", {"notificationType": wanted.kind.name}, wanted.body)
        return made if isinstance(made, Mapping) else {}

    async def _delete(self, name: str, found: Mapping[str, Any]) -> None:
        operation = self._client.find("notifications.v1.deleteSubscriptionById")
        arguments = {"notificationType": name, "subscriptionId": str(found["subscriptionId"])}
        await self._client.send(self._spapi.Call(operation, arguments, region=self.account.region))

    async def _call(self, name: str, arguments: Mapping[str, Any], body: Any = None) -> Any:
        operation = self._client.find(f"notifications.v1.{name}")
        answer = (await self._client.send(self._spapi.Call(operation, arguments, body, self.account))).json
        return answer.get("payload") if isinstance(answer, Mapping) else None
