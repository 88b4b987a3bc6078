"""`[privacy]`: what of notifications and answers is not kept, and how the rest is kept."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema, model_validator

from handlers.base import Secret, SecretError, parse_key
from receiver.config.settings import Section
from receiver.errors import ConfigError
from receiver.notification import normal_type
from receiver.privacy import TOPS, FieldPath, Fields, Protection, Redaction, Seal

_EXAMPLE = "payload.OrderChangeNotification.Summary.DestinationPostalCode"


def _parsed(value: Any) -> FieldPath:
    if isinstance(value, FieldPath):
        return value
    if not isinstance(value, str):
        raise ValueError(f'a path in quotes is expected, like "{_EXAMPLE}"')
    return FieldPath.parse(value)


def _of_notification(value: Any) -> FieldPath:
    path = _parsed(value)
    if path.steps[0] not in TOPS:
        raise ValueError(f'"{path.source}" begins with none of {", ".join(TOPS)}: write it like "{_EXAMPLE}"')
    return path


def _normal_types(value: dict[str, "NotificationFields"]) -> dict[str, "NotificationFields"]:
    types = {normal_type(name): fields for name, fields in value.items()}
    if len(types) < len(value):
        raise ValueError("a notification type stands here twice, in two ways of writing it")
    return types


NotificationPath = Annotated[
    FieldPath,
    PlainValidator(_of_notification),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^\W*({'|'.join(TOPS)})\b",
            "examples": [_EXAMPLE, "payload.AnyOfferChangedNotification.Offers.*.SellerId"],
        }
    ),
]
"""A path into a notification's document; `*` stands for every element and every name."""
ResultPath = Annotated[
    FieldPath,
    PlainValidator(_parsed),
    WithJsonSchema({"type": "string", "examples": ["order.recipient", "orders.*.buyer.buyerEmail"]}),
]
"""A path into a handler's answer, from its root."""


class NotificationFields(Section):
    """Fields of notifications."""

    drop: tuple[NotificationPath, ...] = ()
    """Left out before anything is stored, routed or logged: rules, templates and destinations do not see them."""
    mask: tuple[NotificationPath, ...] = ()
    """Kept as "***": it can be told that there was a value, and not which."""

    @property
    def fields(self) -> Fields:
        """As the redaction takes them."""
        return Fields(self.drop, self.mask)


class ResultFields(Section):
    """Fields of a handler's answers."""

    drop: tuple[ResultPath, ...] = ()
    """Left out of what is handed on by `then` and of what is kept with attempts."""
    mask: tuple[ResultPath, ...] = ()
    """Kept as "***"."""

    @property
    def fields(self) -> Fields:
        """As the redaction takes them."""
        return Fields(self.drop, self.mask)


class Encryption(Section):
    """Encryption of what is kept: AES-256-GCM."""

    key: Secret
    """32 bytes as 64 hexadecimal digits or base64."""
    previous_keys: tuple[Secret, ...] = ()
    """Keys that `key` replaced, until `spapi-router inbox rotate` has sealed everything anew."""


class PrivacySettings(NotificationFields):
    """`[privacy]`: data of buyers that is not kept, or kept encrypted."""

    encrypt: Encryption | None = None
    """Encrypts messages, results, answers and reasons in the inbox."""
    types: Annotated[dict[str, NotificationFields], AfterValidator(_normal_types)] = Field(default={})
    """Further fields of one notification type: `[privacy.types.ORDER_CHANGE]`."""
    results: dict[str, ResultFields] = Field(default={})
    """Fields of the answers of one handler: `[privacy.results.HANDLER]`."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.encrypt or self.redacts:
            return self
        raise ValueError('says nothing: name fields with drop or mask, or encrypt = { key = { credential = "NAME" } }')

    @property
    def redacts(self) -> bool:
        """Whether any field is named."""
        named = [self.fields, *(each.fields for each in self.types.values())]
        return any((*named, *(each.fields for each in self.results.values())))

    def fields_of(self, type_: str) -> Fields:
        """What is named of a notification type."""
        return self.fields + (self.types[type_].fields if type_ in self.types else Fields())

    def protection(self) -> Protection:
        """What does as these settings say. Raises ConfigError for a key that cannot be used."""
        return Protection(self.redaction(), self._seal())

    def redaction(self) -> Redaction | None:
        """What takes the named fields out, None where none is named."""
        types = {name: each.fields for name, each in self.types.items()}
        results = {name: each.fields for name, each in self.results.items()}
        return Redaction(self.fields, types, results) if self.redacts else None

    def _seal(self) -> Seal | None:
        if self.encrypt is None:
            return None
        return Seal(_key(self.encrypt.key, "key"), [_key(each, "previous_keys") for each in self.encrypt.previous_keys])


def _key(secret: Secret, name: str) -> bytes:
    try:
        return parse_key(secret.read())
    except (SecretError, ValueError) as error:
        said = error if isinstance(error, SecretError) else f"{secret} {error}"
        raise ConfigError(f"[privacy] encrypt.{name}: {said}") from None
