"""The picture of a soak: each quantity over time, the faults behind it. Needs matplotlib."""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tests.soak.samples import Sample
from tests.soak.troubles import JUDGED, Spell, Trouble

_COLOURS = {Trouble.KILL: "#b03030", Trouble.SINK: "#e8a33d", Trouble.DISK: "#7a9cc6"}
_MINUTE = 60.0


def draw(samples: list[Sample], troubles: list[Spell], seconds: float, path: Path) -> None:
    """Write the picture, a PNG. Raises OSError."""
    figure, rows = plt.subplots(4, 1, sharex=True, figsize=(9, 8), layout="constrained")
    memory, counts, database, latency = rows
    _line(memory, samples, "memory", "#1f5f8b")
    memory.set_ylabel("memory, MiB")
    _line(counts, samples, "descriptors", "#1f5f8b")
    _line(counts, samples, "threads", "#5a8f3c")
    counts.set_ylabel("descriptors, threads")
    counts.legend(loc="upper right", fontsize="small")
    _line(database, samples, "database", "#1f5f8b")
    database.set_ylabel("database and log, MiB")
    _line(latency, samples, "p50", "#1f5f8b")
    _line(latency, samples, "p99", "#8b1f5f")
    latency.set_yscale("log")
    latency.set_ylabel("time to the 200, ms")
    latency.legend(loc="upper right", fontsize="small")
    latency.set_xlabel("minutes")
    for row in rows:
        _shade(row, troubles, seconds)
        row.grid(alpha=0.3)
    for row in (memory, counts, database):
        row.set_ylim(bottom=0)
    figure.legend(handles=_legend(), loc="outside upper center", ncols=4, fontsize="small")
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _line(axes: Axes, samples: list[Sample], name: str, colour: str) -> None:
    points = [(each.at / _MINUTE, getattr(each, name)) for each in samples if getattr(each, name) is not None]
    axes.plot([at for at, _ in points], [value for _, value in points], color=colour, linewidth=1, label=name)


def _shade(axes: Axes, troubles: list[Spell], seconds: float) -> None:
    for each in troubles:
        colour = _COLOURS[each.trouble]
        if each.trouble is Trouble.KILL:
            axes.axvline(each.start / _MINUTE, color=colour, linewidth=1, linestyle="--")
        else:
            axes.axvspan(each.start / _MINUTE, each.end / _MINUTE, color=colour, alpha=0.35, linewidth=0)
    axes.axvline(JUDGED[0] * seconds / _MINUTE, color="black", linewidth=1, linestyle=":")


def _legend() -> list[Patch | Line2D]:
    kill = Line2D([], [], color=_COLOURS[Trouble.KILL], linestyle="--", label="killed")
    judged = Line2D([], [], color="black", linestyle=":", label="judged from here")
    spans = [Patch(color=_COLOURS[each], alpha=0.35, label=str(each)) for each in (Trouble.SINK, Trouble.DISK)]
    return [kill, *spans, judged]
