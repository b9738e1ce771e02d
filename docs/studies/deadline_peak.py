"""Draw the curve of the study: how many of ACI's answers come in time in the busiest minute, over its workers.

The page's sweep was made before, so that it is found finished here. Prints what the picture shows, in words.
"""

import sim
from sim.experiment.replications import objectives
from sim.report import plots

SCENARIO = "scenarios/deadline_peak.yaml"
BUSIEST_MINUTE = [
    "run.warm_up=2 min",
    "run.window=1 min",
    "arrivals.ramp=[{duration: 2 min, rate: 21/s}, {duration: 1 min, rate: 23/s}]",
]

sweep = sim.sweep(SCENARIO, {"ecs.aci.workers": "12,14,16,18,20"}, sets=BUSIEST_MINUTE, replications=3)
within_2_s = objectives(sim.load(SCENARIO))[0]
picture = plots.sweep(sweep.points, "ecs.aci.workers", "tgp{ec_group=aci}", slo=within_2_s)
picture.savefig("docs/studies/deadline-peak.svg")
print(picture.alt)
