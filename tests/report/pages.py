"""What tests of the report need: runs made by hand with a whole manifest, and pages read back without a browser.

Only tests may import it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from analysis.hand import NAMES, records

from report.pictures import named, run_of
from sim.experiment import manifest
from sim.experiment.run import Run
from sim.records import Records
from sim.scenario.load import from_dict
from sim.scenario.slos import parse

SCENARIO: Mapping[str, Any] = {
    "name": "hand",
    "title": "Thirteen carts",
    "description": "Worked out on paper.",
    "run": {"warm_up": {"value": "100 s", "assumed": "by hand", "range": ["0 s", "200 s"]}, "window": "1000 s"},
    "arrivals": {"rate": "1/min"},
    "ecs": [
        {"name": "g", "share": {"value": "60%", "source": "a book"}},
        {"name": "h", "share": {"value": "40%", "source": "a book"}},
    ],
    "psps": [
        {"name": "psp-a", "share": "60%", "outcome_lost": {"value": "1%", "assumed": "nobody knows"}},
        {"name": "psp-b", "share": "40%", "outcome_lost": {"value": "1%", "assumed": "nobody knows"}},
    ],
    "slos": ["token_expiry_rate < 90%", "reversal_rate < 1%", "tnspo_official{psp=psp-a} >= 50%"],
}
"""What the records made by hand could be of, with origins."""
SMALL = """\
name: small
run: {warm_up: 0 s, window: 20 s}
arrivals: {rate: 4/s}
ecs: [{name: ec, share: 100%}]
psps: [{name: psp, share: 100%}]
"""
"""A scenario that runs in a moment."""
VALUES: Mapping[str, Any] = {
    "name": "small",
    "run": {"warm_up": "0 s", "window": "20 s"},
    "arrivals": {"rate": "4/s"},
    "ecs": [{"name": "ec", "share": 1}],
    "psps": [{"name": "psp", "share": 1}],
}
"""The same as values."""
HOSTILE = (
    "<script>window.owned=1;alert(1)</script>",
    '"><img src=x onerror="window.owned=1;alert(1)">',
    "'><svg onload='window.owned=1'><style>*{display:none}</style>",
    "</style></title></pre></textarea><iframe src=javascript:parent.owned=1></iframe>",
    "{{ 7 * 7 }}{% raw %}${7*7} &lt;b&gt; &amp;",
    "--></svg><a href=javascript:alert(1)>x</a><!--",
    "\u202e\u0000\ud800\u2028" + "\U0001d54f\u0301" * 120 + "W" * 400,
)
"""What nobody should call anything."""


def run_by_hand(folder: Path, *replications: Records, **changes: Any) -> Run:
    """Return a run of records made by hand, two equal replications unless given, with the manifest of a real one."""
    loaded = from_dict({**SCENARIO, **changes})
    slos = [parse(text, NAMES) for text in loaded.scenario.slos]
    run = run_of(folder, *(replications or (records(0), records(1))), slos=slos)
    document = {
        **manifest.of_scenario(loaded), **manifest.of_program(),
        "replications": [each.replication for each in run.tallies], "replications_asked": len(run.tallies),
        "stopping": None, "interrupted": False, "recorded": [], "command": ["pagopa-sim", "run", "hand.yaml"],
        "file": "hand.yaml", "started": "2026-03-01T12:00:00+00:00", "wall_s": 1.5, "jobs": 1, "events": 1,
        "activations": 1,
    }  # fmt: skip
    return replace(run, manifest=document)


def hostile_run(folder: Path) -> Run:
    """Return a run in which everything that has a name has a bad one, and every text of the manifest ends in one."""
    names = {kind: tuple(f"{name}{HOSTILE[n]}" for n, name in enumerate(NAMES[kind])) for kind in ("psp", "ec_group")}
    station = tuple(f"{name}{each}" for name, each in zip(NAMES["station"], HOSTILE[2:], strict=False))
    given = [named(records(number), **names, station=station) for number in range(2)]
    run = run_by_hand(folder, *given, slos=SCENARIO["slos"][:2])
    spoilt = _spoilt(run.manifest, Spoiler())
    psps = zip(spoilt["scenario"]["psps"], names["psp"], strict=True)
    spoilt["scenario"]["psps"] = [{**psp, "name": name} for psp, name in psps]
    return replace(run, manifest=spoilt)


@dataclass
class Spoiler:
    """Gives one hostile text after another."""

    given: int = 0

    def __call__(self, text: str) -> str:
        """Return a text with a hostile end."""
        self.given += 1
        return text + HOSTILE[self.given % len(HOSTILE)]


_READ = ("run", "incidents", "at", "duration")
"""Keys below which the pictures read quantities."""


def _spoilt(value: Any, spoil: Spoiler) -> Any:
    if isinstance(value, str):
        return spoil(value)
    if isinstance(value, (list, tuple)):
        return [_spoilt(each, spoil) for each in value]
    if isinstance(value, Mapping):
        return {key: each if key in _READ else _spoilt(each, spoil) for key, each in value.items()}
    return value


@dataclass
class Element:
    """An element of a page; its parts are texts and elements, in order."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    parent: "Element | None" = field(default=None, repr=False)
    parts: list["str | Element"] = field(default_factory=list, repr=False)

    @property
    def raw(self) -> str:
        """All text below it as it is, but for styles."""
        shown = (part for part in self.parts if isinstance(part, str) or part.tag != "style")
        return "".join(part if isinstance(part, str) else part.raw for part in shown)

    @property
    def text(self) -> str:
        """All text below it, with single spaces."""
        return " ".join(self.raw.split())

    def all(self, *tags: str) -> list["Element"]:
        """Return the elements below it with one of these tags, or all of them, in order."""
        found = []
        for part in self.parts:
            if isinstance(part, Element):
                found += [part] if not tags or part.tag in tags else []
                found += part.all(*tags)
        return found

    def one(self, tag: str, **attributes: str) -> "Element":
        """Return the only element below it with a tag and these attributes (`class_` for `class`)."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        (found,) = (each for each in self.all(tag) if wanted.items() <= each.attributes.items())
        return found


_EMPTY = ("meta", "link", "wbr", "br", "img", "hr", "input")


class _Reader(HTMLParser):
    """Builds the tree of a page, and refuses one that is not properly nested."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.at = Element("document")

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        made = Element(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.parts.append(made)
        if tag not in _EMPTY:
            self.at = made

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.at.parts.append(Element(tag, {name: value or "" for name, value in attrs}, self.at))

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.at.tag, f"</{tag}> ends <{self.at.tag}>"
        assert self.at.parent is not None
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        if self.at.tag != "document":
            self.at.parts.append(data)


def read_page(text: str) -> Element:
    """Return the tree of a page; a test fails on one that is not well nested."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.at is reader.root, f"<{reader.at.tag}> is not ended"
    return reader.root


def tables(page: Element) -> dict[str, list[list[str]]]:
    """Return the tables of a page by caption: rows of texts, the head first."""
    return {
        each.all("caption")[0].text: [[cell.text for cell in row.all("th", "td")] for row in each.all("tr")]
        for each in page.all("table")
    }
