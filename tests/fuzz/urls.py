"""The rules for URLs, held against urllib's and yarl's reading of the same text.

The rules judge plain text; what is fetched is what yarl reads. Wherever a URL passes, both must see exactly the host,
the path and the query that are meant, and whatever they see as exactly right must pass.
"""

import string
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

from hypothesis import strategies as st
from yarl import URL

from receiver.errors import BadMessage, NotAuthentic
from receiver.sns import StandIn, TopicArn, parse_topic_arn
from receiver.sns.urls import check_certificate_url, check_subscribe_url
from tests.fuzz.target import Target, joined, parts_of

TOPICS = (
    "arn:aws:sns:us-east-1:123456789012:sp-api",
    "arn:aws-cn:sns:cn-north-1:123456789012:sp-api",
    "arn:aws-us-gov:sns:us-gov-west-1:123456789012:sp-api",
    "arn:aws-eusc:sns:eusc-de-east-1:123456789012:sp-api.fifo",
)
_HOSTS = (
    "sns.us-east-1.amazonaws.com",
    "sns.cn-north-1.amazonaws.com.cn",
    "sns.us-gov-west-1.amazonaws.com",
    "sns.eusc-de-east-1.amazonaws.eu",
)
_TOKEN = frozenset(string.ascii_letters + string.digits + "-_")
_QUERY = frozenset(string.ascii_letters + string.digits + "_.:=&-")
_STAND_IN = "http://localhost:4566/_aws/sns"


class UrlOracle:
    """Both rules for Amazon's URLs, and those for stand-ins."""

    def __init__(
        self,
        certificate: Callable[[str, TopicArn], None] = check_certificate_url,
        subscribe: Callable[[str, TopicArn, str], None] = check_subscribe_url,
        open_stand_in: Callable[[str], StandIn] = StandIn.open,
    ) -> None:
        self._certificate = certificate
        self._subscribe = subscribe
        self._open = open_stand_in

    def check(self, data: bytes) -> None:
        """`topic number NUL token NUL stand-in NUL url`."""
        number, token, base, url = parts_of(data, 4)
        token = token if token and set(token) <= _TOKEN else "2336412f37fb687f"
        place = len(number) % len(TOPICS)
        topic, host = parse_topic_arn(TOPICS[place]), _HOSTS[place]
        agree(passes(lambda: self._certificate(url, topic)), is_certificate_url(url, host), url)
        agree(passes(lambda: self._subscribe(url, topic, token)), is_subscribe_url(url, host, topic.text, token), url)
        self._stand_in(base or _STAND_IN, url, topic, token)

    def _stand_in(self, base: str, url: str, topic: TopicArn, token: str) -> None:
        try:
            stand_in = self._open(base)
        except ValueError:
            return
        origin = URL(stand_in.url).origin()
        assert not (origin.host or "").endswith((".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu")), base
        if stand_in.covers(url):
            read = URL(url, encoded=True)
            assert read.origin() == origin, f"{url!r} is not at {origin}"
            assert (read.raw_query_string, read.raw_fragment, read.user) == ("", "", None), url
            assert ".." not in url, f"{url!r} climbs"
        if stand_in.confirms(url) and passes(lambda: stand_in.check_subscribe_url(url, topic, token)):
            read = URL(url, encoded=True)
            assert read.origin() == origin, f"{url!r} is not at {origin}"
            assert sorted(read.query.items()) == wanted(topic.text, token), url


def passes(check: Callable[[], None]) -> bool:
    """Whether a check lets something pass."""
    try:
        check()
    except (NotAuthentic, BadMessage):
        return False
    return True


def agree(passed: bool, expected: bool, url: str) -> None:
    """Demand that rule and second reading say the same."""
    assert passed is expected, f"{url!r} {'passes' if passed else 'does not pass'}"


def wanted(topic: str, token: str) -> list[tuple[str, str]]:
    """The parameters of a confirmation."""
    return sorted([("Action", "ConfirmSubscription"), ("TopicArn", topic), ("Token", token)])


def is_certificate_url(url: str, host: str) -> bool:
    """Whether a URL is that of a certificate at a host, by urllib and yarl."""
    path = _path_at(url, host)
    if path is None or "?" in path:
        return False
    label = path.removeprefix("/SimpleNotificationService-").removesuffix(".pem")
    return (
        path == f"/SimpleNotificationService-{label}.pem" and len(label) == 32 and set(label) <= set("0123456789abcdef")
    )


