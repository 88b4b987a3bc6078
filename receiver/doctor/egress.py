"""Whether this machine reaches what the daemon fetches from."""

import asyncio
from collections.abc import Sequence

from receiver.config import Configuration
from receiver.doctor.check import Result, finding, ok
from receiver.doctor.patient import Patient
from receiver.doctor.probe import Unreachable
from receiver.errors import BadMessage
from receiver.sns import parse_topic_arn

_AUTHORITY = "http://crt.r2m01.amazontrust.com/r2m01.cer"
_LOGIN = "https://api.amazon.com/auth/o2/token"
_USUAL = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1", "aws-eusc": "eusc-de-east-1"}


async def amazon_reachable(patient: Patient) -> Sequence[Result]:
    """Any answer will do: what matters is that DNS, firewall and proxies let it through."""
    places = [(f"https://{host}/", "signing certificates and confirmations") for host in sns_hosts(patient.config)]
    if patient.config.sns.verify_chain:
        places.append((_AUTHORITY, "the authority of signing certificates (sns.verify_chain)"))
    if patient.config.spapi:
        places.append((str(patient.config.spapi.endpoints.lwa or _LOGIN), "access tokens for SP-API"))
    return await asyncio.gather(*(_asked(patient, url, what) for url, what in places))


def sns_hosts(config: Configuration) -> list[str]:
    """SNS's hosts in the regions of the allowed topics; where a region has wildcards, in its partition's usual one."""
    hosts: dict[str, None] = {}
    for pattern in config.sns.topics:
        partition, region = pattern.split(":")[1], pattern.split(":")[3]
        for name in (region, _USUAL[partition]):
            try:
                hosts[parse_topic_arn(f"arn:{partition}:sns:{name}:123456789012:any").host] = None
                break
            except BadMessage:
                continue
    return list(hosts)


async def _asked(patient: Patient, url: str, what: str) -> Result:
    try:
        await patient.ways.probe.get(url)
    except Unreachable as error:
        cure = f"let the daemon reach it (firewall, DNS, HTTPS_PROXY): it has {what}"
        return finding(f"{url} is not reached: {error}", cure)
    return ok(f"{url} answers")
