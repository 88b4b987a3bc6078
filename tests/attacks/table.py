"""The whole table, by what is attacked."""

from tests.attacks.kinds import (
    certificate_urls,
    certificates,
    confirmations,
    console,
    deliveries,
    http,
    markup,
    messages,
    signatures,
)
from tests.attacks.row import Kind

KINDS: tuple[Kind, ...] = (
    certificate_urls.KIND,
    *certificates.KINDS,
    *signatures.KINDS,
    *messages.KINDS,
    confirmations.KIND,
    *http.KINDS,
    deliveries.KIND,
    *console.KINDS,
    markup.KIND,
)
