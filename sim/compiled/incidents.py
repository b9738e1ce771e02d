"""Questions about windows of time and factors: what `sim.kernel.incidents` answers, over arrays."""

from sim.compiled.jit import compiled
from sim.compiled.memory import Memory


@compiled
def after(w: Memory, lo: int, hi: int, at: float) -> int:
    """Return the first window from `lo` on that starts after a moment."""
    while lo < hi:
        middle = (lo + hi) >> 1
        if w.windows[middle].start <= at:
            lo = middle + 1
        else:
            hi = middle
    return lo


@compiled
def covering_end(w: Memory, lo: int, hi: int, at: float) -> float:
    """Return the end of the window that a moment lies in, or the moment itself."""
    index = after(w, lo, hi, at) - 1
    return w.windows[index].end if index >= lo and at < w.windows[index].end else at


@compiled
def covers(w: Memory, lo: int, hi: int, at: float) -> bool:
    """Whether a moment lies in a window."""
    index = after(w, lo, hi, at) - 1
    return index >= lo and at < w.windows[index].end


@compiled
def factor_at(w: Memory, lo: int, hi: int, at: float) -> float:
    """Return the factor at a moment: `factors` has, from `lo` on, one value before each edge and one after them all.

    The edges are at the places of the values that follow them.
    """
    first, last = lo + 1, hi
    while first < last:
        middle = (first + last) >> 1
        if w.edges[middle] <= at:
            first = middle + 1
        else:
            last = middle
    return w.factors[first - 1]
