"""How long a function takes to start, beside what no function of its kind can do without.

Each start is a fresh process over the artefacts that `make build` made, copied and read-only, with boto3 as
Lambda's runtime brings it. The reference runs right before each start of a function, so that whatever else
the machine does meets both alike. What counts is the processor's time, which other processes disturb least.
Prints a Markdown table of medians, and the ratio of these.
"""

import argparse
import random
import statistics
import sys
import tempfile
from pathlib import Path

from cli.progress import bar, watched
from cli.template import TEMPLATE, functions
from tests.deploy.artefacts import Artefacts, read_only, runtime

REFERENCE = 'import boto3; boto3.client("dynamodb"); import pydantic'
TIMED = "import time; start = time.process_time(); {what}; print(1000 * (time.process_time() - start))"


def main() -> None:
    """Print the table; exit with 1 if a ratio is above what is allowed."""
    parser = argparse.ArgumentParser(description="Measure cold starts of the functions that were built.")
    parser.add_argument("--build", type=Path, default=TEMPLATE.parent / ".aws-sam" / "build")
    parser.add_argument("--rounds", type=int, default=15, help="starts of each function")
    parser.add_argument("--most", type=float, default=float("inf"), help="allowed ratio to the reference")
    options = parser.parse_args()
    if not (options.build / "ExpungeLayer").is_dir():
        sys.exit("nothing is built: run `make build`")
    with tempfile.TemporaryDirectory() as layers, tempfile.TemporaryDirectory() as packages:
        artefacts = Artefacts(read_only(options.build, Path(layers)), runtime(Path(packages)))
        pairs = _measure(artefacts, options.rounds)
    worst = 0.0
    print("| function | CPU of the start | reference | ratio |\n| --- | ---: | ---: | ---: |")
    for name, each in pairs.items():
        took, reference = (statistics.median(times) for times in zip(*each, strict=True))
        ratio = took / reference
        worst = max(worst, ratio)
        print(f"| {name} | {took:.0f} ms | {reference:.0f} ms | {ratio:.2f} |")
    if worst > options.most:
        sys.exit(f"a function takes {worst:.2f} times the reference to start; {options.most} is allowed")


def _measure(artefacts: Artefacts, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds of CPU of each function's starts and of the reference right before each."""
    pairs: dict[str, list[tuple[float, float]]] = {each.name: [] for each in functions()}
    # One more round before, for the files to be in memory.
    order = [each for _ in range(rounds + 1) for each in random.sample(functions(), len(functions()))]
    with bar("starting", len(order), shown=watched(), unit="functions") as advance:
        for each in order:
            start = f"import {each.module}; from expunge.table.store import store; store()"
            reference = artefacts.python(TIMED.format(what=REFERENCE), each.name)
            pairs[each.name].append((artefacts.python(TIMED.format(what=start), each.name), reference))
            advance(1)
    return {name: each[1:] for name, each in pairs.items()}


if __name__ == "__main__":
    main()
