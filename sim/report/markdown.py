"""Pieces of Markdown, and the documentation strings of a module's or a class's names."""

import ast
import inspect
from collections.abc import Iterable, Sequence
from types import ModuleType


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar in a cell does not end it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines) + "\n"


def code(text: object) -> str:
    """Return text as code."""
    return f"`{text}`"


def codes(texts: Iterable[object]) -> str:
    """Return texts as code, one under the other in a cell."""
    return "<br>".join(map(code, texts))


def capital(text: str) -> str:
    """Return text as the beginning of a sentence; a name with capitals inside, as calls have, keeps its spelling.

    >>> capital("tokens that expire"), capital("paGetPayment answered")
    ('Tokens that expire', 'paGetPayment answered')
    """
    first = text.partition(" ")[0]
    return text if first != first.lower() else text[:1].upper() + text[1:]


def notes(thing: ModuleType | type) -> dict[str, str]:
    """Return the string that follows an assignment in a module or a class, which documents it, by the name assigned."""
    parsed = ast.parse(inspect.getsource(thing)).body
    found: dict[str, str] = {}
    name = ""
    for node in parsed[0].body if isinstance(parsed[0], ast.ClassDef) else parsed:
        match node:
            case ast.Expr(ast.Constant(str(text))) if name:
                found[name] = " ".join(text.split())
            case ast.Assign([ast.Name(target)]) | ast.AnnAssign(ast.Name(target)):
                name = target
            case _:
                name = ""
    return found
