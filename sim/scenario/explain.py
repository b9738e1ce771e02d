"""What pydantic found wrong, as problems with positions and with what to write instead."""

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from sim.scenario.flaws import Flaw, FlawError, suggestion
from sim.scenario.schema import Scenario
from sim.scenario.tree import Position, Problem, Tree
from sim.scenario.units import duration_s, rate_per_s, shown


def explain(error: ValidationError, tree: Tree) -> list[Problem]:
    """Return every problem of a validation of what a tree says."""
    return [problem for each in error.errors(include_url=False) for problem in _problems(each, tree)]


def _problems(each: Any, tree: Tree) -> Iterator[Problem]:
    loc, kind = list(each["loc"]) or [""], each["type"]
    if kind == "too_short" and len(each["input"]) >= each["ctx"]["min_length"]:
        return  # there are enough, but some of them are wrong, which has been said already
    of_key = kind == "extra_forbidden" or loc[-1] == "[key]"
    for flaw in _flaws(each):
        path, at, written = _located(tree, [*loc, *flaw.keys], of_key=of_key or flaw.of_key)
        said = flaw.said or _said(each, loc[-2] if loc[-1] == "[key]" else written)
        problem, _, fix = said.partition("; ")
        if kind == "missing":
            fix += _meant(tree, loc)
        yield Problem(at, path, problem, fix or "see scenarios/schema.json")


def _flaws(each: Any) -> tuple[Flaw, ...]:
    cause = each.get("ctx", {}).get("error")
    if isinstance(cause, FlawError):
        return cause.flaws
    return (Flaw((), str(cause) if cause is not None else ""),)


def _located(tree: Tree, loc: Iterable[int | str], *, of_key: bool) -> tuple[str, Position, Any]:
    """Follow pydantic's location into the tree; return the path, the position and what is written there.

    Steps that are not in the tree name a value that is missing, or a type of a union, which is left out.
    """
    path: list[str] = []
    at = tree.at
    for step in loc:
        if isinstance(tree.value, list) and str(step).isdigit() and int(step) < len(tree.value):
            path.append(tree.named(int(step)))
            tree = tree.value[int(step)]
            at = tree.at
        elif isinstance(tree.value, dict) and str(step) in tree.value:
            path.append(str(step))
            at = tree.keys.get(str(step), tree.at)
            tree = tree.value[str(step)]
            at = at if of_key else tree.at
        elif isinstance(tree.value, dict) and str(step).isidentifier():
            path.append(str(step))
    return ".".join(path), at, tree.plain()


def _meant(tree: Tree, loc: Iterable[int | str]) -> str:
    """Say whose name an item of a list may have meant, where a key is missing that one of that name would have."""
    for step in loc:
        if isinstance(tree.value, list) and isinstance(step, int):
            name = tree.name_of(step)
            others = [other for n in range(len(tree.value)) if n != step and (other := tree.name_of(n)) is not None]
            return f"; or {suggestion(name, others)}" if name is not None and others else ""
        if not isinstance(tree.value, dict) or step not in tree.value:
            return ""
        tree = tree.value[str(step)]
    return ""


def _said(each: Any, written: Any) -> str:
    """Say what is wrong with a value, and what to write instead."""
    kind, context = each["type"], each.get("ctx", {})
    name = str(each["loc"][-1]) if each["loc"] else ""
    if kind == "extra_forbidden" and "." in name:
        return f"is not known here; write {name.partition('.')[0]}: and the rest inside it: a path is for --set"
    if kind == "extra_forbidden":
        names = [field.alias or n for n, field in _model(each["loc"]).model_fields.items()]
        return f"is not known here; {suggestion(name, names)}"
    if kind == "missing":
        return f"is missing; add {name}: ..."
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return f"is {shown(written)}; write {words} {_like(written, context[key])}"
    if kind == "literal_error":
        return f"is {shown(written)}; write {context['expected'].replace(chr(39), '')}"
    if kind == "string_pattern_mismatch":
        return f"is {shown(written)}; write letters, digits, - and _, at most 64, a letter or digit first"
    if kind in ("too_short", "too_long"):
        fewest, most = context.get("min_length"), context.get("max_length")
        wanted = f"{fewest} or more" if kind == "too_short" else f"{most} or fewer"
        return f"has {context['actual_length']} entries; write {wanted}"
    return f"is {shown(written)}; write {_WANTED.get(kind, 'what scenarios/schema.json says')}"


_LIMITS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
    "string_too_long": ("at most this many characters:", "max_length"),
}
_WANTED = {
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "finite_number": "a finite number",
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "string_type": "a text",
    "tuple_type": "a list, [..., ...] or one item after each dash",
    "dict_type": "a section, name: value",
    "model_type": "a section, name: value",
}


def _like(written: Any, limit: Any) -> str:
    """Write a limit in the unit of what was written."""
    for reader, unit in ((duration_s, " s"), (rate_per_s, "/s")):
        try:
            if isinstance(written, str) and reader(written) >= 0:
                return f"{limit:.15g}{unit}"
        except ValueError:
            continue
    return f"{limit:.15g}" if isinstance(limit, float) else str(limit)


def _model(loc: Iterable[int | str]) -> type[BaseModel]:
    """Return the section that a location lies in."""
    model: type[BaseModel] = Scenario
    for step in list(loc)[:-1]:
        field = next((f for n, f in model.model_fields.items() if step in (n, f.alias)), None)
        model = (_section(field.annotation) if field is not None else None) or model
    return model


def _section(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in getattr(annotation, "__args__", ()) if (found := _section(inner))), None)
