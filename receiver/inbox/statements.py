"""The inbox's SQL by name. `INDEXED BY` makes a statement fail, rather than scan, should its index not fit any more.

State codes are written out (see `receiver.inbox.schema`): partial indexes serve only literal conditions.
"""

from receiver.inbox.values import ManyRows

LAST_NOTIFICATION = "SELECT seq FROM sqlite_sequence WHERE name = 'notifications'"
SEEN = ManyRows("SELECT key, notification_id FROM seen WHERE key IN (", 1, ")", keyword="VALUES ")
RECENT = "SELECT key, notification_id FROM recent ORDER BY notification_id"
ADD_RECENT = ManyRows("INSERT INTO recent (notification_id, key, at) ", 3)
MOVE_TO_SEEN = ManyRows(
    "INSERT OR IGNORE INTO seen (key, notification_id, at) "
    "SELECT key, notification_id, (CAST(at / 86400 AS INTEGER) + 1) * 86400.0 FROM recent "
    "WHERE notification_id IN (",
    1,
    ")",
)
TRIM_RECENT = "DELETE FROM recent WHERE notification_id <= ?"
ADD_NOTIFICATIONS = ManyRows(
    "INSERT INTO notifications (id, dedup_key, type, version, notification_id, message_id, topic, seller_id, "
    "marketplace_id, event_time, received_at, routed) ",
    12,
)
ADD_BODIES = ManyRows("INSERT INTO bodies (notification_id, part, body) ", 3)
ADD_DELIVERIES = ManyRows(
    "INSERT INTO deliveries (notification_id, webhook, rule, handler, key, state, created_at, event_time, due_at, "
    "finished_at, reason) ",
    11,
)
COUNT_REPEATS = "UPDATE notifications SET repeats = repeats + ? WHERE id = ?"
ADD_TALLY = ManyRows(
    "INSERT INTO tally (handler, state, count) ", 3, " ON CONFLICT DO UPDATE SET count = count + excluded.count"
)

