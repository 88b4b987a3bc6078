"""Amazon's side: seller accounts, usage plans, and the SNS subscriptions of this daemon."""

from receiver.account_records import listed
from receiver.api.model import Answer
from receiver.api.operation import Call
from receiver.api.values import Moment, moment
from receiver.inbox.tokens import InboxTokens
from receiver.world import World


class AccountItem(Answer):
    """A seller account, never its token."""

    account: str
    """SELLER@REGION."""
    seller_id: str
    region: str
    marketplaces: list[str]
    source: str
    """`rules file` or `inbox`."""
    authorized_at: Moment | None
    changed_at: Moment | None
    refreshed_at: Moment | None
    """When its refresh token was last exchanged."""
    key: str | None
    """Which key its token is sealed with: a fingerprint."""


class AccountList(Answer):
    """The accounts by name."""

    items: list[AccountItem]


class UsagePlanItem(Answer):
    """How far an account has used its plan for an operation in the last five minutes."""

    account: str
    operation: str
    calls: int
    share: float
    """0 to 1, of what the plan had to give."""
    waiting: int
    """Calls that wait for their turn."""
    rate: float
    """Calls a second that are let through now."""


class UsagePlanList(Answer):
    """The plans in use, the fullest first."""

    items: list[UsagePlanItem]


class SubscriptionItem(Answer):
    """An SNS subscription of this daemon's URL."""

    topic: str
    arn: str
    state: str
    """`pending`, `confirmed` or `unsubscribed`."""
    changed_at: Moment
    detail: str


class SubscriptionList(Answer):
    """The subscriptions by topic."""

    items: list[SubscriptionItem]


class Amazon:
    """`/accounts`, `/usage-plans` and `/subscriptions`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def accounts(self, _call: Call) -> AccountList:
        """The accounts that are called for. Raises Unavailable."""
        spapi = self._world.config().spapi
        records = await listed(spapi, InboxTokens(self._world.kept)) if spapi else []
        return AccountList(items=[AccountItem(**record) for record in records])

    async def plans(self, _call: Call) -> UsagePlanList:
        """The usage plans that calls were made under since the start."""
        readings = await self._world.readings()
        items = [
            UsagePlanItem(
                account=plan.account_id,
                operation=plan.operation,
                calls=plan.calls,
                share=plan.share,
                waiting=plan.waiting,
                rate=plan.rate,
            )
            for plan in readings.plans
        ]
        return UsagePlanList(items=sorted(items, key=lambda item: (-item.share, item.account, item.operation)))

    async def subscriptions(self, _call: Call) -> SubscriptionList:
        """The subscriptions that were confirmed, wait for it or ended. Raises Unavailable."""
        items = [
            SubscriptionItem(
                topic=each.topic,
                arn=each.arn,
                state=each.state,
                changed_at=moment(each.changed_at) or "",
                detail=each.detail,
            )
            for each in await self._world.kept.subscriptions()
        ]
        return SubscriptionList(items=items)
