"""The report: a run or a sweep as one HTML file that needs nothing else, to be read, printed and sent to people.

Everything that is shown is data (`sim.report.cells`, `figures`, `origins`, `making`); the markup is in `templates/`,
where what comes from a scenario is escaped. The file asks nobody for anything: no script, no font, no picture from
elsewhere, and its policy forbids them. The same result gives the same page, byte for byte.
"""

import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sim.experiment.run import Run
from sim.experiment.sweep import Sweep
from sim.report.page import of_run, of_sweep

__all__ = ["page"]


def page(result: Run | Sweep) -> str:
    """Return the report of a run or of a sweep as an HTML document."""
    if isinstance(result, Run):
        return _filled("run.html", of_run.content(result))
    return _filled("sweep.html", of_sweep.content(result))


def _filled(template: str, content: Mapping[str, Any]) -> str:
    pages = Environment(
        loader=PackageLoader("sim.report.page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    pages.filters["drawing"] = lambda picture: Markup(picture.svg())  # noqa: S704 - drawn here, with its texts as curves
    pages.filters["breakable"] = _breakable
    return pages.get_template(template).render(content)


def _breakable(text: str) -> Markup:
    """Return a path or a code that may go on to the next line after a dot or an underscore."""
    return Markup("").join(
        part + Markup("<wbr>") if part in "._" else part for part in re.split(r"([._])", text) if part
    )
