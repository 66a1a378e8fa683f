"""What `make mutation` has found out, and which mutants it could take.

`python tests/mutation/mutants.py tell` prints a table: how many mutants of each module were run, how many of
them the tests noticed, and the names of those that they did not. With `draw COUNT` in the place of `tell` it
prints the names of so many mutants of all modules, drawn at random, the same ones each time.
"""

import json
import random
import sys
from math import sqrt
from pathlib import Path

MUTANTS = Path(__file__).parents[2] / ".mutation" / "mutants"
# How mutmut notes what became of a mutant: by the exit status of pytest, or of what ended it.
UNNOTICED = (0, 5, 33)
"""All tests passed, or there were none."""
NOT_RUN = (None, 2, 34)


def verdicts() -> dict[str, dict[str, int]]:
    """The mutants that were run, by module."""
    found = {}
    for noted in sorted(MUTANTS.rglob("*.py.meta")):
        module = str(noted.relative_to(MUTANTS)).removesuffix(".meta")
        codes = json.loads(noted.read_text())["exit_code_by_key"]
        found[module] = {name: code for name, code in codes.items() if code not in NOT_RUN}
    return {module: codes for module, codes in found.items() if codes}


def interval(noticed: int, run: int) -> tuple[float, float]:
    """Between which shares the true one lies in 95 of 100 samples (Wilson's interval)."""
    z = 1.96
    share, spread = noticed / run, 1 + z * z / run
    middle = (share + z * z / (2 * run)) / spread
    half = z * sqrt(share * (1 - share) / run + z * z / (4 * run * run)) / spread
    return middle - half, middle + half


def tell() -> None:
    """Print the table."""
    total = [0, 0]
    for module, codes in verdicts().items():
        unnoticed = [name for name, code in codes.items() if code in UNNOTICED]
        noticed = len(codes) - len(unnoticed)
        total = [total[0] + noticed, total[1] + len(codes)]
        print(f"| {module} | {len(codes)} | {noticed} | {100 * noticed / len(codes):.0f} % |", *unnoticed)
    if total[1]:
        low, high = interval(*total)
        print(f"| all | {total[1]} | {total[0]} | {100 * total[0] / total[1]:.1f} % |", end=" ")
        print(f"a sample of this size: {100 * low:.1f} to {100 * high:.1f} %")


def draw(count: int) -> None:
    """Print names."""
    every = [
        name
        for noted in sorted(MUTANTS.rglob("*.py.meta"))
        for name in json.loads(noted.read_text())["exit_code_by_key"]
    ]
    print(*random.Random(1).sample(every, count))  # noqa: S311 - nothing secret


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["draw", count]:
            draw(int(count))
        case ["tell"]:
            tell()
        case _:
            sys.exit(__doc__)
