"""Which of the places where payments wait are shown, on the terminal and on the page alike."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

import sim
from sim.analysis.delays import Explained, Place
from sim.report.page import page
from sim.report.stories.slow import chosen, lines, of_slowest, slowest, who

from .pages import VALUES, read_page, tables


def place(actor, slowest_s, typical_s, mostly=0.0, component="service"):
    """Return a place without an example."""
    return Place(component, actor, slowest_s, typical_s, mostly, None)


PLACES = (
    place("first", 92.0, 2.0, 0.5), place("second", 9.0, 0.0, 0.3), place("third", 0.9, 0.0, 0.1),
    place("fourth", 0.1, 0.0, 0.02), place("fifth", 0.0, 5.0, 0.08), place("citizen", 30.0, 40.0, 0.0, "thinking"),
)  # fmt: skip
EXPLAINED = Explained(0.01, 1000, 10, 60.0, 2.0, 0, PLACES)
"""The slowest wait 100 s more than the typical in four places, and less in the fifth; they think less too."""


def test_the_places_that_explain_nearly_all_are_shown_and_those_where_many_wait():
    """The first two make 99 of 100 s, which is 98% or more; of the rest 10% and 8% wait mostly in the third and fifth.

    They come by what they add to the slowest, 90, 9, 0.9 and -5 s, and the citizen's own time comes last.
    """
    assert [each.actor for each in chosen(EXPLAINED)] == ["first", "second", "third", "fifth", "citizen"]
    turned = replace(EXPLAINED, places=tuple(replace(p, mostly=0.5 if p.actor == "third" else 0.1) for p in PLACES))
    assert [each.actor for each in chosen(turned)] == ["first", "second", "third", "fourth", "fifth", "citizen"]


def test_it_is_said_of_how_many_payments_the_columns_are_means():
    """10 of 1000 are the slowest, and the middle half of 1000 are 500."""
    said = who(EXPLAINED)
    assert "slowest, over the 10 of 1,000 payments that waited 60 s or more, however they ended" in said
    assert "typical, over the middle half, 500 payments that waited 2 s on average" in said


def test_lines_add_up_to_the_whole_way():
    """Slowest: 92 + 9 + 0.9 + 0 + 30 s are shown, 0.1 s and 2% of the payments are elsewhere, 132 s is the whole."""
    *parts, elsewhere, whole = lines(EXPLAINED)
    assert [line.slowest_s for line in parts] == [92.0, 9.0, 0.9, 0.0, 30.0]
    assert (elsewhere.slowest_s, elsewhere.typical_s, elsewhere.mostly) == pytest.approx((0.1, 0.0, 0.02))
    assert (whole.slowest_s, whole.typical_s) == (132.0, 47.0)


def test_the_page_and_the_terminal_show_the_same_places(tmp_path):
    """Line by line: where, the slowest, the typical, how much more."""
    run = sim.run(VALUES, replications=1, record=["calls"], out=tmp_path)
    on_page = tables(read_page(page(run)))["Where the slowest 1% of payments spend their time"][1:]
    stream = io.StringIO()
    explained = slowest(run.folder)
    Console(file=stream, width=200).print(of_slowest(explained, run.folder))
    said = [line.strip() for line in stream.getvalue().splitlines()]
    begin = said.index("Where the slowest 1% spend their time") + 2
    in_terminal = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in said[begin:]]
    assert len(on_page) == len(list(lines(explained)))
    assert [line[:4] for line in in_terminal[: len(on_page)]] == [row[:4] for row in on_page]
