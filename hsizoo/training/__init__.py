"""The training protocol: a segmenter learns from the clicks of a simulated user.

SAMSA 2.0 (arXiv:2508.00493), section 3.5.  Each class of each training scene is one object.  It is
clicked as in the interactive protocol: the first click, the component's prediction, the robot's
next click, and so on.  The loss of a click is half soft Dice and half binary cross-entropy on the
evaluated pixels; the loss of an object is the mean over its clicks; each object is one optimiser
step.  No gradient flows through the choice of a click.

The protocol accesses the component through `TrainableSegmenter` only.  Its modules: `settings`,
`division` (subjects), `objects` (clicks and gradients), `states` (open scenes), `validation`,
`trainer` (steps), `interrupts` (Ctrl-C).

Policies
--------
One backward pass
    The paper keeps the graphs of all clicks and backpropagates once through their mean.  Here the
    loss of each click is backpropagated at once, weighted by its share of the mean, and its graph
    is freed.  The gradients add up to the same, since the weights do not change in between and
    clicks carry no gradient, and only the memory of one click is needed.  If all clicks share a
    costly part of the graph (a trained encoder), one pass is cheaper: `TrainingSettings.backward`.
Exhausted robot
    If the robot finds nothing more to click, the last loss is used for the remaining clicks, like
    the last values in the interactive protocol.
Random numbers
    The order of an epoch and its clicks depend only on the seed and the epoch number, so a training
    resumed from a checkpoint continues as if it had not been stopped.
Subjects
    Scenes of one subject are never divided; scenes of the ``test`` split are never read.
"""

from __future__ import annotations

from hsizoo.training.division import Division, divide, proposed_folds
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
    "proposed_folds",
    "validate",
]
