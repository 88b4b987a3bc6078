"""Destinations: where SP-API sends an application's notifications. They belong to the application, by region.

Source: Notifications API v1 of Amazon's SP-API guide; its operations on destinations are grantless.
"""

from collections.abc import Mapping
from typing import Any

from receiver.setup.errors import SetupError
from receiver.setup.resources import Resource


class Destinations:
    """The application's destinations in one region."""

    def __init__(self, client: Any, spapi: Any, region: str) -> None:
        """`client` is a `handlers.spapi.client.SpapiClient`, `spapi` the module that made it."""
        self._client = client
        self._spapi = spapi
        self.region = region

    async def list(self) -> list[Mapping[str, Any]]:
        """All of them, as SP-API describes them. Raises SpapiFault."""
        payload = await self._call("getDestinations")
        return [item for item in payload if isinstance(item, Mapping)] if isinstance(payload, list) else []

    async def find(self, resource: Resource) -> Mapping[str, Any] | None:
        """The one that delivers to a resource."""
        return next((item for item in await self.list() if resource.is_of(item)), None)

    async def ensure(self, resource: Resource, name: str | None = None) -> tuple[Mapping[str, Any], bool]:
        """The one that delivers to a resource, and whether it was made now. Raises SetupError or SpapiFault."""
        found = await self.find(resource)
        if found is not None:
            return found, False
        body = {"name": name or resource.default_name, "resourceSpecification": resource.specification}
        try:
            made = await self._call("createDestination", body=body)
        except self._spapi.SpapiError as error:
            if error.status != 409:
                raise
            # Somebody else may have made it between the two calls.
            found = await self.find(resource)
            if found is None:
                raise SetupError(f"{error}: give the destination another name with --destination-name") from None
            return found, False
        return made if isinstance(made, Mapping) else {}, True

    async def delete(self, destination_id: str) -> None:
        """Delete one. Raises SpapiFault: Amazon keeps one that subscriptions still use."""
        await self._call("deleteDestination", {"destinationId": destination_id})

    async def _call(self, name: str, arguments: dict[str, Any] | None = None, body: Any = None) -> Any:
        operation = self._client.find(f"notifications.v1.{name}")
        call = self._spapi.Call(operation=operation, arguments=arguments or {}, body=body, region=self.region)
        answer = (await self._client.send(call)).json
        return answer.get("payload") if isinstance(answer, Mapping) else None
