"""Experiments: several runs, with the trainings that they need, from one file.

>>> from hsizoo.experiment import run_experiment
>>> result = run_experiment("benchmarks/samsa2_table1.toml")             # doctest: +SKIP

`hsizoo.experiment.config` tells how the file is written.
"""

from hsizoo.experiment.config import Experiment, read_experiment
from hsizoo.experiment.running import ExperimentEvents, ExperimentResult, run_experiment

__all__ = [
    "Experiment",
    "ExperimentEvents",
    "ExperimentResult",
    "read_experiment",
    "run_experiment",
]
