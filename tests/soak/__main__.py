"""Many runs with faults: `python -m tests.soak [--runs N] [--seed S] [--processes P]`.

Prints what was tried, and for each run that broke an invariant how it is run alone. Ends with status 1 then.
"""

import argparse
import logging
import multiprocessing
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import tests.conftest  # noqa: F401 - sets the environment that functions read when they are imported
from expunge.telemetry import logger
from tests.soak.run import Told, run


def main(arguments: Sequence[str]) -> int:
    """Play the runs and print the report; return how many of them broke an invariant, at most 1."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the next has the next number")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args(arguments)
    seeds = range(asked.seed, asked.seed + asked.runs)
    print(f"Seeds {seeds[0]} to {seeds[-1]}", flush=True)
    report = Report()
    with multiprocessing.Pool(asked.processes) as pool:
        for seed, told in pool.imap_unordered(_outcome, seeds, chunksize=20):
            report.take(seed, told)
    report.print()
    return int(bool(report.broken))


def _outcome(seed: int) -> tuple[int, Told | str]:
    """What the run did, or how it broke."""
    logger.setLevel(logging.CRITICAL)
    try:
        return seed, run(seed)
    except Exception:
        return seed, traceback.format_exc(limit=-4)


@dataclass
class Report:
    """What all runs did together."""

    runs: int = 0
    changes: int = 0
    died: int = 0
    broken: list[int] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    lags: Counter[str] = field(default_factory=Counter)
    skewed: int = 0
    _began: float = field(default_factory=time.monotonic)

    def take(self, seed: int, told: Told | str) -> None:
        """Add one run; one that broke is told at once."""
        self.runs += 1
        if isinstance(told, str):
            self.broken.append(seed)
            print(
                f"\nSeed {seed} broke, and does so again by: make soak RUNS=1 SEED={seed}\n{told}", flush=True
            )
            return
        self.changes += told.changes
        self.died += told.died
        self.asked.update(told.asked)
        self.faults.update(told.faults)
        self.lags[f"{told.lag:g} s"] += 1
        self.skewed += told.skewed

    def print(self) -> None:
        """Print it all."""
        print(f"{self.runs} runs in {time.monotonic() - self._began:.0f} s, {len(self.broken)} broken")
        print(f"{self.asked.total()} invocations, {self.died} of which died: {_listed(self.asked)}")
        print(f"{self.faults.total()} faults: {_listed(self.faults)}")
        print(f"runs by the lag of the index: {_listed(self.lags)}; with clocks that are off: {self.skewed}")
        print(f"{self.changes} changes of messages were looked at")


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.most_common())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
