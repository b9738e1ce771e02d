"""How results and scenarios show themselves in a notebook, as far as they know it themselves.

What they look like is said in one place, `sim.report.notebook`. That is above everything that it shows, so nothing
below may import it: it is found by its name, at the moment when a notebook asks.
"""

from importlib import import_module


def in_notebook(thing: object) -> str:
    """Return the HTML of a result or a scenario; classes have this as their `_repr_html_`."""
    html: str = import_module("sim.report.notebook").html(thing)
    return html
