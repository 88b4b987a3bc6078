"""Who may use the console and the API on the admin listener.

`guard(access)` is the middleware in front of both. A request that it lets through has a principal: the holder of the
token, a session that was opened with it, or a user of this machine at the other end of the Unix socket. A form carries
`access.csrf(request)` in its field `csrf`; the guard has checked it, and where the request came from, before the
page is asked. `access.note` keeps what was done.
"""

from receiver.access.access import Access, closed, token_of
from receiver.access.denial import Denied
from receiver.access.guard import guard
from receiver.access.headers import secure
from receiver.access.login import add_login
from receiver.access.principal import Principal, Way

__all__ = ["Access", "Denied", "Principal", "Way", "add_login", "closed", "guard", "secure", "token_of"]
