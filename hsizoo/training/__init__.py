"""The training protocol: a segmenter learns from the clicks of a simulated user.

SAMSA 2.0 (arXiv:2508.00493), section 3.5.  Each class of each training scene is one object.  It is
clicked as in the interactive protocol: the first click, the component's answer, the next click by
the robot, and so on.  The loss of a click is half soft Dice and half binary cross-entropy on the
evaluated pixels; the loss of an object is the mean over its clicks; each object makes one step of
the optimiser.  No gradient flows through the choice of a click.

The protocol knows the component through `TrainableSegmenter` only.  One module for each part of it:
`settings`, `division` (subjects), `objects` (clicks and gradients), `states` (open scenes),
`validation`, `trainer` (steps).

Policies
--------
One backward pass
    The paper keeps the graphs of all clicks and goes back once through their mean.  Here each click
    goes back at once, with its share of the mean, and its graph is freed: the gradients add up to
    the same, since the weights do not change in between and clicks carry none, and the memory is
    that of one click.  Where all clicks share a costly part of the graph (a trained encoder), one
    pass is cheaper: `TrainingSettings.backward`.
Exhausted robot
    Where the robot finds nothing more to click, the last loss stands for the remaining clicks, as
    the last values do in the interactive protocol.
Chance
    The order of an epoch and the clicks in it depend on the seed and the number of the epoch alone,
    so a training that goes on from a checkpoint sees what it would have seen.
Subjects
    Scenes of one subject are never divided; scenes whose split is ``test`` are never read.
"""

from __future__ import annotations

from hsizoo.training.division import Division, divide
from hsizoo.training.objects import accumulate, click_losses, present_labels
from hsizoo.training.settings import TrainingSettings
from hsizoo.training.states import SceneStates
from hsizoo.training.trainer import Step, Trainer
from hsizoo.training.validation import validate

__all__ = [
    "Division",
    "SceneStates",
    "Step",
    "Trainer",
    "TrainingSettings",
    "accumulate",
    "click_losses",
    "divide",
    "present_labels",
    "validate",
]
