"""Reading the forms of our own pages, which send nothing but URL-encoded fields."""

from aiohttp import web
from multidict import MultiDictProxy

from receiver.access.denial import Denied

CSRF_FIELD, CSRF_HEADER = "csrf", "X-CSRF-Token"
_FORM = "application/x-www-form-urlencoded"
Fields = MultiDictProxy[str | bytes | bytearray | web.FileField]


async def form_of(request: web.Request) -> Fields:
    """The fields of a form, read once however often they are asked for. Raises Denied."""
    if request.content_type.startswith("multipart/"):
        raise Denied(415, "not_a_form", f"send the form as {_FORM}")
    try:
        return await request.post()
    except (ValueError, LookupError, web.PayloadAccessError) as error:
        raise Denied(400, "bad_form", f"the form cannot be read: {type(error).__name__}") from None


async def csrf_of(request: web.Request) -> str | None:
    """The token that shows that a page of ours sent a request: of a script's header, or of a form's field."""
    if CSRF_HEADER in request.headers:
        return request.headers[CSRF_HEADER]
    value = (await form_of(request)).get(CSRF_FIELD) if request.content_type == _FORM else None
    return value if isinstance(value, str) else None
