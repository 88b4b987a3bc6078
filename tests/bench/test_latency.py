"""What the benchmark of latency measures."""

import re

import pytest

from bench import latency


def test_every_push_is_answered_and_comes_to_the_sink_alone_and_beside_a_hanging_handler(
    capsys: pytest.CaptureFixture[str],
) -> None:
    latency.main(["--runs", "1", "--seconds", "0.1"])
    _, *lines = capsys.readouterr().out.splitlines()
    assert [re.sub(r" +[\d.]+", "", line).strip() for line in lines] == ["alone", "beside a hanging handler"]
    for line in lines:
        answered, slowest_answer, arrived, slowest = map(float, re.findall(r"\d+\.\d+", line))
        assert 0 < answered <= slowest_answer
        assert 0 < arrived <= slowest
