"""Data of buyers in the inbox: fields that are not kept, and encryption of the rest (`[privacy]`)."""

from receiver.privacy.paths import FieldPath
from receiver.privacy.protection import Protection
from receiver.privacy.redaction import TOPS, Fields, Redaction
from receiver.privacy.seal import Seal, Unopened

__all__ = ["TOPS", "FieldPath", "Fields", "Protection", "Redaction", "Seal", "Unopened"]