ADD_DELIVERY = (
    "INSERT INTO deliveries (notification_id, parent_id, webhook, rule, handler, key, state, created_at, event_time, "
    "due_at, coalesce, newest_only, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
FIRST_ONCE = (
    "SELECT once.delivery_id FROM once LEFT JOIN deliveries ON deliveries.id = once.delivery_id "
    "WHERE once.rule = ? AND once.handler = ? AND once.key = ? AND ? - once.at <= ? "
    "AND (deliveries.state IS NULL OR deliveries.state NOT IN (4, 5))"
)
SAVE_ONCE = "INSERT OR REPLACE INTO once (rule, handler, key, delivery_id, at) VALUES (?, ?, ?, ?, ?)"
NEWER_DONE = "SELECT delivery_id FROM newest WHERE rule = ? AND handler = ? AND key = ? AND event_time > ?"
SAVE_NEWEST = (
    "INSERT INTO newest (rule, handler, key, event_time, delivery_id, at) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET event_time = excluded.event_time, delivery_id = excluded.delivery_id, "
    "at = excluded.at WHERE excluded.event_time >= newest.event_time"
)
COALESCING = (
    "SELECT id, state, due_at, attempts, begun FROM deliveries INDEXED BY deliveries_replaceable "
    "WHERE handler = ? AND key = ? AND rule = ? AND state IN (0, 1) AND (coalesce IS NOT NULL OR newest_only = 1) "
    "AND coalesce IS NOT NULL ORDER BY event_time, id"
)
STALE = (
    "SELECT id, state FROM deliveries INDEXED BY deliveries_replaceable "
    "WHERE handler = ? AND key = ? AND rule = ? AND state IN (0, 1) AND (coalesce IS NOT NULL OR newest_only = 1) "
    "AND newest_only = 1 AND event_time < ? ORDER BY event_time, id"
)
SUPERSEDE = (
    "UPDATE deliveries SET state = 5, superseded_by = ?, reason = ?, finished_at = ?, leased_until = NULL WHERE id = ?"
)
BEGIN = "UPDATE deliveries SET begun = 1 WHERE id = ?"
SET_DUE = "UPDATE deliveries SET due_at = ? WHERE id = ?"
FRONT = "SELECT id, state FROM deliveries INDEXED BY deliveries_front WHERE handler = ? AND key = ? AND state IN (0, 2)"
HEAD = (
    "SELECT id, state FROM deliveries INDEXED BY deliveries_line WHERE handler = ? AND key = ? AND state IN (0, 1) "
    "ORDER BY event_time, id LIMIT 1"
)
BLOCK = "UPDATE deliveries SET state = 1 WHERE id = ?"
RELEASE = "UPDATE deliveries SET state = 0, due_at = max(due_at, ?) WHERE id = ?"

CLAIM = (
    "UPDATE deliveries SET state = 2, runs = runs + 1, claimed_at = ?, leased_until = ? WHERE id IN ("
    "SELECT id FROM deliveries INDEXED BY deliveries_due WHERE handler = ? AND state = 0 AND due_at <= ? "
    "ORDER BY due_at, id LIMIT ?) "
    "RETURNING id, notification_id, webhook, rule, runs, attempts + 1, key, event_time, created_at, due_at, body, "
    "(SELECT part FROM bodies WHERE bodies.notification_id = deliveries.notification_id), "
    "(SELECT body FROM bodies WHERE bodies.notification_id = deliveries.notification_id)"
)
EXTEND = "UPDATE deliveries SET leased_until = ? WHERE id = ? AND runs = ? AND state = 2"
FINISH_MANY = ManyRows(
    "UPDATE deliveries SET state = new.column3, attempts = attempts + 1, due_at = ifnull(new.column4, due_at), "
    "finished_at = new.column5, reason = new.column6, leased_until = NULL FROM (",
    6,
    ") AS new WHERE deliveries.id = new.column1 AND deliveries.runs = new.column2 AND deliveries.state = 2",
)
FINISH = (
    "UPDATE deliveries SET state = ?, attempts = attempts + ?, due_at = ifnull(?, due_at), finished_at = ?, "
    "reason = ?, leased_until = NULL WHERE id = ?"
)
ADD_ATTEMPTS = ManyRows(
    "INSERT INTO attempts (delivery_id, run, number, started_at, ended_at, outcome, status, detail, response, "
    "request_id) ",
    10,
)
DROP_POSTPONED = "DELETE FROM attempts WHERE delivery_id = ? AND run = ? AND outcome = 'postponed'"

_PLACE = (
    "id, notification_id, webhook, rule, handler, key, state, event_time, due_at, attempts, runs, coalesce, "
    "newest_only, claimed_at"
)
PLACE = f"SELECT {_PLACE} FROM deliveries WHERE id = ?"  # noqa: S608 - constants alone
LEASED = (
    f"SELECT {_PLACE} FROM deliveries INDEXED BY deliveries_leased "  # noqa: S608 - constants alone
    "WHERE state = 2 AND leased_until <= ? ORDER BY id"
)
REVIVE = (
    "UPDATE deliveries SET state = ?, attempts = 0, due_at = ?, finished_at = NULL, superseded_by = NULL, reason = '', "
    "begun = 0 "
    "WHERE id = ?"
)
HAS_ROUTE = (
    "SELECT 1 FROM deliveries WHERE notification_id = ? AND rule = ? AND handler = ? AND parent_id IS NULL LIMIT 1"
)
FOR_ROUTES = "SELECT dedup_key, event_time FROM notifications WHERE id = ?"
MARK_ROUTED = "UPDATE notifications SET routed = 1 WHERE id = ?"

PRUNABLE = (
    "SELECT id, received_at, EXISTS ("
    "SELECT 1 FROM deliveries WHERE deliveries.notification_id = notifications.id AND state IN (0, 1, 2)) "
    "FROM notifications INDEXED BY notifications_received WHERE (received_at, id) > (?, ?) AND received_at < ? "
    "ORDER BY received_at, id LIMIT ?"
)
PRUNABLE_COUNT = (
    "SELECT count(*) FROM notifications WHERE received_at < ? AND NOT EXISTS ("
    "SELECT 1 FROM deliveries WHERE deliveries.notification_id = notifications.id AND state IN (0, 1, 2))"
)
DELIVERIES_OF = "SELECT id, handler, state FROM deliveries WHERE notification_id = ?"
STILLBORN = "SELECT id, handler, rule, key, reason FROM deliveries WHERE notification_id = ? AND state = 4 ORDER BY id"
PRUNE_ATTEMPTS = "DELETE FROM attempts WHERE delivery_id = ?"
PRUNE = (
    "DELETE FROM deliveries WHERE notification_id = ?",
    "DELETE FROM bodies WHERE notification_id = ?",
    "DELETE FROM entities WHERE notification_id = ?",
    "DELETE FROM notifications WHERE id = ?",
)
FORGET_RECENT = "DELETE FROM recent WHERE notification_id IN (SELECT notification_id FROM recent WHERE at < ? LIMIT ?)"
FORGET_SEEN = "DELETE FROM seen WHERE key IN (SELECT key FROM seen INDEXED BY seen_at WHERE at < ? ORDER BY at LIMIT ?)"
FORGET_NEWEST = (
    "DELETE FROM newest WHERE (rule, handler, key) IN ("
    "SELECT rule, handler, key FROM newest INDEXED BY newest_at WHERE at < ? ORDER BY at LIMIT ?)"
)
FORGET_ONCE = (
    "DELETE FROM once WHERE (rule, handler, key) IN ("
    "SELECT rule, handler, key FROM once INDEXED BY once_at WHERE at < ? ORDER BY at LIMIT ?)"
)

SAVE_SUBSCRIPTION = (
    "INSERT INTO subscriptions (topic, arn, state, changed_at, detail) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET arn = excluded.arn, state = excluded.state, changed_at = excluded.changed_at, "
    "detail = excluded.detail"
)
SAVE_NOTE = "INSERT OR REPLACE INTO notes (name, value) VALUES (?, ?)"
DROP_NOTE = "DELETE FROM notes WHERE name = ?"
