"""The daemon's life: load, start, serve, stop."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, closing, suppress
from functools import partial

from aiohttp import web

from handlers.base import HandlerError
from receiver.access import token_of
from receiver.composition import Clock, Composer, Parts, open_stand_ins, terms
from receiver.config import Configuration, load
from receiver.errors import InboxError, RouterError, Unavailable
from receiver.events import log
from receiver.history import History
from receiver.http_log import HttpLog
from receiver.inbox.minutes import Minutes
from receiver.inbox.remote_writer import WriterProcess
from receiver.indexing import Indexer
from receiver.judge import settle_terms
from receiver.listeners import Listener, adopt, listen
from receiver.places import Places
from receiver.presence import NOTE, Presence, stamp_of
from receiver.privacy.opening import protection_anew, reveal_of
from receiver.privacy.wiping import empty_log
from receiver.retention import Retention
from receiver.rules import Rule
from receiver.service_manager import ServiceManager
from receiver.sns import Roots
from receiver.status_line import StatusLine
from receiver.tls import ServerTls, TlsError
from receiver.watch import Watch
from receiver.watchdog import Watchdog

_logger = logging.getLogger(__name__)
_TLS_CHECK = 10.0
_END = 2.0
_LINGER = 1.0
_CLOSING = 15.0
"""Seconds that a stop may take beyond its grace."""
_PROBE = "ready"
"""The note that readiness writes, which takes room on the disk, and the watchdog removes, which takes none."""


class Daemon:
    """One spapi-router: `run` returns when it has been asked to stop and has stopped."""

    def __init__(
        self,
        config: Configuration,
        *,
        clock: Clock = time.time,
        roots: Roots | None = None,
        manager: ServiceManager | None = None,
        process: WriterProcess | None = None,
    ) -> None:
        self.config = self._started_with = config
        self.addresses: tuple[str, ...] = ()
        self.admin_addresses: tuple[str, ...] = ()
        self.ready = asyncio.Event()
        self._composer = Composer(clock, roots, process)
        self._clock = clock
        self._manager = manager or ServiceManager()
        self._stop = asyncio.Event()
        self._watch = Watch(_logger)
        self._parts: Parts | None = None
        self._reloading = asyncio.Lock()
        self._rules_stamp = stamp_of(config.path)
        self._refusal = ""
        self._failure: RouterError | None = None

    async def run(self) -> None:
        """Live until `stop` or SIGTERM. Raises RouterError and HandlerError where the start fails."""
        self._warn()
        self._parts = parts = await self._composer.compose(self.config)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._close, parts)
            await parts.dispatcher.start()
            stack.push_async_callback(parts.dispatcher.stop, 0.0)
            self._watch.keep("internal events", partial(parts.internal.run, self._rules, parts.dispatcher.wake))
            self._watch.keep("retention", self._retention(parts).run)
            index = Indexer(parts.inbox, lambda: parts.ingest.is_busy, reveal_of(parts.inbox))
            self._watch.keep("index", index.run)
            history = History(parts.instruments.metrics.registry, Minutes(parts.inbox), self._clock)
            self._watch.keep("history", history.run)
            self._watch.keep("places", Places(parts.spapi, parts.inbox, parts.dispatcher.wake, self._clock).run)
            self._follow_signals(parts)
            public = parts.server.protocol_factory()
            listener = stack.enter_context(closing(await self._listen(public, parts)))
            await self._start_admin(parts, history, stack)
            parts.instruments.keep(self._watch)
            if parts.tls:
                self._watch.keep("tls", partial(self._follow_tls, parts.tls))
            self._watch.keep("writer", partial(self._follow_writer, parts))
            await self._announce(parts)
            await self._stop.wait()
            await self._stop_serving(parts, listener, public)
        if self._failure is not None:
            raise self._failure

    @property
    def parts(self) -> Parts:
        """The parts of a daemon that is ready."""
        if self._parts is None:
            raise RuntimeError("the daemon is not running")
        return self._parts

    def stop(self) -> None:
        """Ask for the end."""
        self._stop.set()

    def _follow_signals(self, parts: Parts) -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self.stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._watch.once("reload", self.reload(parts)))

    async def _listen(self, factory: Callable[[], asyncio.BaseProtocol], parts: Parts) -> Listener:
        sockets = self._manager.sockets()
        context = parts.tls.context if parts.tls else None
        listener = (
            await adopt(factory, sockets, context)
            if sockets
            else await listen(factory, self.config.server.listen, context)
        )
        self.addresses = listener.addresses
        if listener.inherited:
            facts = {"listen": ",".join(listener.addresses), "instead_of": str(self.config.server.listen)}
            log(_logger, logging.INFO, "socket_inherited", **facts)
        return listener

    async def _start_admin(self, parts: Parts, history: History, stack: AsyncExitStack) -> None:
        if not self.config.server.admin:
            return
        from receiver.admin import admin_app
        from receiver.console.opening import console_of

        async def ready() -> None:
            if self._stop.is_set():
                raise Unavailable("stopping", "the daemon is stopping")
            await parts.inbox.save_note(_PROBE, str(self._clock()).encode())

        if parts.access.closed:
            log(_logger, logging.INFO, "console_closed", cure=parts.access.closed)
        mounts = await stack.enter_async_context(
            console_of(parts, history, lambda: self.config, self._watch, self._clock)
        )
        app = admin_app(parts.instruments.exposition, ready, parts.access, mounts)
        runner = web.AppRunner(app, access_log=None, logger=HttpLog(_logger))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        if runner.server is None:
            raise RuntimeError("the admin application has no server")
        listener = stack.enter_context(closing(await listen(runner.server, self.config.server.admin)))
        self.admin_addresses = listener.addresses

    def _retention(self, parts: Parts) -> Retention:
        wipe = partial(asyncio.to_thread, empty_log, parts.inbox.path)
        return Retention(parts.inbox, self.config.inbox.retention, self._clock, wipe, self._rules)

    def _rules(self) -> Sequence[Rule]:
        return self.config.rules

    async def reload(self, parts: Parts) -> None:
        """Take the rules file in again, all or nothing: a bad file leaves everything as it was."""
        async with self._reloading:
            self._manager.reloading()
            stamp = stamp_of(self.config.path)
            try:
                await self._take_in(await asyncio.to_thread(load, self.config.path), parts)
            except (RouterError, HandlerError) as error:
                self._refusal = f"RELOAD REFUSED, the rules before it go on: {error}"
                parts.instruments.metrics.loaded(None)
                log(_logger, logging.ERROR, "reload_refused", file=str(self.config.path), error=str(error))
            else:
                self._rules_stamp, self._refusal = stamp, ""
                await self._leave_presence(parts)
                self._warn()
                counts = {"rules": len(self.config.rules), "handlers": len(self.config.handlers)}
                log(_logger, logging.INFO, "reloaded", **counts)
            finally:
                self._manager.ready(self._status())

    async def _take_in(self, config: Configuration, parts: Parts) -> None:
        stand_ins, token = open_stand_ins(config), token_of(config.console)
        subscriptions = self._composer.subscriptions(config, parts.inbox, parts.fetch, stand_ins, parts.alarms)
        if parts.tls:
            parts.tls.reload()
        protection = await protection_anew(parts.inbox, config.privacy.protection() if config.privacy else None)
        await parts.dispatcher.replace(self._composer.lanes(config, parts.internal, parts.instruments))
        agreed = terms(config, stand_ins, protection)
        try:
            with parts.ingest.ahead.resting():
                await parts.inbox.write(settle_terms, agreed)
        except Unavailable:
            await parts.dispatcher.replace(self._composer.lanes(self.config, parts.internal, parts.instruments))
            raise
        parts.access.take_in(config.console, token)
        parts.ingest.ahead.settle(agreed)
        parts.ingest.subscriptions = subscriptions
        parts.instruments.take_in(config)
        parts.server.pages = self._composer.pages(config, parts.inbox)
        self._warn_of_restart(config)
        self.config = config

    async def _follow_writer(self, parts: Parts) -> None:
        """End when the inbox's writer does: nothing can be taken or done without it, and a new start mends it."""
        await parts.inbox.writer_ended()
        why = "it was killed, or had no memory left"
        self._failure = InboxError(f"the process that writes the inbox has ended ({why}): start the daemon again")
        log(_logger, logging.ERROR, "inbox_writer_ended", database=str(parts.inbox.path))
        self.stop()

    async def _follow_tls(self, tls: ServerTls) -> None:
        while True:
            await asyncio.sleep(_TLS_CHECK)
            try:
                if tls.reload():
                    log(_logger, logging.INFO, "tls_reloaded")
            except TlsError as error:
                log(_logger, logging.ERROR, "tls_reload_failed", error=str(error))

    async def _stop_serving(self, parts: Parts, listener: Listener, public: web.Server) -> None:
        """New pushes get 503, what is in flight ends, then deliveries end or are handed back.

        On an inherited socket new pushes wait for the next daemon instead, and those accepted before are still taken.
        """
        grace = 0.0 if self._failure else self.config.server.stop_grace
        self._manager.stopping("stopping", grace + _CLOSING)
        log(_logger, logging.INFO, "stopping", in_flight=parts.ingest.in_flight)
        ends = asyncio.get_running_loop().time() + grace
        if listener.inherited:
            listener.close()
            await parts.server.drain(public, min(_LINGER, grace), handshakes=parts.tls is not None)
        parts.ingest.stop()
        with suppress(TimeoutError):
            await asyncio.wait_for(parts.ingest.quiet.wait(), grace / 2)
        await parts.dispatcher.stop(max(ends - asyncio.get_running_loop().time(), 0.0))
        listener.close()
        await public.shutdown(1.0)

    async def _close(self, parts: Parts) -> None:
        await self._watch.end(_END)
        await parts.spapi.close()
        await parts.certificates.close()
        await parts.instruments.close()
        await parts.fetch.close()
        await parts.inbox.close()
        log(_logger, logging.INFO, "stopped")

    async def _announce(self, parts: Parts) -> None:
        await self._leave_presence(parts)
        self.ready.set()
        facts = {"listen": ",".join(self.addresses), "admin": ",".join(self.admin_addresses) or None}
        log(_logger, logging.INFO, "ready", **facts, rules=len(self.config.rules), database=self.config.inbox.database)
        self._manager.ready(self._status())
        if self._manager.listens:
            self._watch.keep(
                "status", StatusLine(self._manager, parts.inbox, parts.instruments.metrics, self._status).run
            )
        if period := self._manager.watchdog_period:
            ask = partial(parts.inbox.save_note, _PROBE, b"")
            self._watch.keep("watchdog", Watchdog(self._manager, ask, period).run)

    async def _leave_presence(self, parts: Parts) -> None:
        path = str(self.config.path.absolute())
        presence = Presence(os.getpid(), self.addresses, self.admin_addresses, path, self._rules_stamp)
        with suppress(Unavailable):
            await parts.inbox.save_note(NOTE, presence.encode())

    def _status(self) -> str:
        counts = f"{len(self.config.rules)} rules, {len(self.config.handlers)} handlers, at {', '.join(self.addresses)}"
        return self._refusal or counts

    def _warn(self) -> None:
        for finding in self.config.warnings:
            log(_logger, logging.WARNING, "rules_file_warning", finding=str(finding))
        if not self.config.sns.verify_chain:
            log(_logger, logging.WARNING, "certificate_chain_not_verified", key="sns.verify_chain")
        for signer in self.config.sns.signers:
            cure = "whoever controls it can sign for every allowed topic: remove it where real notifications arrive"
            pinned = signer.certificate is not None
            log(_logger, logging.WARNING, "stand_in_signer_believed", url=signer.url, pinned=pinned, cure=cure)

    def _warn_of_restart(self, config: Configuration) -> None:
        """Say which sections differ from those this daemon started with, and wait for a restart."""
        if (config.privacy is None) != (self._started_with.privacy is None):
            log(_logger, logging.WARNING, "restart_needed", section="privacy", file=str(config.path))
        for name in ("server", "inbox", "log", "telemetry"):
            if getattr(config, name) != getattr(self._started_with, name):
                log(_logger, logging.WARNING, "restart_needed", section=name, file=str(config.path))
        for name in ("verify_chain", "certificates"):
            if getattr(config.sns, name) != getattr(self._started_with.sns, name):
                log(_logger, logging.WARNING, "restart_needed", section=f"sns.{name}", file=str(config.path))
