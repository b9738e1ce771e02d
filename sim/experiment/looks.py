"""Looks at replications, while there are more to come: how many are wanted, and what they say."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sim.analysis.sequential import Decision, Rule
from sim.analysis.slo import Slo
from sim.analysis.summary import Summary, summarise
from sim.analysis.tally import Tally
from sim.arguments import whole


class Looks:
    """How many replications are wanted next of every scenario: a number given, or what a rule says after each look.

    A rule is followed at the confidence given. Raises `ValueError` for a number of which nothing can come.
    """

    def __init__(self, wanted: int | Rule, confidence: float) -> None:
        self.rule = replace(wanted, confidence=confidence) if isinstance(wanted, Rule) else None
        self.confidence = confidence
        if isinstance(wanted, Rule):
            self.next, self.at_most = wanted.looks[0], wanted.maximum
        else:
            self.next = self.at_most = whole("replications", wanted)
        self.decision: Decision | None = None

    def look(self, *summaries: Summary) -> None:
        """Decide after so many replications of one scenario or of several, each summarised."""
        if self.rule is not None:
            self.decision = self.rule.decide(summaries, self.decision)
            self.next = self.decision.next or 0

    def summarise(self, tallies: Sequence[Tally], asked: Sequence[Slo]) -> Summary:
        """Summarise a scenario's replications as the rule wants it."""
        tallies = sorted(tallies, key=lambda t: t.replication)
        if self.rule is not None and len(tallies) > 1:
            return self.rule.summarise(tallies, asked)
        return summarise(tallies, asked, self.confidence)

    def to_json(self) -> dict[str, Any] | None:
        """Return the rule and why it stopped, or None without a rule."""
        if self.rule is None:
            return None
        said = {"reason": None, "undecided": [], "imprecise": []} if self.decision is None else self.decision.to_json()
        return {"precision": self.rule.precision, "maximum": self.rule.maximum, **said}
