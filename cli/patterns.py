"""Which records of a stream an event-source mapping lets through, as Lambda decides it.

It knows only what the template uses: a literal value, ``prefix`` and ``exists``. A field whose parent is
missing does not exist.
"""

from collections.abc import Iterable, Mapping
from typing import Any


def admitted(record: Mapping[str, Any], patterns: Iterable[Mapping[str, Any]]) -> bool:
    """Whether one of the patterns fits."""
    return any(_fits(record, pattern) for pattern in patterns)


def _fits(value: Any, pattern: Any) -> bool:
    if isinstance(pattern, Mapping):
        held = value if isinstance(value, Mapping) else {}
        return all(_fits(held.get(name), below) for name, below in pattern.items())
    return any(_matches(value, rule) for rule in pattern)


def _matches(value: Any, rule: Any) -> bool:
    match rule:
        case {"exists": bool(wanted)}:
            return (value is not None) is wanted
        case {"prefix": str(prefix)}:
            return isinstance(value, str) and value.startswith(prefix)
        case dict():
            raise ValueError(f"not an operator that is known here: {rule}")
        case _:
            return bool(value == rule)
