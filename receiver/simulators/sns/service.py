"""The HTTP side of the simulated SNS: its certificate, ConfirmSubscription and Unsubscribe.

Sources: Amazon SNS API reference (ConfirmSubscription, Unsubscribe, common errors).
"""

from collections.abc import Awaitable, Callable
from uuid import uuid4
from xml.sax.saxutils import escape

from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding

from receiver.simulators.sns.authority import Authority
from receiver.simulators.sns.flavour import Flavour
from receiver.simulators.sns.subscriptions import InvalidParameter, Subscription, Subscriptions

ISSUER_PATH = "/issuer.cer"
_NAMESPACE = "http://sns.amazonaws.com/doc/2010-03-31/"


class Service:
    """Answers what a receiver of SNS messages asks SNS. `on_unsubscribe` is awaited when a subscription ends."""

    def __init__(
        self,
        authority: Authority,
        flavour: Flavour,
        subscriptions: Subscriptions,
        on_unsubscribe: Callable[[Subscription], Awaitable[None]],
    ) -> None:
        self._authority = authority
        self._subscriptions = subscriptions
        self._on_unsubscribe = on_unsubscribe
        self._certificate_path = flavour.certificate_path(authority.label)

    def application(self) -> web.Application:
        """The aiohttp application."""
        application = web.Application()
        application.router.add_get("/", self._action)
        application.router.add_get(self._certificate_path, self._certificate)
        application.router.add_get(ISSUER_PATH, self._issuer)
        return application

    async def _certificate(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._authority.certificate, content_type="application/x-pem-file")

    async def _issuer(self, _request: web.Request) -> web.Response:
        if not self._authority.issuers:
            raise web.HTTPNotFound
        body = self._authority.issuers[0].public_bytes(Encoding.DER)
        return web.Response(body=body, content_type="application/pkix-cert")

    async def _action(self, request: web.Request) -> web.Response:
        actions = {"ConfirmSubscription": self._confirm, "Unsubscribe": self._unsubscribe}
        name = request.query.get("Action", "")
        if name not in actions:
            return _error("InvalidAction", f"The action {name} is not valid for this endpoint.")
        try:
            return await actions[name](request)
        except InvalidParameter as error:
            return _error("InvalidParameter", str(error))

    async def _confirm(self, request: web.Request) -> web.Response:
        subscription = self._subscriptions.confirm(_parameter(request, "TopicArn"), _parameter(request, "Token"))
        return _answer("ConfirmSubscription", f"<SubscriptionArn>{escape(subscription.arn)}</SubscriptionArn>")

    async def _unsubscribe(self, request: web.Request) -> web.Response:
        ended = self._subscriptions.remove(_parameter(request, "SubscriptionArn"))
        if ended:
            await self._on_unsubscribe(ended)
        return _answer("Unsubscribe")


def _parameter(request: web.Request, name: str) -> str:
    if value := request.query.get(name):
        return value
    raise InvalidParameter(f"Invalid parameter: {name}")


def _answer(action: str, result: str = "") -> web.Response:
    result = f"<{action}Result>{result}</{action}Result>" if result else ""
    metadata = f"<ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata>"
    return _xml(f'<{action}Response xmlns="{_NAMESPACE}">{result}{metadata}</{action}Response>')


def _error(code: str, message: str) -> web.Response:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    request_id = f"<RequestId>{uuid4()}</RequestId>"
    return _xml(f'<ErrorResponse xmlns="{_NAMESPACE}">{error}{request_id}</ErrorResponse>', 400)


def _xml(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type="text/xml", status=status)
