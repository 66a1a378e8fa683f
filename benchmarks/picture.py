"""The table and the picture of what scale.py found, as docs/costs-and-limits.md has them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from math import log2, log10
from pathlib import Path
from typing import Any, Final

from benchmarks.scale import CHANNEL_MESSAGES, DUE, RESULTS

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "costs-and-limits.md"
PICTURE: Final = ROOT / "docs" / "scale.svg"
MARKED: Final = re.compile(r"(<!-- scale -->\n).*?(<!-- end of scale -->)", re.DOTALL)

_UNIT = 0.625 / 1e6
_GIGABYTE_SECOND = 0.0000166667

_COLOURS = {
    ("purge", 16): "#cf222e",
    ("purge", 64): "#2da44e",
    ("sweep", 16): "#1f6feb",
}
_NAMES = {
    ("purge", 16): "purging, 16 shards of the bin",
    ("purge", 64): "purging, 64 shards",
    ("sweep", 16): "deleting a channel, 16 parts",
}

Line = Mapping[str, Any]


def lines() -> Sequence[Line]:
    """What was found."""
    found: Sequence[Line] = json.loads(RESULTS.read_text())
    return found


def table(found: Sequence[Line]) -> str:
    """A row a number of workers."""
    by_kind = {(line["what"], line["bins"]): line["results"] for line in found}
    header = (
        "| workers | purged a second | 1,000,000,000 due | $ a million | purged, 64 shards"
        " | of a channel, a second | 100,000,000 in it | $ a million |"
    )
    rows = [header, "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    series = (by_kind["purge", 16], by_kind["purge", 64], by_kind["sweep", 16])
    for purged, wide, swept in zip(*series, strict=True):
        rows.append(
            f"| {purged['workers']} | {_rate(purged)} | {_time(DUE / purged['a_second'])} | {_price(purged)}"
            f" | {_rate(wide)} | {_rate(swept)} | {_time(CHANNEL_MESSAGES / swept['a_second'])}"
            f" | {_price(swept)} |"
        )
    return "\n".join(rows) + "\n"


def _rate(result: Mapping[str, Any]) -> str:
    return f"{round(result['a_second'], -2):,.0f}"


def _time(seconds: float) -> str:
    hours = seconds / 3600
    if hours >= 48:
        return f"{hours / 24:.1f} days"
    return f"{hours:.0f} hours" if hours >= 10 else f"{hours:.1f} hours"


def _price(result: Mapping[str, Any]) -> str:
    """Write units, and functions with 1 GB; what was on its way at the end took units and is not done."""
    units = round(result["units"] / result["done"]) * _UNIT
    functions = result["workers"] / result["a_second"] * _GIGABYTE_SECOND
    return f"{1e6 * (units + functions):.2f}"


def picture(found: Sequence[Line]) -> str:
    """Messages a second by workers, both on logarithmic scales."""
    drawn = [line for line in found if (line["what"], line["bins"]) in _COLOURS]
    body = "\n".join([*_axes(), *_quotas(), *(each for line in drawn for each in _curve(line))])
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 470" role="img" aria-labelledby="title desc" \
font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="13">
  <title id="title">Messages a second by the number of workers</title>
  <desc id="desc">{_told(drawn)}</desc>
  <style>
    svg {{ color: #1f2328 }}
    text {{ fill: currentColor }}
    .grid {{ stroke: currentColor; stroke-width: 1; opacity: .15 }}
    .quota {{ stroke: currentColor; stroke-width: 1.5; stroke-dasharray: 6 5; opacity: .6 }}
    .curve {{ fill: none; stroke-width: 2.5 }}
    @media (prefers-color-scheme: dark) {{ svg {{ color: #e6edf3 }} }}
  </style>
{body}
</svg>
"""


def _told(drawn: Sequence[Line]) -> str:
    parts = []
    for line in drawn:
        first, last = line["results"][0], line["results"][-1]
        name = _NAMES[line["what"], line["bins"]]
        parts.append(f"{name}: from {_rate(first)} with 1 worker to {_rate(last)} with {last['workers']}.")
    return f"Simulated. {' '.join(parts)}"


def _x(workers: float) -> float:
    return 90 + 560 * log2(workers) / 6


def _y(a_second: float) -> float:
    return 420 - 380 * (log10(a_second) - 3) / 2


def _axes() -> Iterator[str]:
    for workers in (1, 2, 4, 8, 16, 32, 64):
        x = _x(workers)
        yield f'  <path class="grid" d="M{x:.0f} 40V420"/>'
        yield f'  <text x="{x:.0f}" y="440" text-anchor="middle">{workers}</text>'
    for rate in (1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000):
        y = _y(rate)
        yield f'  <path class="grid" d="M90 {y:.0f}H650"/>'
        yield f'  <text x="82" y="{y + 4:.0f}" text-anchor="end">{rate:,}</text>'
    yield '  <text x="370" y="462" text-anchor="middle">workers</text>'
    yield '  <text x="90" y="26">messages a second</text>'


def _quotas() -> Iterator[str]:
    for rate, what in ((10_000, "purging"), (20_000, "deleting")):
        y = _y(rate)
        yield f'  <path class="quota" d="M90 {y:.0f}H650"/>'
        yield f'  <text x="660" y="{y + 4:.0f}">default quota of a table, {what}</text>'


def _curve(line: Line) -> Iterator[str]:
    kind = (line["what"], line["bins"])
    colour = _COLOURS[kind]
    points = [(_x(each["workers"]), _y(each["a_second"])) for each in line["results"]]
    path = "L".join(f"{x:.0f} {y:.0f}" for x, y in points)
    yield f'  <path class="curve" stroke="{colour}" d="M{path}"/>'
    for x, y in points:
        yield f'  <circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="{colour}"/>'
    at = 260 + 24 * list(_COLOURS).index(kind)
    yield f'  <path class="curve" stroke="{colour}" d="M680 {at}h28"/>'
    yield f'  <text x="716" y="{at + 4}">{_NAMES[kind]}</text>'


def main() -> None:
    """Write both."""
    found = lines()
    PICTURE.write_text(picture(found))
    PAGE.write_text(MARKED.sub(lambda marks: marks[1] + table(found) + marks[2], PAGE.read_text()))


if __name__ == "__main__":
    main()
