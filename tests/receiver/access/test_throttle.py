"""How often an address may be wrong."""

from hypothesis import given
from hypothesis import strategies as st

from receiver.access.throttle import Throttle


def test_five_at_once_then_one_every_ten_seconds() -> None:
    now = [100.0]
    throttle = Throttle(5, 10.0, lambda: now[0])
    for _ in range(5):
        assert throttle.wait("192.0.2.1") == 0
        throttle.failed("192.0.2.1")
    assert throttle.wait("192.0.2.1") == 10
    assert throttle.wait("192.0.2.2") == 0
    now[0] += 10
    assert throttle.wait("192.0.2.1") == 0
    throttle.failed("192.0.2.1")
    assert throttle.wait("192.0.2.1") == 10
    now[0] += 1000
    for _ in range(5):
        assert throttle.wait("192.0.2.1") == 0
        throttle.failed("192.0.2.1")


def test_a_network_of_ipv6_counts_as_one_sender() -> None:
    throttle = Throttle(1, 10.0, lambda: 0.0)
    throttle.failed("2001:db8::1")
    assert throttle.wait("2001:db8::ffff:1") > 0
    assert throttle.wait("2001:db8:0:1::1") == 0
    throttle.failed("unix")
    assert throttle.wait("unix") > 0


def test_memory_is_bounded_and_the_latest_are_remembered() -> None:
    now = [0.0]
    throttle = Throttle(1, 1e6, lambda: now[0])
    for number in range(30_000):
        now[0] += 1
        throttle.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(throttle._empty_at) <= 10_001
    assert throttle.wait("10.0.117.47") > 0


@given(st.lists(st.floats(0, 30), min_size=1, max_size=60))
def test_no_more_get_through_than_the_bucket_lets(pauses: list[float]) -> None:
    now = [0.0]
    throttle = Throttle(3, 10.0, lambda: now[0])
    passed = 0
    for pause in pauses:
        now[0] += pause
        if not throttle.wait("a"):
            passed += 1
            throttle.failed("a")
    assert passed <= 3 + now[0] / 10.0 + 1e-6
