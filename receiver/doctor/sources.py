"""Whether SP-API is set up to send what the rules match: destinations, and each account's subscriptions."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from handlers import registry
from handlers.base import HandlerError
from receiver.doctor.accounts import MOST_ACCOUNTS, application, looked_at, unseen
from receiver.doctor.check import Result, finding, ok, skipped, warning
from receiver.doctor.patient import Patient
from receiver.setup.destinations import Destinations
from receiver.setup.kinds import KINDS
from receiver.setup.subscriptions import Subscriptions

_MOST_TYPES = 8
_SUBSCRIBE = "have SP-API send it: spapi-router subscribe {types} --account {account} (--sqs ARN or --event-bridge ID)"


async def spapi_sends(patient: Patient) -> Sequence[Result]:
    """Asks SP-API for the destinations of each region, and for the subscriptions of the types that the rules name."""
    if why := unseen(patient):
        return [skipped(why)]
    types = sorted(set(_types(patient)))[:_MOST_TYPES]
    if not types:
        return [skipped("no rule names a type of notification that SP-API sends")]
    async with application(patient) as client:
        every = await client.accounts.every()
        accounts = every[:MOST_ACCOUNTS]
        if not accounts:
            return [skipped("there are no accounts")]
        regions = sorted({account.region for account in accounts})
        found = await asyncio.gather(*(_destinations(client, region) for region in regions))
        destinations = dict(zip(regions, found, strict=True))
        faults = [each for each in found if isinstance(each, Result)]
        looks = [_account(client, account, types, destinations[account.region]) for account in accounts]
        results = [*faults, *(result for listed in await asyncio.gather(*looks) for result in listed)]
    return results or [ok(f"{', '.join(types)}: subscribed for {looked_at(len(accounts), len(every))}")]


def _types(patient: Patient) -> Iterator[str]:
    """The known types that rules name as they are."""
    for rule in patient.config.rules:
        wanted = rule.pattern.source.get("type") if rule.pattern and rule.enabled else None
        yield from (name for name in wanted or () if isinstance(name, str) and name in KINDS)


async def _destinations(client: Any, region: str) -> Mapping[str, Any] | Result:
    """The destinations of a region by their ids, or what is wrong."""
    try:
        listed = await Destinations(client, registry.spapi(), region).list()
    except HandlerError as error:
        return finding(f"the destinations in region {region}: {error}", "do what that text says")
    if not listed:
        cure = "spapi-router subscribe makes one; spapi-router subscribe --print-aws shows the AWS side"
        return warning(f"the application has no destination in region {region}: SP-API sends nothing from it", cure)
    return {str(item.get("destinationId")): item for item in listed}


async def _account(
    client: Any, account: Any, types: Sequence[str], destinations: Mapping[str, Any] | Result
) -> list[Result]:
    """What is wrong with an account's subscriptions; one refusal says it for all types."""
    subscriptions = Subscriptions(client, registry.spapi(), account)
    missing: list[str] = []
    results: list[Result] = []
    for name in types:
        try:
            found = await subscriptions.find(name, KINDS[name].version)
        except HandlerError as error:
            return [finding(f"the subscriptions of {account.id}: {error}", "do what that text says")]
        if found is None:
            missing.append(name)
        elif isinstance(destinations, Mapping) and str(found.get("destinationId")) not in destinations:
            said = f"{name} of {account.id} goes to destination {found.get('destinationId')}, which is not there"
            results.append(finding(said, _SUBSCRIBE.format(types=name, account=account.id) + " --replace"))
    if missing:
        cure = _SUBSCRIBE.format(types=" ".join(missing), account=account.id)
        results.append(warning(f"{account.id} is not subscribed to {', '.join(missing)}", cure))
    return results
