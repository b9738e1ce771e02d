"""A scenario that runs in a moment, and crews that watch what is asked of them."""

from contextlib import nullcontext

from sim.experiment.executors import Alone, Known

TINY = """\
name: tiny
run: {warm_up: 0 s, window: 5 s, replications: 2, seed: 7}
arrivals: {rate: 4/s}
citizen: {think_time: 1 s}
checkout: {authorisation: {time: 1 s}}
ecs: [{name: ec, share: 100%}]
psps:
  - {name: psp-a, share: 50%, workers: 4}
  - {name: psp-b, share: 50%, outcome_delay: {exponential: {mean: 1 s}}}
slos: ["tpnp >= 50%", "tnspo_strict{psp=psp-b} >= 10%", "tpnp{psp=psp-a} >= 1%", "p(90, user_wait) < 1 min"]
"""
"""About twenty carts, half of them with psp-b, which has no queue whatever psp-a does."""


def tiny(folder, text=TINY):
    """Write the scenario and return its file."""
    file = folder / "tiny.yaml"
    file.write_text(text)
    return file


class Watched(Alone):
    """A crew of one that notes the key and the number of every replication that it is given to carry out."""

    def __init__(self, at_most=None):
        self.at_most = at_most
        self.carried_out = []

    def carry_out(self, work, tasks, report):
        """Carry out tasks, up to the number that it is willing to."""

        def noted():
            for task in tasks:
                if not isinstance(task, Known):
                    assert len(self.carried_out) != self.at_most, "asked for a replication that should be known"
                    self.carried_out.append((task.key, task.number))
                yield task

        return super().carry_out(work, noted(), report)


def hire(monkeypatch, module, crew):
    """Let everything that a module carries out be carried out by a crew."""
    monkeypatch.setattr(module, "crew", lambda *asked: nullcontext(crew))
    return crew


def tables(sweep):
    """Return the bytes of the two tables of a sweep."""
    return [(sweep / name).read_bytes() for name in ("points.parquet", "summary.csv")]
