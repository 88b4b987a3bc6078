"""Cookies that nobody can make or lengthen."""

from hypothesis import given
from hypothesis import strategies as st

from receiver.access.sessions import Sessions

HOUR = 3600.0


def test_a_session_ends_by_itself_and_by_hand() -> None:
    now = [1000.0]
    sessions = Sessions(HOUR, lambda: now[0])
    first, second = sessions.open(), sessions.open()
    one, two = sessions.read(first), sessions.read(second)
    assert one is not None
    assert two is not None
    assert one != two
    sessions.end(one)
    assert sessions.read(first) is None
    assert sessions.read(second) == two
    now[0] += HOUR - 1
    assert sessions.read(second) == two
    now[0] += 1
    assert sessions.read(second) is None


def test_what_was_ended_is_forgotten_when_it_would_have_ended() -> None:
    now = [0.0]
    sessions = Sessions(HOUR, lambda: now[0])
    for _ in range(100):
        sessions.end(str(sessions.read(sessions.open())))
        now[0] += 60
    assert len(sessions._ended) <= 61


def test_what_was_ended_stays_so_where_sessions_last_shorter_by_now() -> None:
    now = [0.0]
    sessions = Sessions(HOUR, lambda: now[0])
    cookie = sessions.open()
    sessions.lifetime = 60.0
    sessions.end(str(sessions.read(cookie)))
    now[0] += 120
    sessions.end(str(sessions.read(sessions.open())))
    assert sessions.read(cookie) is None


def test_another_key_opens_nothing() -> None:
    assert Sessions(HOUR, lambda: 0.0).read(Sessions(HOUR, lambda: 0.0).open()) is None


def test_a_signature_serves_one_purpose() -> None:
    sessions = Sessions(HOUR, lambda: 0.0)
    head = sessions.open().rpartition(".")[0]
    assert sessions.read(f"{head}.{sessions.sign('csrf', head)}") is None


@given(st.data())
def test_a_cookie_that_was_changed_anywhere_is_none(data: st.DataObject) -> None:
    sessions = Sessions(HOUR, lambda: 0.0)
    cookie = sessions.open()
    place = data.draw(st.integers(0, len(cookie) - 1))
    other = data.draw(st.characters().filter(lambda character: character != cookie[place]))
    assert sessions.read(cookie[:place] + other + cookie[place + 1 :]) is None
    assert sessions.read(cookie[:place]) is None


@given(st.text())
def test_a_text_is_no_cookie(text: str) -> None:
    assert Sessions(HOUR, lambda: 0.0).read(text) is None
