"""The daemon's own sections of the rules file: `[server]`, `[sns]`, `[inbox]`, `[spapi]` and `[log]`."""

import importlib.util
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from handlers import registry
from handlers.base import Duration, PositiveDuration, RelativePath, Secret, Size
from receiver.attribute_docs import Documented
from receiver.config.values import (
    AdminAddress,
    DatabasePath,
    Day,
    Listen,
    ListenAddress,
    RedirectUri,
    TopicPattern,
    TrustedNetwork,
    UrlPath,
    WebUrl,
)

DAY = 86400.0
_SMALLEST_BODY = 1 << 10
_LARGEST_BODY = 64 << 20


class Section(Documented):
    """Base of all sections: unknown keys are errors, values do not change, nothing is converted by guess."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def _written(default: Any, text: str = "") -> Any:
    """A field with a default, and how the JSON Schema writes it."""
    return Field(default=default, json_schema_extra={"default": text or str(default)})


class TlsSettings(Section):
    """TLS of the public listener. Both files are read again when they change."""

    certificate: RelativePath
    """PEM: the certificate, then the chain up to the authority."""
    key: RelativePath
    """PEM: the private key, without a passphrase."""


class BasicAuth(Section):
    """The user and password that stand in the subscribed URL: SNS sends them with each push."""

    username: Annotated[str, Field(min_length=1, pattern=r"^[^:]+$")]
    password: Secret


class ServerSettings(Section):
    """`[server]`: the listeners."""

    listen: ListenAddress = _written(Listen("127.0.0.1", 8080))
    """Where pushes arrive. A systemd socket wins over it."""
    path: UrlPath = "/sns"
    """The path of the URL that is subscribed to the topic."""
    tls: TlsSettings | None = None
    """Certificate and key; without them a proxy in front does TLS."""
    admin: AdminAddress = _written(Listen("127.0.0.1", 9090))
    """Health, metrics and console; false for none. Never on the public listener."""
    max_body: Annotated[
        Size,
        Field(
            ge=_SMALLEST_BODY,
            le=_LARGEST_BODY,
            json_schema_extra={"minimum": _SMALLEST_BODY, "maximum": _LARGEST_BODY},
        ),
    ] = 1 << 20
    """The largest push that is read, from 1KiB to 64MiB. SNS sends up to 256 KiB of message."""
    trusted_proxies: tuple[TrustedNetwork, ...] = ()
    """Networks of proxies whose X-Forwarded-For is believed."""
    basic_auth: BasicAuth | None = None
    """What the subscribed URL carries as user:password@."""
    stop_grace: Duration = 20.0
    """How long a stop waits for what is in flight."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.admin == self.listen and (self.listen.unix or self.listen.port):
            raise ValueError(f"admin and listen are both {self.listen}: give admin another port, or false")
        return self


class Signer(Section):
    """A stand-in for SNS, such as LocalStack or `spapi-router simulate sns`."""

    url: WebUrl
    """Where its certificate URLs and confirmation URLs begin. Only for machines that no stranger can reach."""
    certificate: RelativePath | None = None
    """PEM of its certificate; without it the certificate is fetched from under `url`."""


def _some(topics: tuple[str, ...]) -> tuple[str, ...]:
    if topics:
        return topics
    cure = 'topics = ["arn:aws:sns:us-east-1:123456789012:sp-api-*"]'
    raise ValueError(f"no topics are allowed, so nothing could be taken in: add {cure} under [sns]")


class SnsSettings(Section):
    """`[sns]`: what is taken in."""

    model_config = ConfigDict(json_schema_extra={"required": ["topics"]})

    topics: Annotated[tuple[TopicPattern, ...], AfterValidator(_some), Field(json_schema_extra={"minItems": 1})] = (
        Field(default=(), validate_default=True)
    )
    """The allow-list of topic ARNs; `*` and `?` may stand in the region and the name."""
    auto_confirm: bool = True
    """Confirm subscriptions of allowed topics."""
    verify_chain: bool = True
    """Check the signing certificate's chain of trust up to the system's roots."""
    max_age: PositiveDuration = DAY
    """Older messages are refused. SNS tries again for an hour at most."""
    signature_versions: Annotated[tuple[Literal["1", "2"], ...], Field(min_length=1)] = ("1", "2")
    """1 is SHA-1, 2 is SHA-256: set the topic's SignatureVersion to 2 before leaving 1 out."""
    signers: tuple[Signer, ...] = ()
    """Stand-ins for SNS that are believed too."""
    certificates: RelativePath | None = None
    """Directory of the certificate cache; beside the database where it is not set."""


