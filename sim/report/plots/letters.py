"""Letters: what the font can draw and how wide it is, so that anybody's text can be put on the paper.

Widths are in em, the size of the font, and of the upright face.
"""

from collections.abc import Iterable
from functools import cache
from itertools import takewhile

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

FONT = "DejaVu Sans"
"""It comes with matplotlib, so that it is the same everywhere."""
USUAL_EM = 0.6
"""The width of a letter in usual text."""
_DOTS, _UNKNOWN = "\u2026", "\ufffd"


def plain(text: object, most: int = 26) -> str:
    """Return somebody's text on one line, in letters that the font has, shortened in the middle to so many usual ones.

    What cannot be drawn or seen is replaced, so that nothing is hidden.
    """
    known = "".join(c if ord(c) in _letters() else _UNKNOWN for c in visible(text))
    if width_em(known) > most * USUAL_EM:
        room = most * USUAL_EM - width_em(_DOTS)
        known = f"{_begin(known, room * 2 / 3)}{_DOTS}{_begin(known[::-1], room / 3)[::-1]}"
    # The legends of matplotlib before 3.10 leave out what begins with an underscore.
    return f"\u200a{known}" if known.startswith("_") else known


def distinct(texts: Iterable[str], most: int = 26) -> dict[str, str]:
    """Return somebody's texts as `plain` does, so that no two look the same.

    Those that would are shortened where they agree, or numbered where even that does not tell them apart.
    """
    shown = {text: plain(text, most) for text in texts}
    alike: dict[str, list[str]] = {}
    for text, name in shown.items():
        alike.setdefault(name, []).append(text)
    for same in alike.values():
        agreed = sum(takewhile(bool, (len(set(column)) == 1 for column in zip(*same, strict=False))))
        short = {text: plain(f"{text[: min(agreed, 4)]}{_DOTS}{text[agreed:]}", most) for text in same}
        if len(same) > 1 and len(set(short.values())) == len(same):
            shown |= short
    taken: dict[str, str] = {}
    for text, name in shown.items():
        numbered = (f"{plain(text, most - 5)} ({number})" for number in range(2, len(shown) + 2))
        taken[next(each for each in (name, *numbered) if each not in taken)] = text
    return {text: name for name, text in taken.items()}


def visible(text: object) -> str:
    """Return somebody's text on one line, with a sign in place of what cannot be seen."""
    return " ".join("".join(c if c.isprintable() or c.isspace() else _UNKNOWN for c in str(text)).split())


def wrapped(text: str, most_em: float) -> str:
    """Return a text on lines of at most this width; a word that is wider is broken."""
    lines = [""]
    for word in text.split():
        rest = word
        if width_em(f"{lines[-1]} {rest}") > most_em and lines[-1]:
            lines.append("")
        while width_em(rest) > most_em:
            lines[-1] = _begin(rest, most_em)
            rest = rest[len(lines[-1]) :]
            lines.append("")
        lines[-1] = f"{lines[-1]} {rest}".strip()
    return "\n".join(lines)


def width_em(text: str) -> float:
    """Return how wide a text is."""
    return sum(_advance(c) for c in text)


def _begin(text: str, most_em: float) -> str:
    """Return as many letters of the beginning as fit, at least one."""
    width, count = 0.0, 0
    for letter in text:
        width += _advance(letter)
        if width > most_em and count:
            break
        count += 1
    return text[:count]


@cache
def _advance(letter: str) -> float:
    font = _face("normal")
    font.set_size(100.0, 72.0)
    return float(font.load_char(ord(letter)).linearHoriAdvance) / 65536 / 100


@cache
def _face(weight: str) -> FT2Font:
    """Return a font of our own: a font has state, and matplotlib's are in use."""
    return FT2Font(font_manager.findfont(font_manager.FontProperties(family=FONT, weight=weight)))


@cache
def _letters() -> frozenset[int]:
    """Return what the font can draw, upright and bold."""
    return frozenset(_face("normal").get_charmap()) & frozenset(_face("bold").get_charmap())
