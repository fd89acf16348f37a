"""A law's formula as plain Python for one step at a time, without numpy.

PyTorch calls its functions with an int and keeps what they return in checkpoints, where a numpy number is refused by
`torch.load`. And branches that are not taken need not be computed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from lrdoctor.exports._law import expression, rise
from lrdoctor.schedules._plan import Plan

_XP = "np"
_BUILT_IN = {"minimum": "min", "maximum": "max", "abs": "abs"}
_OF_MATH = frozenset({"cos", "sqrt", "exp", "log", "floor", "pi"})


def function(plan: Plan) -> tuple[tuple[str, ...], str]:
    """The modules to import, and `def lr_at(step)`: the whole plan relative to the peak."""
    lines = ["def lr_at(step):", '    """The rate at this optimizer step, counted from 0, relative to the peak."""']
    warmup = plan.warmup
    if warmup.steps:
        lines += [
            f"    if step < {warmup.steps}:",
            f"        return {_plain(rise(warmup, 'step', _XP))}",
            f"    step -= {warmup.steps}",
        ]
    law = _Plain().visit(ast.parse(expression(plan, _XP), mode="eval").body)
    lines += _returned(law, "    ")
    text = "\n".join(lines)
    return tuple(name for name in ("bisect", "math", "numpy as np") if f"{name.split()[-1]}." in text), text


def _plain(formula: str) -> str:
    return ast.unparse(_Plain().visit(ast.parse(formula, mode="eval")))


def _returned(node: ast.expr, indent: str) -> Iterator[str]:
    """Return statements, one per branch."""
    while isinstance(node, ast.IfExp):
        yield f"{indent}if {ast.unparse(node.test)}:"
        yield from _returned(node.body, indent + "    ")
        node = node.orelse
    yield f"{indent}return {ast.unparse(node)}"


class _Plain(ast.NodeTransformer):
    """Functions of arrays become those of numbers; what is not known stays numpy's."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        name, args = _name(node.func), node.args
        if name in _BUILT_IN:
            return ast.Call(ast.Name(_BUILT_IN[name]), args, [])
        if name == "where":
            return ast.IfExp(*args)
        if name == "array":
            return args[0]
        if name == "searchsorted":
            right = any(word.arg == "side" and ast.unparse(word.value) == "'right'" for word in node.keywords)
            side = ast.Attribute(ast.Name("bisect"), "bisect_right" if right else "bisect_left")
            return ast.Call(side, args, [])
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return ast.Attribute(ast.Name("math"), node.attr) if _name(node) in _OF_MATH else node


def _name(node: ast.expr) -> str | None:
    """`cos` for `np.cos`."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == _XP:
        return node.attr
    return None