def is_subscribe_url(url: str, host: str, topic: str, token: str) -> bool:
    """Whether a URL confirms a token for a topic at a host, by urllib and yarl."""
    path = _path_at(url, host)
    if path is None or path.split("?")[0] not in {"", "/"} or "?" not in path:
        return False
    query = path.partition("?")[2]
    if not set(query) <= _QUERY or len(query) > 4096 or "" in query.split("&"):
        return False
    pairs = parse_qsl(query, keep_blank_values=True, separator="&")
    return sorted(pairs) == wanted(topic, token) and sorted(URL(url, encoded=True).query.items()) == sorted(pairs)


def _path_at(url: str, host: str) -> str | None:
    """What follows the authority of an https URL at a host, None for anything else."""
    if not url.startswith("https://") or not all("!" <= character <= "~" for character in url) or "#" in url:
        return None
    try:
        read, fetched = urlsplit(url), URL(url, encoded=True)
        authority = (read.username, read.password, read.hostname, read.port or 443)
    except ValueError:
        return None
    if read.netloc not in {host, f"{host}:443"} or authority != (None, None, host, 443):
        return None
    if (fetched.scheme, fetched.host, fetched.port, fetched.user) != ("https", host, 443, None):
        return None
    return url[len("https://") + len(read.netloc) :]


_LABEL = "0123456789abcdef" * 2
_PIECES = st.sampled_from(
    [
        *("https://", "http://", "HTTPS://", "//", "", "https:/", "https:\\\\", " https://"),
        *(
            "@",
            ":",
            ":443",
            ":0443",
            ":80",
            ".",
            "/",
            "\\",
            "%2e",
            "%2F",
            "..",
            "?",
            "#",
            "&",
            ";",
            "=",
            "\n",
            "\t",
            "\0",
        ),
        *(*_HOSTS, *(host.upper() for host in _HOSTS), "evil.example", "sns.s3-us-west-2.amazonaws.com", "127.0.0.1"),
        *(".evil.example", "\uff53ns.us-east-1.amazonaws.com", "sns。us-east-1.amazonaws.com", "[::1]", "user:secret@"),
        *(f"/SimpleNotificationService-{_LABEL}.pem", "/SimpleNotificationService-", _LABEL, ".pem", "é", "\u017f"),
        *("?Action=ConfirmSubscription", "&TopicArn=", *TOPICS, "&Token=", "2336412f37fb687f", "&Action=Unsubscribe"),
        *("http://localhost:4566", "/_aws/sns", "/_aws/sns/a.pem", "http://[::1]:4566/", "localhost"),
    ]
)


@st.composite
def _inputs(draw: st.DrawFn) -> bytes:
    place = draw(st.integers(0, len(TOPICS) - 1))
    right = [
        f"https://{_HOSTS[place]}/SimpleNotificationService-{_LABEL}.pem",
        f"https://{_HOSTS[place]}/?Action=ConfirmSubscription&TopicArn={TOPICS[place]}&Token=2336412f37fb687f",
        f"https://{_HOSTS[place]}:443?Token=2336412f37fb687f&TopicArn={TOPICS[place]}&Action=ConfirmSubscription",
        f"{_STAND_IN}/a.pem",
        f"http://localhost:4566/?Action=ConfirmSubscription&TopicArn={TOPICS[place]}&Token=2336412f37fb687f",
    ]
    url = draw(st.sampled_from(right))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(url)))
        end = draw(st.integers(start, min(len(url), start + 12)))
        url = url[:start] + draw(_PIECES | st.text(max_size=3)) + url[draw(st.sampled_from([start, end])) :]
    url = draw(st.just(url) | st.just(url) | st.lists(_PIECES, max_size=6).map("".join))
    base = draw(
        st.sampled_from(["", "", _STAND_IN + "/", "https://sns.example"]) | st.lists(_PIECES, max_size=4).map("".join)
    )
    return joined("x" * place, draw(st.sampled_from(["", "abc"])), base, url)


TARGET = Target(
    "urls",
    UrlOracle().check,
    _inputs(),
    (*_HOSTS, *TOPICS, "https://", "/SimpleNotificationService-", ".pem", "?Action=ConfirmSubscription", "&Token="),
)
