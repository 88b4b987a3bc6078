"""Why pushes were not taken lately: gathered by what was wrong, bounded whatever a sender thinks of."""

from receiver.errors import NotAuthentic, Unavailable
from receiver.refusals import Refusal, Refusals


def test_the_same_refusal_is_counted_and_the_latest_comes_first() -> None:
    times = iter([1.0, 2.0, 3.0])
    refusals = Refusals(lambda: next(times))
    refusals.note(NotAuthentic("signature", "the signature is wrong"))
    refusals.note(Unavailable("overload", "1000 pushes are in flight"))
    refusals.note(NotAuthentic("signature", "the signature is wrong"))
    assert refusals.latest() == [
        Refusal("signature", "the signature is wrong", final=True, count=2, first=1.0, last=3.0),
        Refusal("overload", "1000 pushes are in flight", final=False, count=1, first=2.0, last=2.0),
    ]


def test_a_sender_with_ever_new_words_takes_no_more_memory() -> None:
    refusals = Refusals(lambda: 0.0)
    for number in range(1000):
        refusals.note(NotAuthentic("topic_not_allowed", f"{number} " + "x" * 10_000))
    assert len(refusals.latest()) == 50
    assert max(len(each.detail) for each in refusals.latest()) == 300
