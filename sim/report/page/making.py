"""How to make a result again: commands to type, and what else has to be the same."""

import re
import shlex
from collections.abc import Callable, Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from sim.reader import command
from sim.scenario.units import amount_cents, duration_s, rate_per_s

_PROSE = ("name", "title", "description")
_QUANTITY = re.compile(r"[\d.e+-]+( s| EUR| cent|/s)", re.ASCII)
_READERS: tuple[tuple[Callable[[str], float], tuple[str, ...]], ...] = (
    (duration_s, (" s", " ms", " min", " h", " d")),
    (rate_per_s, ("/s", "/min", "/h", "/d")),
    (amount_cents, (" EUR", " cent")),
)
"""What reads a quantity, and the units in which it may be written, the usual one first."""
_SPANS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


def typed(manifest: Mapping[str, Any]) -> str:
    """Return the command that made a result, as it was typed; nothing for what Python code made."""
    return shlex.join(manifest["command"])


def again(manifest: Mapping[str, Any]) -> str:
    """Return the commands that make a run again, the program included."""
    return "\n".join([*checkout(manifest), command(manifest)])


def checkout(manifest: Mapping[str, Any]) -> list[str]:
    """Return the command that gets the program as it was, where that is known."""
    return [f"git checkout {manifest['git_commit']}"] if manifest["git_commit"] else []


def facts(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what has to be the same, and what is told of the making, as names and values."""
    commit = manifest["git_commit"]
    changed = ", with changes that were not committed" if manifest.get("git_changed") else ""
    machine = manifest["machine"]
    found = {
        "seed": str(manifest["seed"]),
        "replications": _numbers(manifest["replications"]),
        "commit": f"{commit}{changed}" if commit else "not known: the program was not run from a checkout",
        "versions": ", ".join(f"{name} {number}" for name, number in manifest["versions"].items()),
        "fingerprint": manifest["fingerprint"],
        "began": manifest.get("started", ""),
        "took": f"{manifest['wall_s']:,.0f} s" if "wall_s" in manifest else "",
        "machine": f"{machine['system']}, {machine['processor']}, {machine['cores']} cores",
    }
    return [(name, value) for name, value in found.items() if value]


def _numbers(replications: int | str | list[int]) -> str:
    """Return how many replications there are, and which if they are not the first ones."""
    if not isinstance(replications, list):
        return str(replications)
    first = replications == list(range(len(replications)))
    return f"{len(replications)}{'' if first else f': {replications}'}"


def resolved(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scenario of a result, with as many replications as were carried out where that is one number."""
    scenario: dict[str, Any] = dict(manifest["scenario"])
    count = manifest["replications"]
    if count != "auto":
        scenario["run"] = {**scenario["run"], "replications": len(count) if isinstance(count, list) else count}
    return scenario


def as_yaml(scenario: Mapping[str, Any]) -> str:
    """Return a scenario as the file that it could be."""
    stream = StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = None  # what has nothing below it stands on one line
    writer.width, writer.allow_unicode = 100, True
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.dump({key: value if key in _PROSE else _written(value) for key, value in scenario.items()}, stream)
    return stream.getvalue()


def _written(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _written(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_written(each) for each in value]
    return quantity(value) if isinstance(value, str) and _QUANTITY.fullmatch(value) else value


def quantity(text: str) -> str:
    """Return the shortest text that is read as the very same quantity.

    >>> [quantity(each) for each in ("0.35000000000000003 s", "3600.0 s", "3.3333333333333335/s", "0.1234567 s")]
    ['350 ms', '1 h', '200/min', '0.1234567 s']
    """
    read, units = next((read, units) for read, units in _READERS if text.endswith(units))
    value = read(text)
    ways = (f"{value / read(f'1{unit}'):.12g}{unit}" for unit in units)
    return min([way for way in ways if read(way) == value], key=len, default=text)


def span(text: str) -> str:
    """Return a duration as a person says it: `3600.0 s` is `1 h`."""
    seconds = duration_s(text)
    size, unit = next(((size, unit) for size, unit in _SPANS if seconds >= size), (1.0, "s"))
    whole = seconds / size
    return f"{whole:g} {unit}" if whole == round(whole, 2) else f"{seconds:g} s"
