"""HTTP itself: slow, broken, ambiguous and oversized requests, each on a connection of its own."""

import json
from collections.abc import Callable

from tests.attacks.forge import Forge
from tests.attacks.row import CLOSED, Kind, Post, Row, Script
from tests.attacks.stage import Stage

_BAD = "400"
_HEAD = "POST /sns HTTP/1.1\r\nHost: x\r\n"


def _raw(name: str, answer: str, text: str | bytes, **options: float) -> Row:
    """Bytes as they are."""
    data = text if isinstance(text, bytes) else text.encode("latin-1")
    return Row(name, lambda _forge: Script((data,), **options), answer)  # type: ignore[arg-type]


def _framed(name: str, answer: str, frame: Callable[[bytes], bytes], **options: float) -> Row:
    """A genuine message in another framing."""

    def send(forge: Forge) -> Script:
        return Script((frame(json.dumps(forge.notification()).encode()),), **options)  # type: ignore[arg-type]

    return Row(name, send, answer)


def _fields(name: str, answer: str, *lines: str, length: bool = True) -> Row:
    """A genuine message with further lines in its head."""

    def frame(body: bytes) -> bytes:
        own = f"Content-Length: {len(body)}\r\n" if length else ""
        more = "".join(f"{line}\r\n" for line in lines)
        return f"{_HEAD}{own}{more}Connection: close\r\n\r\n".encode("latin-1") + body

    return _framed(name, answer, frame)


def _line(name: str, answer: str, line: str) -> Row:
    """A genuine message under another request line."""
    return _framed(
        name,
        answer,
        lambda body: (
            f"{line}\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode("latin-1") + body
        ),
    )


def _chunked(name: str, answer: str, body: str | bytes, **options: float) -> Row:
    """A body in chunks as they are written."""
    data = body if isinstance(body, bytes) else body.encode("latin-1")
    head = f"{_HEAD}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
    return Row(name, lambda _forge: Script((head + data,), **options), answer)  # type: ignore[arg-type]


