"""The composition root: builds every part of the daemon from the configuration and hands them to each other."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handlers.base import HandlerContext
from receiver.access import Access
from receiver.ahead import Ahead
from receiver.alarms import Alarms
from receiver.config import Configuration
from receiver.consent import ConsentPage
from receiver.dispatcher import Dispatcher, LaneSpec
from receiver.errors import ConfigError
from receiver.inbox.audit import Audit
from receiver.inbox.consents import Consents
from receiver.inbox.remote_writer import WriterProcess
from receiver.inbox.sqlite import SqliteInbox
from receiver.inbox.tokens import InboxTokens
from receiver.ingest import Ingest
from receiver.instruments import Instruments
from receiver.internal import InternalEvents
from receiver.judge import Terms, settle_terms
from receiver.keys import KeyDesk
from receiver.metrics import Looks
from receiver.privacy import Protection
from receiver.privacy.opening import protect
from receiver.refusals import Refusals
from receiver.server import Page, PublicServer, ServerOptions
from receiver.sns import CertificateStore, Confirmer, HttpFetch, Roots, StandIn
from receiver.spapi import SpapiClients
from receiver.subscriptions import Subscriptions
from receiver.tls import ServerTls

Clock = Callable[[], float]


@dataclass(slots=True)
class Parts:
    """Every part of a running daemon."""

    inbox: SqliteInbox
    fetch: HttpFetch
    certificates: CertificateStore
    alarms: Alarms
    ingest: Ingest
    dispatcher: Dispatcher
    internal: InternalEvents
    server: PublicServer
    instruments: Instruments
    tls: ServerTls | None
    spapi: SpapiClients
    access: Access


class Composer:
    """Builds parts by the configuration. `clock` and `roots` are given by tests, the real ones by default."""

    def __init__(self, clock: Clock, roots: Roots | None = None, process: WriterProcess | None = None) -> None:
        self._process = process
        self._clock = clock
        self._roots = roots
        self._spapi = SpapiClients(clock)

    async def compose(self, config: Configuration) -> Parts:
        """All parts, none of them started. Raises RouterError and HandlerError, which say what to do."""
        tls = ServerTls(config.server.tls.certificate, config.server.tls.key) if config.server.tls else None
        options = server_options(config)
        stand_ins = open_stand_ins(config)
        inbox = await SqliteInbox.open(config.inbox.database, process=self._process)
        self._spapi.store = InboxTokens(inbox)
        try:
            protection = config.privacy.protection() if config.privacy else None
            inbox = await protect(inbox, protection)
            access = Access(config.console, config.server.admin, Audit(inbox), self._clock)
            agreed = terms(config, stand_ins, protection)
            await inbox.write(settle_terms, agreed)
            instruments = await Instruments.open(config, inbox, self._clock)
            parts = self._assemble(config, inbox, options, stand_ins, tls, instruments, access)
            parts.ingest.ahead.settle(agreed)
        except BaseException:
            await inbox.close()
            raise
        return parts

    def _assemble(
        self,
        config: Configuration,
        inbox: SqliteInbox,
        options: ServerOptions,
        stand_ins: tuple[StandIn, ...],
        tls: ServerTls | None,
        instruments: Instruments,
        access: Access,
    ) -> Parts:
        self._spapi.observer = instruments.handler_observer
        fetch = HttpFetch(self._roots)
        certificates = CertificateStore(
            fetch, directory=certificate_directory(config), verify_chain=config.sns.verify_chain, roots=self._roots
        )
        internal = InternalEvents(inbox, self._clock)
        alarms = Alarms(internal, Refusals(self._clock))
        lanes = self.lanes(config, internal, instruments)
        dispatcher = Dispatcher(inbox, lanes, clock=self._clock, emit=internal.emit, observer=instruments.observer)
        ingest = Ingest(
            inbox,
            KeyDesk(certificates, inbox),
            self.subscriptions(config, inbox, fetch, stand_ins, alarms),
            ahead=Ahead(certificates, lambda: dispatcher.is_idle),
            expect=dispatcher.expect,
            wake=dispatcher.wake,
            metrics=instruments.metrics,
            clock=self._clock,
            alarms=alarms,
        )
        instruments.observe(config, internal, self._looks(dispatcher, certificates, tls, ingest))
        ingest.traces = instruments.traces
        server = PublicServer(ingest, options, self.pages(config, inbox))
        spapi = self._spapi
        return Parts(
            inbox, fetch, certificates, alarms, ingest, dispatcher, internal, server, instruments, tls, spapi, access
        )

    def _looks(
        self, dispatcher: Dispatcher, certificates: CertificateStore, tls: ServerTls | None, ingest: Ingest
    ) -> Looks:
        return Looks(
            lanes=dispatcher.snapshot,
            plans=self._spapi.usage,
            refusals=self._spapi.refusals,
            signing=certificates.ends,
            tls=lambda: tls.ends if tls else None,
            in_flight=lambda: ingest.in_flight,
        )

    def pages(self, config: Configuration, inbox: SqliteInbox) -> dict[str, Page]:
        """Further routes of the public listener, by path: where consents come back, for an application that asks."""
        spapi = config.spapi
        if spapi is None or spapi.application_id is None:
            return {}
        return {spapi.callback_path: ConsentPage(spapi, Consents(inbox), InboxTokens(inbox), self._clock)}

    def subscriptions(
        self,
        config: Configuration,
        inbox: SqliteInbox,
        fetch: HttpFetch,
        signers: Iterable[StandIn],
        alarms: Alarms,
    ) -> Subscriptions:
        """What answers subscription messages, by `[sns]`."""
        confirmer = Confirmer(fetch, tuple(signers))
        return Subscriptions(inbox, confirmer.confirm, auto_confirm=config.sns.auto_confirm, alarms=alarms)

    def lanes(
        self, config: Configuration, internal: InternalEvents, instruments: Instruments
    ) -> Mapping[str, LaneSpec]:
        """The handlers of the rules file, built and not started."""
        state = config.inbox.database.parent
        services: dict[str, Any] = {"spapi": self._spapi.of(config.spapi)} if config.spapi else {}
        return {
            name: LaneSpec(
                instruments.traced(
                    spec.factory(
                        spec.settings,
                        HandlerContext(
                            name=name,
                            log=logging.getLogger(f"handlers.{name}"),
                            clock=self._clock,
                            state_directory=state / "handlers" / name,
                            services=services,
                            emit=internal.emit,
                            observer=instruments.handler_observer,
                        ),
                    )
                ),
                spec.options,
            )
            for name, spec in config.handlers.items()
        }


def terms(config: Configuration, stand_ins: Iterable[StandIn], protection: Protection | None) -> Terms:
    """What pushes are judged by."""
    sns = config.sns
    versions = frozenset(sns.signature_versions)
    return Terms(sns.topics, sns.max_age, versions, tuple(stand_ins), tuple(config.rules), protection)


def server_options(config: Configuration) -> ServerOptions:
    """What the public listener accepts. Raises SecretError."""
    server = config.server
    pair = (server.basic_auth.username, server.basic_auth.password.read()) if server.basic_auth else None
    return ServerOptions(server.path, server.max_body, trusted_proxies=server.trusted_proxies, basic_auth=pair)


def certificate_directory(config: Configuration) -> Path:
    """Where SNS's certificates are kept."""
    return config.sns.certificates or config.inbox.database.parent / "certificates"


def open_stand_ins(config: Configuration) -> tuple[StandIn, ...]:
    """The stand-ins for SNS. Raises ConfigError, which names the entry."""
    opened = []
    for place, signer in enumerate(config.sns.signers, 1):
        try:
            opened.append(StandIn.open(signer.url, signer.certificate))
        except ValueError as error:
            raise ConfigError(f"{config.path}: sns.signers, entry {place}: {error}") from None
    return tuple(opened)
