"""Where a topic lives: its Amazon resource name, its partition, and the name SNS's certificate has in its region."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from receiver.errors import BadMessage

_ARN = re.compile(r"arn:(aws[a-z-]*):sns:([a-z0-9-]+):([0-9]{12}):([A-Za-z0-9_-]{1,256}(?:\.fifo)?)")


@dataclass(frozen=True, slots=True)
class _Partition:
    suffix: str
    region: re.Pattern[str]


# Suffixes and the shapes of regions are those of the AWS SDKs' partitions.json.
_PARTITIONS: Mapping[str, _Partition] = MappingProxyType(
    {
        "aws": _Partition("amazonaws.com", re.compile(r"(?!cn-)[a-z]{2}-[a-z]+-[0-9]{1,2}")),
        "aws-cn": _Partition("amazonaws.com.cn", re.compile(r"cn-[a-z]+-[0-9]{1,2}")),
        "aws-us-gov": _Partition("amazonaws.com", re.compile(r"us-gov-[a-z]+-[0-9]{1,2}")),
        "aws-eusc": _Partition("amazonaws.eu", re.compile(r"eusc-[a-z]{2}-[a-z]+-[0-9]{1,2}")),
    }
)
_OPT_IN_REGIONS = frozenset(
    {
        "ap-east-1",
        "ap-east-2",
        "ap-south-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "me-south-1",
        "me-central-1",
        "eu-south-1",
        "eu-south-2",
        "eu-central-2",
        "af-south-1",
        "il-central-1",
        "ca-west-1",
        "mx-central-1",
    }
)


@dataclass(frozen=True, slots=True)
class TopicArn:
    """A topic's Amazon resource name, taken apart. Only `parse_topic_arn` makes one."""

    text: str
    partition: str
    region: str
    account: str
    name: str
    host: str
    """SNS's host in that region: where certificates and confirmations are fetched."""


@lru_cache(maxsize=256)
def parse_topic_arn(text: str) -> TopicArn:
    """Take a TopicArn apart. Raises BadMessage where it is none, or its region is not one of its partition.

    The name's alphabet and length are those of CreateTopic in the SNS API reference.
    """
    match = _ARN.fullmatch(text)
    partition = _PARTITIONS.get(match[1]) if match else None
    if match is None or partition is None or not partition.region.fullmatch(match[2]):
        raise BadMessage("topic_arn", f"TopicArn {text[:300]!a} is not the name of an SNS topic")
    return TopicArn(text, match[1], match[2], match[3], match[4], f"sns.{match[2]}.{partition.suffix}")


def certificate_name(region: str) -> str:
    """The DNS name that SNS's signing certificate carries in a region, as the AWS SDK for Java 2 has it."""
    if region.startswith("cn-"):
        return f"sns-{region}.amazonaws.com.cn"
    if region.startswith("us-gov-"):
        return "sns-us-gov-west-1.amazonaws.com"
    if region.startswith("eusc-"):
        return f"sns-signing.{region}.amazonaws.eu"
    return f"sns-signing.{region}.amazonaws.com" if region in _OPT_IN_REGIONS else "sns.amazonaws.com"
