"""The structure of the JSON documents: the figures of a run (`summary.json`, `--format json`), and manifests.

It is text: `Summary.to_json` builds the first document, a test compares the two, and `docs/metrics.md` and
`results/README.md` print these tables. A manifest that lacks one of its keys is not read. A key is never renamed or
dropped without saying so in the changelog; others read it.
"""

from collections.abc import Mapping

DOCUMENT: Mapping[str, str] = {
    "metrics.METRIC": "estimate of each metric; of each mean also its percentiles, named like `user_wait_p95`",
    "by.DIMENSION.GROUP.METRIC": "the same by `psp`, `ec_group`, `cart_size` (`1` to `5`) and `cause`; a group in "
    "which a metric has nothing to count, and a cause that never occurred, are left out",
    "slos[].slo": "the objective as written in the scenario",
    "slos[].metric": "the metric it is about, by its full name",
    "slos[].operator": "`<`, `<=`, `>` or `>=`",
    "slos[].limit": "its limit, in the unit of the metric",
    "slos[].verdict": "`pass`, `fail` or `undecided`",
    "slos[].ESTIMATE": "what was measured",
    "slos[].collapse": "where the metric is one of `collapses`, the estimate of the probability of a collapse, and the "
    "verdict is on a mean that describes no replication; otherwise null",
    "slo_confidence": "confidence of the intervals of `slos`; higher than `confidence` where replications were "
    "added until they were decided",
    "verdict": "of all objectives together: `fail` if one fails, otherwise `undecided` if one is, otherwise `pass`",
    "indicators[].indicator": "the metric behind an official indicator",
    "indicators[].title": "its official name",
    "indicators[].subject": "the PSP or the EC group",
    "indicators[].threshold": "the threshold, in words",
    "indicators[].verdict": "as of an objective",
    "indicators[].ESTIMATE": "what was measured",
    "stations.STATION.utilisation": "busy workers / workers available; null where workers are unlimited",
    "stations.STATION.busy": "mean number of busy workers",
    "stations.STATION.calls_per_s": "calls that arrived per second",
    "stations.STATION.queue_mean": "mean number of calls waiting",
    "stations.STATION.queue_p95": "95th percentile over the time bins of the mean queue of a bin",
    "stations.STATION.queue_max": "longest queue",
    "stations.STATION.wait_mean_s": "mean wait of a call, in seconds",
    "stations.STATION.refused_share": "calls refused / calls that arrived",
    "neighbours.STATION.model": "the nearest queue with a closed form, such as `M/M/c`, at the rate of calls that was "
    "measured; a station that has none is left out",
    "neighbours.STATION.exact": "whether the model holds for the station's service times",
    "neighbours.STATION.utilisation": "what theory says in place of `stations.STATION.utilisation`",
    "neighbours.STATION.busy": "in place of `busy`",
    "neighbours.STATION.wait_probability": "share of the calls that wait, which is not measured",
    "neighbours.STATION.wait_mean_s": "in place of `wait_mean_s`",
    "neighbours.STATION.queue_mean": "in place of `queue_mean`",
    "neighbours.STATION.refused_share": "in place of `refused_share`",
    "neighbours.STATION.caveats[]": "what else the model takes for granted",
    "calls.PRIMITIVE.per_s": "calls sent per second",
    "calls.PRIMITIVE.over_LIMIT_ms": "share of the answers that took more than 300, 400, 500, 600, 800, 1000, 2000 ms",
    "calls.PRIMITIVE.ANSWER": "share of the calls that ended `ok`, `ko`, `malformed`, `timeout` or `unreachable`",
    "refusals.PRIMITIVE.FAULT": "replies of the Node with a fault code, per replication",
    "money.PLACE.count": "authorised payments whose money is in a place at the end, per replication",
    "money.PLACE.eur": "their amounts; over all places these add up to `metrics.authorised_eur`",
    "open_tokens.at_s[]": "moments, in seconds from the start of the run, up to the end of arrivals",
    "open_tokens.mean[]": "tokens open at each moment, mean over replications",
    "open_tokens.low[]": "lower end of its interval",
    "open_tokens.high[]": "upper end of its interval",
    "outcome_curve.within_s[]": "delays, in seconds",
    "outcome_curve.share[]": "accepted tokens whose outcome came within each delay / accepted tokens",
    "outcome_curve.by_psp.PSP[]": "the same for each PSP",
    "confidence": "confidence of every interval",
    "replications": "replications summarised",
    "warnings[]": "what to mind when reading the figures",
    "collapses[].metric": "a metric in which replications fall in two groups, so that its mean describes neither",
    "collapses[].probability": "estimate of the probability of a replication to collapse",
    "collapses[].replications[]": "numbers of the replications that did",
    "collapses[].healthy": "estimate over the others",
    "collapses[].collapsed": "estimate over those that collapsed",
    "collapses[].threshold": "halfway between the nearest two of the groups",
}
"""Structure of the JSON document: path to value, and what the value is.

A word in capitals stands for any name. An estimate is `{"mean", "low", "high", "n"}`; `ESTIMATE` stands for these four
beside the other keys. What is not known is null.
"""

_OF_SCENARIO: Mapping[str, str] = {
    "scenario": "the scenario as resolved, every default spelled out",
    "file": "the scenario file",
    "sets": "assignments of the command line (`--set`)",
    "provenance": "of each annotated value: path, value, source or assumption, range",
    "seed": "the seed of all random draws",
    "fingerprint": "hash of everything that the records depend on but the number of the replication",
}
_OF_PROGRAM: Mapping[str, str] = {
    "versions": "of Python, of this program and of the libraries that figures depend on",
    "git_commit": "commit of the program, where it runs from a checkout",
    "git_changed": "whether files of the program differ from that commit",
    "machine": "system, processor and number of cores",
}
MANIFEST_OF_RUN: Mapping[str, str] = {
    **_OF_SCENARIO,
    "replications": "numbers of the replications in this run",
    "replications_asked": "how many were asked for; `auto` for as many as it takes",
    "stopping": "with `auto`: precision and maximum, and the reason for stopping, with what was left undecided then",
    "recorded": "tables recorded on request (`--record`)",
    "interrupted": "whether the run was stopped before all of them were finished",
    "command": "the command line",
    "started": "when the run began, UTC",
    "wall_s": "seconds that it took",
    "jobs": "processes that it might use",
    "events": "events simulated",
    "activations": "activations simulated",
    **_OF_PROGRAM,
}
"""What `manifest.json` of a run has."""
MANIFEST_OF_SWEEP: Mapping[str, str] = {
    **_OF_SCENARIO,
    "design": "`grid`, `list`, `lhs` or `sobol`",
    "varied": "what was written of each path that is varied",
    "points": "how many points there are",
    "replications": "how many there are of each point; `auto` for as many as it took",
    "stopping": "with `auto`: precision and maximum",
    "slos": "of each objective as written, what the columns are called that have its estimate",
    "command": "the command line",
    **_OF_PROGRAM,
}
"""What `manifest.json` of a sweep has; what is said of a key as of a run is the same."""