class InboxSettings(Section):
    """`[inbox]`: where notifications and deliveries are kept."""

    database: DatabasePath = _written(Path("/var/lib/spapi-router/inbox.db"), "sqlite:///var/lib/spapi-router/inbox.db")
    """`sqlite:///absolute/path` or `sqlite:path-beside-this-file`."""
    retention: PositiveDuration = 30 * DAY
    """How long a notification is kept after all of its deliveries have ended."""


class LogSettings(Section):
    """`[log]`: the daemon's log on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Account(Section):
    """A seller account whose refresh token is kept outside of the inbox."""

    seller_id: Annotated[str, Field(pattern=r"^[A-Z0-9]{5,25}$")]
    region: Literal["na", "eu", "fe"]
    refresh_token: Secret
    marketplaces: tuple[Annotated[str, Field(pattern=r"^[A-Z0-9]{10,14}$")], ...] = ()
    """Marketplace ids, like ATVPDKIKX0DER."""

    @model_validator(mode="after")
    def _in_one_region(self) -> Self:
        known = registry.spapi().MARKETPLACES if self.marketplaces else {}
        for name in self.marketplaces:
            if name in known and known[name].region != self.region:
                raise ValueError(f'{name} is a marketplace of region "{known[name].region}", not of "{self.region}"')
        return self


def _apart(accounts: tuple[Account, ...]) -> tuple[Account, ...]:
    """One of two would be called for with the other's token, and nothing would say which."""
    names = [f"{each.seller_id}@{each.region}" for each in accounts]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(twice)} is there twice: one account has one refresh token")
    return accounts


class Endpoints(Section):
    """URLs instead of Amazon's, for a simulator."""

    lwa: WebUrl | None = None
    """Login with Amazon's token endpoint."""
    na: WebUrl | None = None
    eu: WebUrl | None = None
    fe: WebUrl | None = None
    central: WebUrl | None = None
    """Where sellers consent, in place of each marketplace's Seller Central."""


def _signable(sign: str) -> str:
    if sign == "sigv4" and importlib.util.find_spec("botocore") is None:
        raise ValueError("sigv4 needs botocore: run pip install 'spapi-router[sigv4]'")
    return sign


class AwsSettings(Section):
    """AWS credentials that `sign = "sigv4"` signs with."""

    access_key_id: Secret | None = None
    """{ env = "AWS_ACCESS_KEY_ID" } where it is not given."""
    secret_access_key: Secret | None = None
    """{ env = "AWS_SECRET_ACCESS_KEY" } where it is not given."""
    session_token: Secret | None = None
    """Goes with keys that end; AWS_SESSION_TOKEN of the environment where no keys are given."""
    role_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$")] | None = None
    """The role to assume with these keys; assumed anew before its hour is over."""
    sts: WebUrl | None = None
    """Another URL than STS's own, for a stand-in."""

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key belong together: give both, or neither")
        if self.session_token is not None and self.access_key_id is None:
            raise ValueError("session_token belongs to keys: give access_key_id and secret_access_key too")
        return self


class SpapiSettings(Section):
    """`[spapi]`: the application that calls Amazon's Selling Partner API."""

    client_id: Secret
    client_secret: Secret
    client_secret_expires: Day | None = None
    """The day on which Amazon ends the secret, 180 days after it was made, like "2027-01-31": told of before."""
    key: Secret | None = None
    """32 bytes as 64 hexadecimal digits or base64: encrypts the refresh tokens of `authorize` in the inbox."""
    previous_keys: tuple[Secret, ...] = ()
    """Keys that `key` replaced, until `spapi-router accounts rotate` has sealed every token anew."""
    application_id: Annotated[str, Field(min_length=1)] | None = None
    """amzn1.sp.solution.…: needed by `authorize`."""
    redirect_uri: RedirectUri | None = None
    """Where a consent comes back, as registered with the application: its path is answered by the public listener.
    Without it Amazon takes the first one that is registered, whose path must then be /authorize/callback."""
    draft: bool = False
    """The application is not published yet: consent URLs say version=beta."""
    sandbox: bool = False
    endpoints: Endpoints = Endpoints()
    accounts: Annotated[tuple[Account, ...], AfterValidator(_apart)] = ()
    """More come from `authorize`."""
    sign: Annotated[Literal["none", "sigv4"], AfterValidator(_signable)] = "none"
    """AWS Signature Version 4, which Amazon has not asked for since October 2023."""
    aws: AwsSettings = AwsSettings()
    """The credentials of `sign = "sigv4"`; those of the environment where nothing is given."""

    @property
    def callback_path(self) -> str:
        """The path at which consents come back to the public listener."""
        return urlsplit(self.redirect_uri).path or "/" if self.redirect_uri else "/authorize/callback"
