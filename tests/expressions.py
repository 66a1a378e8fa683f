"""Moto's expressions, each taken apart once.

moto takes every condition and every update apart anew for each item that it meets, with a dozen passes over
all of its parts, and that takes longer than what it decides by them. Here the form of an expression is kept
and only its values are put in anew. What moto decides stays moto's.
"""

import pickle
from collections.abc import Callable
from functools import cache
from typing import Any

from moto.dynamodb import comparisons
from moto.dynamodb.comparisons import AttributeValue, ConditionExpressionParser, Func, Op
from moto.dynamodb.parsing import ast_nodes, expressions, validators

_NODE: Any = vars(ast_nodes)["Node"]
_TRAVERSER: Any = vars(ast_nodes)["DepthFirstTraverser"]

parse: Callable[[Any], Any] = ConditionExpressionParser.parse
traverse: Callable[..., Any] = _TRAVERSER.traverse_node_recursively
"""What moto does itself."""


def install() -> None:
    """Have all expressions of this process taken apart once."""
    parser: Any = ConditionExpressionParser
    parser.parse = _parsed
    # Its result is not changed: what validates it works on a copy.
    update = vars(expressions)["UpdateExpressionParser"]
    update.make = staticmethod(cache(update.make))
    vars(validators)["deepcopy"] = _copied
    _TRAVERSER.traverse_node_recursively = _traverse
    # These look at a whole expression and at each of its parts, which are a part for each attribute.
    counts, paths = vars(validators)["ActionCountValidator"], vars(validators)["OverlappingPathsValidator"]
    counts.traverse, paths.traverse = counts.verify_action_counts, paths.check_for_overlapping_paths


class _Places:
    """Stands for the values of a condition: each of them is its own name."""

    def __getitem__(self, name: str) -> dict[str, str]:
        return {"name": name}


def _parsed(parser: Any) -> Any:
    if not parser.condition_expression:
        return parse(parser)
    names = tuple((parser.expression_attribute_names or {}).items())
    condition, names_found, values_found = _form(parser.condition_expression, names)
    parser.expr_attr_names_found += names_found
    parser.expr_attr_values_found += values_found
    return _filled(condition, parser.expression_attribute_values)


@cache
def _form(text: str, names: tuple[tuple[str, str], ...]) -> tuple[Any, list[str], list[str]]:
    """A condition with its values' names instead of them, and the names that are in it."""
    parser: Any = ConditionExpressionParser(text, dict(names), None)
    parser.expression_attribute_values = _Places()
    return parse(parser), parser.expr_attr_names_found, parser.expr_attr_values_found


def _filled(part: Any, values: Any) -> Any:
    """Give a condition with its values instead of their names."""
    if isinstance(part, AttributeValue):
        return AttributeValue(values[part.value])
    if isinstance(part, Func):
        return type(part)(*(_filled(each, values) for each in part.arguments))
    if isinstance(part, comparisons.OpNot):
        return comparisons.OpNot(_filled(part.lhs, values))
    if isinstance(part, Op):
        return type(part)(_filled(part.lhs, values), _filled(part.rhs, values))
    return part


def _copied(node: Any) -> Any:
    """A deep copy of an expression."""
    return pickle.loads(pickle.dumps(node))  # noqa: S301 - made right here


def _traverse(traverser: Any, node: Any, place: int = -1) -> Any:
    """Do to each part what is to be done to its kind, the innermost first.

    moto asks for each part and each kind whether the one is of the other.
    """
    kinds: tuple[Any, Any] = (type(traverser), type(node))
    action = _action(*kinds)
    if action is None:
        return node
    for number, child in enumerate(node.children or ()):
        traverser.pre_processing_of_child(node, number)
        _traverse(traverser, child, number)
    if not action:
        return node
    parent = node.parent
    node = getattr(traverser, action)(node)
    node.parent = parent
    if parent:
        parent.children[place] = node
    return node


@cache
def _action(traverser: Any, kind: type) -> str | None:
    """The name of the traverser's method for a kind of part: empty if it has none, None if it is no part."""
    if not issubclass(kind, _NODE):
        return None
    actions = traverser._processing_map(_Names(traverser))  # noqa: SLF001 - it only names its methods
    return next((name for known, name in actions.items() if issubclass(kind, known)), "")


class _Names:
    """Stands for a traverser whose methods are their names."""

    def __init__(self, traverser: type) -> None:
        self._traverser = traverser

    def __getattr__(self, name: str) -> str:
        getattr(self._traverser, name)
        return name
