"""All checks, in the order in which an operator would look: the daemon, its doors, the world, what it keeps."""

from receiver.doctor.accounts import credentials_hold, tokens_open
from receiver.doctor.admin import admin_answers, console_open
from receiver.doctor.check import Check
from receiver.doctor.clock import clock_agrees
from receiver.doctor.daemon import daemon_runs
from receiver.doctor.database import inbox_sound, inbox_writable
from receiver.doctor.deliveries import all_routed, breakers_closed, handlers_there, none_dead, none_late
from receiver.doctor.disk import space_left
from receiver.doctor.egress import amazon_reachable
from receiver.doctor.listener import listener_answers, socket_held, url_answers
from receiver.doctor.reading import rules_as_read
from receiver.doctor.reports import reports_end
from receiver.doctor.secrets import secrets_readable
from receiver.doctor.sources import spapi_sends
from receiver.doctor.subscriptions import topics_subscribed
from receiver.doctor.tls import listener_certificate, url_certificate
from receiver.doctor.usage import calls_accepted, plans_suffice

CHECKS: tuple[Check, ...] = (
    Check("rules read", rules_as_read),
    Check("secrets", secrets_readable),
    Check("daemon", daemon_runs),
    Check("listener", listener_answers),
    Check("socket", socket_held),
    Check("certificate", listener_certificate),
    Check("public URL", url_answers, network=True),
    Check("URL's certificate", url_certificate, network=True),
    Check("admin listener", admin_answers),
    Check("console", console_open),
    Check("clock", clock_agrees, network=True),
    Check("way to Amazon", amazon_reachable, network=True),
    Check("subscriptions", topics_subscribed),
    Check("tokens", tokens_open),
    Check("credentials", credentials_hold, network=True, seconds=45.0),
    Check("SP-API sends", spapi_sends, network=True, seconds=60.0),
    Check("SP-API refuses", calls_accepted),
    Check("usage plans", plans_suffice),
    Check("reports", reports_end),
    Check("inbox", inbox_writable),
    Check("inbox integrity", inbox_sound),
    Check("disk", space_left),
    Check("dead deliveries", none_dead),
    Check("breakers", breakers_closed),
    Check("delays", none_late),
    Check("removed handlers", handlers_there),
    Check("unrouted", all_routed),
)
