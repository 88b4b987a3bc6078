"""SP-API in the demo: a stand-in with sellers of its own, and the section of the rules file that calls it."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from receiver.simulators.sns.notifications import Seller
from receiver.simulators.spapi import Served, Settings, SimulatedSpapi
from receiver.simulators.spapi.shop import MARKETPLACE_OF

_SELLERS = 5
_CLIENT_ID, _CLIENT_SECRET, _REFRESH_TOKEN = "DEMO_CLIENT_ID", "DEMO_CLIENT_SECRET", "DEMO_REFRESH_TOKEN"


def simulated_spapi(watch: Callable[[Served], None]) -> SimulatedSpapi:
    """A stand-in whose credentials are made up anew each time; `watch` hears of each call."""
    settings = Settings(
        sellers=_SELLERS,
        client_id=f"amzn1.application-oa2-client.{secrets.token_hex(16)}",
        client_secret=f"amzn1.oa2-cs.v1.{secrets.token_hex(32)}",
    )
    return SimulatedSpapi(settings, watch=watch)


def sellers(simulated: SimulatedSpapi) -> tuple[Seller, ...]:
    """The sellers that the stand-in knows."""
    settings = simulated.settings
    marketplace = MARKETPLACE_OF[settings.region]
    return tuple(Seller(settings.seller_id(number), marketplace) for number in _numbers(simulated))


def section(simulated: SimulatedSpapi) -> dict[str, Any]:
    """The section [spapi]: names of secrets, and where the stand-in listens."""
    settings = simulated.settings
    return {
        "client_id": {"env": _CLIENT_ID},
        "client_secret": {"env": _CLIENT_SECRET},
        "endpoints": {"lwa": simulated.lwa_url} | dict.fromkeys(("na", "eu", "fe"), simulated.url),
        "accounts": [
            {
                "seller_id": settings.seller_id(number),
                "region": settings.region,
                "refresh_token": {"env": _refresh_token(number)},
            }
            for number in _numbers(simulated)
        ],
    }


def environment(simulated: SimulatedSpapi) -> Mapping[str, str]:
    """The secrets that the section names."""
    settings = simulated.settings
    tokens = {_refresh_token(number): settings.refresh_token(number) for number in _numbers(simulated)}
    return {_CLIENT_ID: settings.client_id, _CLIENT_SECRET: settings.client_secret} | tokens


def _numbers(simulated: SimulatedSpapi) -> range:
    return range(1, simulated.settings.sellers + 1)


def _refresh_token(number: int) -> str:
    return f"{_REFRESH_TOKEN}_{number}"
