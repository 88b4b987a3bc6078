"""What people did through the console and the API."""

from receiver.api.model import Answer, Next, Paged, next_of
from receiver.api.operation import Call
from receiver.api.values import Moment, Text, moment
from receiver.inbox.audit import Audit
from receiver.world import World


class AuditQuery(Paged):
    """Which entries."""

    action: Text | None = None
    """`login`, `logout`, `replay` or `cancel`."""


class AuditItem(Answer):
    """One entry: written before it was done."""

    id: int
    at: Moment
    who: str
    action: str
    detail: str
    ids: list[int]
    """The deliveries that were meant, where they were no more than 1,000; else `detail` has the filter."""


class AuditPage(Answer):
    """A page of entries, newest first."""

    items: list[AuditItem]
    next: Next


class AuditLog:
    """`/audit`."""

    def __init__(self, world: World) -> None:
        self._audit = Audit(world.kept)

    async def list(self, call: Call) -> AuditPage:
        """A page of entries. Raises Unavailable."""
        query: AuditQuery = call.query
        rows = await self._audit.entries(before_id=query.cursor, action=query.action, limit=query.limit)
        items = [
            AuditItem(
                id=row.id,
                at=moment(row.at) or "",
                who=row.who,
                action=row.action,
                detail=row.detail,
                ids=list(row.ids),
            )
            for row in rows
        ]
        return AuditPage(items=items, next=next_of([row.id for row in rows], query.limit))
