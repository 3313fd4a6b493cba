"""A copy of a tree that shares what nobody changes: types, and what is noted on nodes."""

from __future__ import annotations

from typing import TypeVar

from sqlglot import exp

Tree = TypeVar("Tree", bound=exp.Expr)


def copy_tree(tree: Tree) -> Tree:
    """Return what `tree.copy()` does, in a third of the time, to be rendered and let go.

    `copy()` also copies each node's type, which is a tree itself, and its notes.
    """
    root = _copy_node(tree)
    copies: list[tuple[exp.Expr, exp.Expr]] = [(tree, root)]
    for node, copied in copies:  # which grows
        for key, value in node.args.items():
            if isinstance(value, exp.Expr):
                child = _copy_node(value)
                child.parent, child.arg_key = copied, key
                copies.append((value, child))
                copied.args[key] = child
            elif isinstance(value, list):
                children = copied.args[key] = list(value)
                for index, part in enumerate(value):
                    if isinstance(part, exp.Expr):
                        child = children[index] = _copy_node(part)
                        child.parent, child.arg_key, child.index = copied, key, index
                        copies.append((part, child))
            else:
                copied.args[key] = value
    return root


def _copy_node(node: Tree) -> Tree:
    copied = node.__class__()
    copied.comments = node.comments
    copied._type = node._type
    copied._meta = node._meta
    return copied
