"""The tables of the inbox as version 1 has them. A later version is a step in `receiver.inbox.migrations`.

A delivery's `state` is the place of its name in `STATES`; times are seconds since the epoch. Bodies lie in a table
of their own, so that listings read none. Partial indexes hold only what is open: they stay small, and claiming is a
range scan whatever lies finished or blocked beside.
"""

from receiver.inbox.listing import State

STATES = (State.WAITING, State.BLOCKED, State.RUNNING, State.DONE, State.DEAD, State.SUPERSEDED)
CODES = {state: code for code, state in enumerate(STATES)}
WAITING, BLOCKED, RUNNING, DONE, DEAD, SUPERSEDED = range(len(STATES))
NOTIFICATIONS = -1
"""The tally's code for kept notifications, under an empty handler."""

TABLES = (
    "notifications",
    "bodies",
    "seen",
    "recent",
    "deliveries",
    "attempts",
    "newest",
    "once",
    "tally",
    "subscriptions",
    "notes",
    "accounts",
    "audit",
    "consents",
    "entities",
    "minutes",
    "actions",
)
PROBE = "SELECT * FROM {} LIMIT 1"
"""Fails for a table that is damaged at its root, or not there, however large it is."""

VERSION_1 = """
CREATE TABLE notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    dedup_key TEXT NOT NULL,
    type TEXT NOT NULL,
    version TEXT NOT NULL,
    notification_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    seller_id TEXT NOT NULL,
    marketplace_id TEXT NOT NULL,
    event_time REAL NOT NULL,
    received_at REAL NOT NULL,
    routed INTEGER NOT NULL,
    repeats INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX notifications_received ON notifications (received_at);
CREATE INDEX notifications_unrouted ON notifications (type, id) WHERE routed = 0;

CREATE TABLE bodies (
    notification_id INTEGER PRIMARY KEY,
    part INTEGER NOT NULL,
    body BLOB NOT NULL
);

CREATE TABLE seen (
    key BLOB PRIMARY KEY,
    notification_id INTEGER NOT NULL,
    at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX seen_at ON seen (at);

CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    notification_id INTEGER NOT NULL,
    parent_id INTEGER,
    webhook BLOB NOT NULL,
    rule TEXT NOT NULL,
    handler TEXT NOT NULL,
    key TEXT,
    state INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    runs INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    event_time REAL NOT NULL,
    due_at REAL NOT NULL,
    claimed_at REAL,
    leased_until REAL,
    finished_at REAL,
    coalesce REAL,
    newest_only INTEGER NOT NULL DEFAULT 0,
    superseded_by INTEGER,
    reason TEXT NOT NULL DEFAULT '',
    body BLOB
);
CREATE INDEX deliveries_notification ON deliveries (notification_id);
CREATE INDEX deliveries_due ON deliveries (handler, due_at, id) WHERE state = 0;
CREATE INDEX deliveries_leased ON deliveries (leased_until) WHERE state = 2;
CREATE INDEX deliveries_dead ON deliveries (id) WHERE state = 4;
CREATE INDEX deliveries_line ON deliveries (handler, key, event_time, id) WHERE key IS NOT NULL AND state IN (0, 1);
CREATE INDEX deliveries_front ON deliveries (handler, key) WHERE key IS NOT NULL AND state IN (0, 2);
CREATE INDEX deliveries_replaceable ON deliveries (handler, key, rule, event_time, id)
    WHERE state IN (0, 1) AND (coalesce IS NOT NULL OR newest_only = 1);

CREATE TABLE attempts (
    delivery_id INTEGER NOT NULL,
    run INTEGER NOT NULL,
    number INTEGER NOT NULL,
    started_at REAL NOT NULL,
    ended_at REAL NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    detail TEXT NOT NULL,
    response BLOB NOT NULL,
    request_id TEXT NOT NULL,
    PRIMARY KEY (delivery_id, run)
) WITHOUT ROWID;

CREATE TABLE newest (
    rule TEXT NOT NULL,
    handler TEXT NOT NULL,
    key TEXT NOT NULL,
    event_time REAL NOT NULL,
    delivery_id INTEGER NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (rule, handler, key)
) WITHOUT ROWID;
CREATE INDEX newest_at ON newest (at);

CREATE TABLE once (
    rule TEXT NOT NULL,
    handler TEXT NOT NULL,
    key TEXT NOT NULL,
    delivery_id INTEGER NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (rule, handler, key)
) WITHOUT ROWID;
CREATE INDEX once_at ON once (at);

CREATE TABLE tally (
    handler TEXT NOT NULL,
    state INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (handler, state)
) WITHOUT ROWID;

CREATE TABLE subscriptions (
    topic TEXT NOT NULL,
    arn TEXT NOT NULL,
    state TEXT NOT NULL,
    changed_at REAL NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (topic)
) WITHOUT ROWID;

CREATE TABLE notes (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;
"""
