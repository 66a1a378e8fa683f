"""The packages of the layer stand on floors, and a module imports from its own room and from below only."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import expunge

PACKAGE = Path(expunge.__file__).parent

FLOORS = (
    {
        "cold_start",
        "errors",
        "settings",
        "deadline",
        "telemetry",
        "tracebacks",
        "timestamps",
        "timetokens",
        "cache",
        "chance",
        "problems",
        "vocabulary",
    },
    {"table"},
    {"http", "deletions", "events"},
    {"webhooks", "linked", "history"},
    {"intake", "background", "messages"},
)
"""From the ground up; functions/ and cli/ stand above them all."""

FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


@cache
def arrows() -> frozenset[tuple[str, str]]:
    """Room and imported room, for each import of one module of the layer by another."""
    return frozenset(_arrows())


def _arrows() -> Iterator[tuple[str, str]]:
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "expunge":
                below = node.module.split(".")[1:2] or [alias.name for alias in node.names]
                yield from ((room, each) for each in below)


def test_every_module_is_on_a_floor() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if path.stem not in ("__init__", "__pycache__", "py")}
    assert rooms == set(FLOOR_OF)


def test_imports_run_down_the_floors() -> None:
    upwards = {(room, other) for room, other in arrows() if FLOOR_OF[room] < FLOOR_OF[other]}
    assert upwards == set()


def test_rooms_of_one_floor_do_not_know_each_other() -> None:
    neighbours = {
        (room, other)
        for room, other in arrows()
        if room != other and FLOOR_OF[room] == FLOOR_OF[other] and FLOOR_OF[room] > 0
    }
    assert neighbours == set()