def _in_chunks(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def _smuggled(forge: Forge) -> Script:
    """Content-Length counts the chunked body to its end; a second message is hidden behind it."""
    hidden = json.dumps(forge.notification()).encode()
    behind = f"{_HEAD}Content-Length: {len(hidden)}\r\n\r\n".encode() + hidden
    body = b"0\r\n\r\n" + behind
    return Script((f"{_HEAD}Content-Length: {len(body)}\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + body,))


async def _log_is_harmless(stage: Stage, _notification: int) -> None:
    words = stage.process.words
    assert words.replace("\n", "").isprintable(), "the log has a character that does something in a terminal"
    assert "push_refused" in words


def _pipelined(forge: Forge) -> Script:
    """Three messages, the second forged, in one piece."""
    fields = [forge.notification(), forge.tampered(Message="{}"), forge.notification()]
    bodies = [json.dumps(each).encode() for each in fields]
    heads = [f"{_HEAD}Content-Length: {len(body)}\r\n" for body in bodies]
    heads[-1] += "Connection: close\r\n"
    return Script((b"".join(f"{head}\r\n".encode() + body for head, body in zip(heads, bodies, strict=True)),))


def _behind(first: str, answer: str, name: str) -> Row:
    """A genuine message behind something else on one connection."""

    def send(forge: Forge) -> Script:
        body = json.dumps(forge.notification()).encode()
        end = f"{_HEAD}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
        return Script((first.encode("latin-1") + end,))

    return Row(name, send, answer)


def _hundred_gets(_forge: Forge) -> Script:
    return Script(
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 99 + b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",)
    )


def _byte_by_byte(forge: Forge) -> Script:
    body = json.dumps(forge.notification()).encode()
    text = f"{_HEAD}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
    return Script(tuple(text[place : place + 1] for place in range(len(text))), pause=0.0)


def _breaks_off(forge: Forge) -> Script:
    """All but the last byte of a genuine message."""
    body = json.dumps(forge.notification()).encode()
    return Script((f"{_HEAD}Content-Length: {len(body)}\r\n\r\n".encode() + body[:-1],), hang_up=True)


_CLOSE = "Connection: close\r\n\r\n"
LINES = Kind(
    "request lines and heads",
    "methods, paths, versions and header fields that are not those of SNS",
    (
        _raw("GET", "405 method_not_allowed", f"GET /sns HTTP/1.1\r\nHost: x\r\n{_CLOSE}"),
        _line("PUT", "405 method_not_allowed", "PUT /sns HTTP/1.1"),
        _line("DELETE", "405 method_not_allowed", "DELETE /sns HTTP/1.1"),
        _raw("TRACE", "405 method_not_allowed", f"TRACE /sns HTTP/1.1\r\nHost: x\r\n{_CLOSE}"),
        _raw("OPTIONS of everything", "404 no_such_path", f"OPTIONS * HTTP/1.1\r\nHost: x\r\n{_CLOSE}"),
        _raw(
            "CONNECT, to use it as a proxy",
            "404 no_such_path",
            f"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: x\r\n{_CLOSE}",
        ),
        _line(
            "another host's URL, to use it as a proxy",
            "404 no_such_path",
            "POST http://169.254.169.254/latest HTTP/1.1",
        ),
        _line("a method in lower case", _BAD, "post /sns HTTP/1.1"),
        _line("a made-up method", _BAD, "G\x01T /sns HTTP/1.1"),
        _line("a slash at the end", "404 no_such_path", "POST /sns/ HTTP/1.1"),
        _line("two slashes", "404 no_such_path", "POST //sns HTTP/1.1"),
        _line("a path that climbs", "404 no_such_path", "POST /x/../sns HTTP/1.1"),
        _line("a path that climbs out", "404 no_such_path", "POST /../../etc/passwd HTTP/1.1"),
        _line("a path that climbs by escapes", "404 no_such_path", "POST /x/%2e%2e/sns HTTP/1.1"),
        _line("the path by escapes", "404 no_such_path", "POST /%73ns HTTP/1.1"),
        _line("the path in upper case", "404 no_such_path", "POST /SNS HTTP/1.1"),
        _line("a NUL by escape", "404 no_such_path", "POST /sns%00 HTTP/1.1"),
        _line("a parameter of the path", "404 no_such_path", "POST /sns;x=1 HTTP/1.1"),
        _line("the admin pages", "404 no_such_path", "POST /metrics HTTP/1.1"),
        _raw("the admin pages by GET", "404 no_such_path", f"GET /metrics HTTP/1.1\r\nHost: x\r\n{_CLOSE}"),
        _line("markup in the path", "404 no_such_path", "POST /<script>alert(1)</script> HTTP/1.1"),
        _line("a space in the path", _BAD, "POST /sns x HTTP/1.1"),
        _line("a version that does not exist", _BAD, "POST /sns HTTP/3.7"),
        _line("another protocol's name, read as HTTP/1.0", "200 accepted", "POST /sns RTSP/1.0"),
        _raw("HTTP/0.9", "405 method_not_allowed", "GET /sns\r\n\r\n"),
        _raw("HTTP/2's preface", _BAD, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        _raw("a TLS handshake", _BAD, bytes.fromhex("16030100510100004d0303") + bytes(70) + b"\r\n\r\n"),
        _raw("SSH", _BAD, "SSH-2.0-OpenSSH_9.6\r\n\r\n"),
        _raw("noise", _BAD, bytes(range(256)) * 4),
        _raw("a line without an end", _BAD, b"POST /" + b"a" * (1 << 20)),
        _raw("a field without an end", _BAD, _HEAD.encode() + b"X: " + b"a" * (1 << 20)),
        _raw("ten thousand fields", _BAD, _HEAD + "".join(f"X-{n}: 1\r\n" for n in range(10_000)) + "\r\n"),
        _fields("a field name with a space before the colon", _BAD, "X-Y : z"),
        _fields("a field name with a line break", _BAD, "X\rY: z"),
        _fields("a field without a colon", _BAD, "nonsense"),
        _fields("a field without a name", _BAD, ": z"),
        _fields("a NUL in a field", _BAD, "X: a\0b"),
        _fields("a folded field", _BAD, "X: a\r\n b"),
        _fields("a line break alone in a field", _BAD, "X: a\nContent-Length: 0"),
        _framed(
            "line breaks alone",
            _BAD,
            lambda body: f"POST /sns HTTP/1.1\nHost: x\nContent-Length: {len(body)}\n\n".encode() + body,
        ),
        _fields("an Expect that nobody knows", "200 accepted", "Expect: 200-ok"),
        _fields("an upgrade to h2c", "200 accepted", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
        _fields(
            "an upgrade to WebSocket",
            "200 accepted",
            "Upgrade: websocket",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        ),
        _fields("a method in a field", "200 accepted", "X-HTTP-Method-Override: DELETE"),
        _fields("a path in a field", "200 accepted", "X-Original-URL: /metrics", "X-Rewrite-URL: /metrics"),
        _fields("an address in a field", "200 accepted", "X-Forwarded-For: <script>alert(1)</script>"),
        Row(
            "a terminal's commands in a field that is logged",
            lambda forge: Post(json.dumps(forge.notification()).encode(), {"X-Amz-Sns-Message-Id": "\x9b2J\u202e\x85"}),
            "400 headers",
            after=_log_is_harmless,
        ),
        _line("a URL of this door", "200 accepted", "POST http://x/sns HTTP/1.1"),
        _framed(
            "HTTP/1.0",
            "200 accepted",
            lambda body: f"POST /sns HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body,
        ),
        _framed(
            "HTTP/1.0 with chunks",
            "200 accepted",
            lambda body: b"POST /sns HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + _in_chunks(body),
        ),
        _framed(
            "no Host",
            _BAD,
            lambda body: (
                f"POST /sns HTTP/1.1\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
            ),
        ),
        _fields("two Hosts", _BAD, "Host: y"),
    ),
)
FRAMES = Kind(
    "framing",
    "bodies whose length is ambiguous, wrong, or never reached; requests hidden behind others",
    (
        Row("Content-Length and chunks together", _smuggled, _BAD),
        _fields("Content-Length twice, unlike", _BAD, "Content-Length: 5"),
        _fields("Content-Length in a list, unlike", _BAD, "Content-Length: 5, 6", length=False),
        _fields("Content-Length with a sign", _BAD, "Content-Length: +5", length=False),
        _fields("Content-Length below zero", _BAD, "Content-Length: -1", length=False),
        _fields("Content-Length in hex", _BAD, "Content-Length: 0x10", length=False),
        _fields("Content-Length with an underscore", _BAD, "Content-Length: 1_0", length=False),
        _fields("Content-Length in other digits", _BAD, "Content-Length: \xb2", length=False),
        _fields("an empty Content-Length", _BAD, "Content-Length: ", length=False),
        _raw("a Content-Length beyond 64 bits", _BAD, f"{_HEAD}Content-Length: {'9' * 30}\r\n\r\n"),
        _raw(
            "a Content-Length of a terabyte",
            "413 too_large",
            f"{_HEAD}Content-Length: {1 << 40}\r\nConnection: close\r\n\r\n",
        ),
        _fields("an unknown coding", _BAD, "Transfer-Encoding: xchunked", length=False),
        _fields("chunked and then identity", _BAD, "Transfer-Encoding: chunked, identity", length=False),
        _fields("chunked twice", _BAD, "Transfer-Encoding: chunked, chunked", length=False),
        _fields(
            "chunked in two fields", _BAD, "Transfer-Encoding: chunked", "Transfer-Encoding: identity", length=False
        ),
        _fields("chunked after a vertical tab", _BAD, "Transfer-Encoding: \x0bchunked", length=False),
        _chunked("a size that is no number", _BAD, "x\r\n"),
        _chunked("a size below zero", _BAD, "-5\r\nhello\r\n0\r\n\r\n"),
        _chunked("a size in 0x", _BAD, "0x5\r\nhello\r\n0\r\n\r\n"),
        _chunked("a size beyond 64 bits", _BAD, f"{'F' * 17}\r\nhello\r\n"),
        _chunked("a size with a space before it", _BAD, " 5\r\nhello\r\n0\r\n\r\n"),
        _chunked("a chunk without its line break", _BAD, "5\r\nhelloX\r\n0\r\n\r\n"),
        _chunked("a size line without an end", "503 slow_body", "5;" + "a" * (1 << 20)),
        _chunked("line breaks alone between chunks", _BAD, "5\nhello\n0\n\n"),
        _chunked("chunks of one byte up to 1 MiB and one", CLOSED, "1\r\n \r\n" * ((1 << 20) + 1) + "0\r\n\r\n"),
        _chunked(
            "chunks of a hundred bytes up to 1 MiB and more",
            "413 too_large",
            f"64\r\n{' ' * 100}\r\n" * 11_000 + "0\r\n\r\n",
        ),
        _chunked("one chunk of 2 MiB", "413 too_large", b"200000\r\n" + b" " * (2 << 20) + b"\r\n0\r\n\r\n"),
        _chunked("ten thousand trailers", _BAD, "0\r\n" + "".join(f"X-{n}: 1\r\n" for n in range(10_000)) + "\r\n"),
        _framed(
            "chunks with an extension",
            "200 accepted",
            lambda body: (
                f"{_HEAD}Transfer-Encoding: chunked\r\n{_CLOSE}{len(body):x};a=b\r\n".encode() + body + b"\r\n0\r\n\r\n"
            ),
        ),
        Row("three messages at once, the second forged", _pipelined, "200 accepted, 403 signature, 200 accepted"),
        Row("a hundred requests at once", _hundred_gets, "100 times 404 no_such_path"),
        Row("a message byte by byte", _byte_by_byte, "200 accepted"),
        _behind("\r\n" * 3, "200 accepted", "a message behind empty lines"),
        _behind(
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404 no_such_path, 200 accepted", "a message behind another request"
        ),
        _behind(
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nG",
            _BAD,
            "a message of which a GET's body takes the first bytes",
        ),
        _behind("NONSENSE\r\n\r\n", _BAD, "a message behind nonsense"),
        _behind(
            "POST /sns HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZ\r\n",
            _BAD,
            "a message behind a broken chunk",
        ),
        Row("a message without its last byte, and gone", _breaks_off, CLOSED),
        Row("a head without its end, and gone", lambda _: Script((_HEAD.encode(),), hang_up=True), CLOSED),
        Row("nothing, and gone", lambda _: Script((b"",), hang_up=True), CLOSED),
        Row(
            "a message, and gone before the answer",
            lambda _: Script((f"{_HEAD}Content-Length: 2\r\n\r\n{{}}".encode(),), hang_up=True),
            CLOSED,
        ),
        _raw("a body that never comes", "503 slow_body", f"{_HEAD}Content-Length: 1000\r\n\r\n{{"),
        _chunked("chunks that never come", "503 slow_body", "1\r\n{\r\n"),
        Row(
            "a body in drops",
            lambda _: Script((f"{_HEAD}Content-Length: 1000\r\n\r\n".encode(), *([b" "] * 60)), pause=0.25),
            "503 slow_body",
        ),
        Row(
            "a head in drops (slowloris)",
            lambda _: Script((b"POST /sns HTTP/1.1\r\n", *([b"X-a: b\r\n"] * 40)), pause=2.0, patience=110),
            CLOSED,
            slow=True,
        ),
        Row("a connection that says nothing", lambda _: Script((b"",), patience=110), CLOSED, slow=True),
    ),
)
KINDS = (LINES, FRAMES)
