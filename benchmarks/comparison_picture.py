"""The pictures and the table of what comparison.py found, as benchmarks/README.md has them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import log10
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.comparison import MESSAGES, RESULTS

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "benchmarks" / "README.md"
BY_SIZE: Final = ROOT / "docs" / "comparison-by-size.svg"
BY_CLIENTS: Final = ROOT / "docs" / "comparison-by-clients.svg"
MARKED: Final = re.compile(r"(<!-- comparison -->\n).*?(<!-- end of comparison -->)", re.DOTALL)

_COLOURS: Final = {
    "expunge": "#1f6feb",
    "UpdateItem a row": "#cf222e",
    "PynamoDB": "#bf8700",
    "PartiQL batches": "#2da44e",
    "scan, batch_writer": "#8250df",
    "TTL set a row": "#8c959f",
}

Line = Mapping[str, Any]


class Panel(NamedTuple):
    """One of the graphs of a picture: a figure of each way, both scales logarithmic."""

    name: str
    figure: str
    shown: Callable[[float], str]


def _seconds(value: float) -> str:
    return f"{value:g} s" if value >= 1 else f"{1000 * value:g} ms"


def _number(value: float) -> str:
    return f"{value:,.0f}"


_SIZE: Final = (
    Panel("time", "seconds", _seconds),
    Panel("client CPU", "cpu", _seconds),
    Panel("write units", "written", _number),
    Panel("read units", "read", _number),
)
_CLIENTS: Final = (
    Panel("time until all are answered", "seconds", _seconds),
    Panel("client CPU of all", "cpu", _seconds),
    Panel("calls of all", "calls", _number),
    Panel(f"reported, of {MESSAGES:,} messages", "reported", _number),
)


def picture(title: str, along: str, panels: Sequence[Panel], found: Sequence[Line]) -> str:
    """Four graphs side by side, two and two, and what the colours mean."""
    at = [(70, 40), (560, 40), (70, 320), (560, 320)]
    drawn = [line for line in found if along in line]
    graphs = [
        part for place, each in zip(at, panels, strict=True) for part in _graph(place, each, along, drawn)
    ]
    told = ". ".join(_told(each, along, drawn) for each in panels)
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 630" role="img" aria-labelledby="title desc" \
font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="13">
  <title id="title">{title}</title>
  <desc id="desc">{told}.</desc>
  <style>
    svg {{ color: #1f2328 }}
    text {{ fill: currentColor }}
    .name {{ font-weight: 600; font-size: 15px }}
    .grid {{ stroke: currentColor; stroke-width: 1; opacity: .15 }}
    .curve {{ fill: none; stroke-width: 2.5 }}
    @media (prefers-color-scheme: dark) {{ svg {{ color: #e6edf3 }} }}
  </style>
{chr(10).join([*graphs, *_legend()])}
</svg>
"""


def _graph(place: tuple[int, int], panel: Panel, along: str, found: Sequence[Line]) -> Iterator[str]:
    left, top = place
    width, height = 360, 200
    columns = sorted({line[along] for line in found})
    values = [line[panel.figure] for line in found if line[panel.figure] > 0]
    # Half a decade is free below and above at the most.
    low, high = log10(min(values)) - 0.1, log10(max(values)) + 0.1

    def x(column: float) -> float:
        return left + width * (log10(column) - log10(columns[0])) / (log10(columns[-1]) - log10(columns[0]))

    def y(value: float) -> float:
        return top + 20 + height * (1 - (log10(value) - low) / (high - low))

    yield f'  <text class="name" x="{left}" y="{top}">{panel.name}</text>'
    for column in columns:
        yield f'  <path class="grid" d="M{x(column):.0f} {top + 20}v{height}"/>'
        shown = f"{column:,} {along}" if column == columns[-1] else f"{column:,}"
        yield f'  <text x="{x(column):.0f}" y="{top + height + 38}" text-anchor="middle">{shown}</text>'
    for value in _ticks(low, high):
        yield f'  <path class="grid" d="M{left} {y(value):.0f}h{width}"/>'
        yield f'  <text x="{left - 6}" y="{y(value) + 4:.0f}" text-anchor="end">{panel.shown(value)}</text>'
    for way, colour in reversed(_COLOURS.items()):
        points = [
            (x(line[along]), y(line[panel.figure]))
            for line in found
            if line["way"] == way and line[panel.figure]
        ]
        if points:
            path = "L".join(f"{across:.0f} {up:.0f}" for across, up in points)
            yield f'  <path class="curve" stroke="{colour}" d="M{path}"/>'
        for across, up in points:
            yield f'  <circle cx="{across:.0f}" cy="{up:.0f}" r="3.5" fill="{colour}"/>'


def _ticks(low: float, high: float) -> Iterator[float]:
    steps = (1,) if high - low > 1.5 else (1, 2, 5)
    for power in range(int(low) - 1, int(high) + 1):
        yield from (step * 10**power for step in steps if low <= log10(step) + power <= high)


def _legend() -> Iterator[str]:
    for number, (way, colour) in enumerate(_COLOURS.items()):
        x = 40 + 160 * number
        yield f'  <path class="curve" stroke="{colour}" d="M{x} 610h24"/>'
        yield f'  <text x="{x + 30}" y="614">{way}</text>'


def _told(panel: Panel, along: str, found: Sequence[Line]) -> str:
    last = max(line[along] for line in found)
    figures = [
        f"{line['way']} {panel.shown(float(f'{line[panel.figure]:.3g}'))}"
        for line in found
        if line[along] == last and line[panel.figure]
    ]
    return f"{panel.name} with {last:,} {along}: {', '.join(figures)}"


def table(about: Mapping[str, Any]) -> str:
    """A row a way, among most others and with most clients."""
    found = about["results"]
    others = max(line.get("others", 0) for line in found)
    clients = max(line.get("clients", 0) for line in found)
    header = (
        f"| {MESSAGES:,} deleted among {others:,} others | calls | time | client CPU | write units"
        f" | read units | reported by {clients} clients |"
    )
    rows = [header, "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for way in _COLOURS:
        [one] = [line for line in found if line["way"] == way and line.get("others") == others]
        [crowd] = [line for line in found if line["way"] == way and line.get("clients") == clients]
        written = _number(one["written"]) if one["written"] else "not told"
        rows.append(
            f"| {way} | {one['calls']:,.0f} | {one['seconds']:.2f} s | {one['cpu']:.2f} s"
            f" | {written} | {one['read']:,.0f} | {crowd['reported']:,.0f} |"
        )
    return (
        "\n".join(rows)
        + f"\n\n{about['date']}, {about['machine']}, {about['engine']} in a process of its own,"
        f" with a load of {about['load']:g}; {_rounds(about['rounds'])}.\n"
    )


def _rounds(number: int) -> str:
    return "each measured once" if number == 1 else f"medians of {number}"


def main() -> None:
    """Write all three."""
    about = json.loads(RESULTS.read_text())
    found = about["results"]
    by_size = picture("Deleting 1,000 messages, against the size of the table", "others", _SIZE, found)
    by_clients = picture("Deleting 1,000 messages, against the number of clients", "clients", _CLIENTS, found)
    BY_SIZE.write_text(by_size)
    BY_CLIENTS.write_text(by_clients)
    PAGE.write_text(MARKED.sub(lambda marks: marks[1] + table(about) + marks[2], PAGE.read_text()))


if __name__ == "__main__":
    main()
