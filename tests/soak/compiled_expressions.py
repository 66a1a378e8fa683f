"""DynamoDB's expressions, as far as this service uses them, made into functions once and for all.

What is not known here raises, so that nothing is taken for something else.
"""

import operator as operators
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

Item = dict[str, Any]
Names = dict[str, str]
Condition = Callable[[Item, Names, Item], bool]
"""Asked of an item, the placeholders of names and those of values."""

_COMPARISONS = {
    "=": operators.eq,
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
}
_TOKENS = re.compile(r"\s*(<>|<=|>=|[=<>(),+]|[:#]?\w+)")


class _Tokens:
    def __init__(self, text: str) -> None:
        self._left = _TOKENS.findall(text)
        assert "".join(self._left) == re.sub(r"\s", "", text), text
        self._left.reverse()

    def next(self) -> str:
        return str(self._left.pop())

    def peek(self) -> str:
        return self._left[-1] if self._left else ""

    def took(self, word: str) -> bool:
        if self.peek() == word:
            self._left.pop()
            return True
        return False

    def expect(self, word: str) -> None:
        assert self.next() == word


@cache
def condition(text: str) -> Condition:
    """Read a condition."""
    tokens = _Tokens(text)
    read = _or(tokens)
    assert not tokens.peek(), text
    return read


def _or(tokens: _Tokens) -> Condition:
    parts = [_and(tokens)]
    while tokens.took("OR"):
        parts.append(_and(tokens))
    return parts[0] if len(parts) == 1 else lambda *given: any(part(*given) for part in parts)


def _and(tokens: _Tokens) -> Condition:
    parts = [_one(tokens)]
    while tokens.took("AND"):
        parts.append(_one(tokens))
    return parts[0] if len(parts) == 1 else lambda *given: all(part(*given) for part in parts)


def _one(tokens: _Tokens) -> Condition:
    if tokens.took("("):
        inner = _or(tokens)
        tokens.expect(")")
        return inner
    word = tokens.next()
    if tokens.took("("):
        return _function(word, tokens)
    operator = tokens.next()
    if operator == "IN":
        tokens.expect("(")
        among = [tokens.next()]
        while tokens.took(","):
            among.append(tokens.next())
        tokens.expect(")")
        return lambda item, names, values: (
            _operand(word, item, names, values) in [values[each] for each in among]
        )
    if operator == "BETWEEN":
        first = tokens.next()
        tokens.expect("AND")
        last = tokens.next()
        return lambda item, names, values: (
            _compared(_operand(word, item, names, values), ">=", values[first])
            and _compared(_operand(word, item, names, values), "<=", values[last])
        )
    other = tokens.next()
    return lambda item, names, values: _compared(
        _operand(word, item, names, values), operator, _operand(other, item, names, values)
    )


def _function(name: str, tokens: _Tokens) -> Condition:
    word = tokens.next()
    if name == "begins_with":
        tokens.expect(",")
        prefix = tokens.next()
        tokens.expect(")")
        return lambda item, names, values: (_operand(word, item, names, values) or {"S": ""})["S"].startswith(
            values[prefix]["S"]
        )
    tokens.expect(")")
    there = {"attribute_exists": True, "attribute_not_exists": False}[name]
    return lambda item, names, _: (names.get(word, word) in item) is there


def _operand(word: str, item: Item, names: Names, values: Item) -> Any:
    return values[word] if word.startswith(":") else item.get(names.get(word, word))


def _compared(left: Any, operator: str, right: Any) -> bool:
    if operator == "<>":
        return bool(left != right)
    if left is None or right is None:
        return False
    [(kind, mine)], [(other, yours)] = left.items(), right.items()
    if kind != other:
        return False
    if kind == "N":
        mine, yours = float(mine), float(yours)
    return bool(_COMPARISONS[operator](mine, yours))


class Assignment(NamedTuple):
    """What a clause does with one attribute."""

    clause: str
    attribute: str
    value: str | None = None
    unless_there: str | None = None


@cache
def update(text: str) -> Sequence[Assignment]:
    """Read an update."""
    tokens = _Tokens(text)
    read: list[Assignment] = []
    clause = ""
    while tokens.peek():
        if tokens.peek() in ("SET", "REMOVE", "ADD", "DELETE"):
            clause = tokens.next()
        read.append(_assignment(clause, tokens))
        if not tokens.took(","):
            clause = ""
    return read


def _assignment(clause: str, tokens: _Tokens) -> Assignment:
    attribute = tokens.next()
    match clause:
        case "REMOVE":
            return Assignment(clause, attribute)
        case "ADD" | "DELETE":
            return Assignment(clause, attribute, tokens.next())
        case "SET":
            tokens.expect("=")
            value = tokens.next()
            if value != "if_not_exists":
                return Assignment(clause, attribute, value)
            tokens.expect("(")
            there = tokens.next()
            tokens.expect(",")
            value = tokens.next()
            tokens.expect(")")
            return Assignment(clause, attribute, value, there)
    raise NotImplementedError(clause)


def updated(item: Item, text: str, names: Names, values: Item) -> Item:
    """Give the item as the update leaves it; the old one stays as it is."""
    new = dict(item)
    for clause, word, value, unless_there in update(text):
        attribute = names.get(word, word)
        if clause == "REMOVE":
            new.pop(attribute, None)
        elif clause == "SET":
            there = item.get(names.get(unless_there, unless_there)) if unless_there else None
            new[attribute] = there or _operand(value or "", item, names, values)
        else:
            _add(new, attribute, values[value or ""], clause)
    return new


def _add(new: Item, attribute: str, given: Any, clause: str) -> None:
    [(kind, value)] = given.items()
    if kind == "N":
        assert clause == "ADD"
        new[attribute] = {"N": str(int(new.get(attribute, {"N": "0"})["N"]) + int(value))}
        return
    there = set(new.get(attribute, {kind: ()})[kind])
    left = there | set(value) if clause == "ADD" else there - set(value)
    if left:
        new[attribute] = {kind: sorted(left)}
    else:
        new.pop(attribute, None)
