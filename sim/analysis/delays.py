"""Why payments are slow: where the slowest spend their time, against the typical ones.

It reads ways (`sim.analysis.ways`), whose parts add up, and so does what is said here.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.analysis.ways import COMPONENTS, THINKING, Ways

Array = npt.NDArray[Any]

_NAMES = tuple(COMPONENTS)


@dataclass(frozen=True, slots=True)
class Place:
    """A component at an actor: seconds of the mean slow payment, and of the mean typical one.

    `mostly` is the share of the slow payments that waited there longer than anywhere else; a few that waited for ever
    can make the mean, and say nothing of the others. `example` is the slowest of these payments, if any.
    """

    component: str
    actor: str
    slowest_s: float
    typical_s: float
    mostly: float
    example: tuple[int, int, int, int] | None

    @property
    def more_s(self) -> float:
        """What it adds to the slow ones."""
        return self.slowest_s - self.typical_s

    @property
    def is_own_time(self) -> bool:
        """Whether it is the citizen's own time, which makes no payment slow."""
        return self.component == _NAMES[THINKING]


@dataclass(frozen=True, slots=True)
class Explained:
    """Where the slowest payments spend their time, against the typical ones: the middle half.

    `places` come in order of what they add, the citizen's own time last, and each column adds up to the mean way of its
    payments. `slowest` of `payments` payments waited `from_s` or more without the citizen's own time. A payment is
    replication, cart, try and notice.
    """

    share: float
    payments: int
    slowest: int
    from_s: float
    typical_waited_s: float
    unsettled: int
    places: tuple[Place, ...]

    @property
    def slowest_s(self) -> float:
        """The mean way of the slowest."""
        return sum(place.slowest_s for place in self.places)

    @property
    def typical_s(self) -> float:
        """The mean way of the typical ones."""
        return sum(place.typical_s for place in self.places)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "share": self.share,
            "payments": self.payments,
            "slowest": self.slowest,
            "from_s": self.from_s,
            "typical_waited_s": self.typical_waited_s,
            "unsettled": self.unsettled,
            "places": [asdict(place) for place in self.places],
        }


def explain(ways: Ways, share: float = 0.01) -> Explained | None:
    """Compare the slowest share of payments with the middle half, by what they waited without the citizen's own time.

    None when no payment was settled.
    """
    count, waited = len(ways.payments), ways.waited_s
    if not count:
        return None
    ascending = np.lexsort((-np.arange(count), waited))
    slowest = ascending[-max(1, int(np.ceil(share * count - 1e-9))) :][::-1]
    typical = ascending[count // 4 : count - count // 4]
    return Explained(
        share,
        count,
        len(slowest),
        float(waited[slowest[-1]]),
        float(waited[typical].mean()),
        ways.unsettled,
        tuple(sorted(_places(ways, slowest, typical), key=lambda place: (place.is_own_time, -place.more_s))),
    )


def _places(ways: Ways, slowest: Array, typical: Array) -> Iterator[Place]:
    """Yield every place where one of the payments was, slowest first."""
    slow_s, usual_s, most = _mean_s(ways, slowest), _mean_s(ways, typical), _longest(ways, slowest)
    for place in np.flatnonzero((slow_s > 0) | (usual_s > 0)).tolist():
        component, actor = divmod(place, len(ways.actors))
        there = slowest[most == place]
        example = tuple(ways.payments[there[0]].tolist()) if len(there) else None
        share = len(there) / len(slowest)
        yield Place(_NAMES[component], ways.actors[actor], float(slow_s[place]), float(usual_s[place]), share, example)


def _mean_s(ways: Ways, rows: Array) -> Array:
    """Return the mean over some payments at each place."""
    chosen = np.zeros(len(ways.payments), dtype=bool)
    chosen[rows] = True
    of_them = chosen[ways.payment]
    places = len(_NAMES) * len(ways.actors)
    return np.bincount(_places_of(ways)[of_them], ways.seconds[of_them], minlength=places) / len(rows)


def _longest(ways: Ways, rows: Array) -> Array:
    """Return the place where each of some payments waited longest."""
    number = np.full(len(ways.payments), -1)
    number[rows] = np.arange(len(rows))
    waits = (number[ways.payment] >= 0) & (ways.component != THINKING)
    spent = np.zeros((len(rows), len(_NAMES) * len(ways.actors)))
    np.add.at(spent, (number[ways.payment[waits]], _places_of(ways)[waits]), ways.seconds[waits])
    longest: Array = spent.argmax(axis=1)
    return longest


def _places_of(ways: Ways) -> Array:
    """Return component and actor of every part as one number."""
    numbers: Array = ways.component.astype(np.int64) * len(ways.actors) + ways.actor
    return numbers
