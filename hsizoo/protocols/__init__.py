"""Evaluation protocols, and what they share.

================== ===============================================================================
``interactive``    a simulated user clicks, the component answers, every answer is scored
``few_label``      a classifier learns from a few labels per class and is tested on the others
``box``            each class is segmented once, from a box around it
``perturbations``  named ways to perturb a cube, for every protocol
``mask_metrics``   Dice and IoU
``answers``        what components return, held to their contract
================== ===============================================================================

A protocol's package has everything of its protocol and nothing of another; the rest of hsizoo knows
protocols as `hsizoo.Protocol` only.  The exception is training, which clicks as the interactive
protocol does.
"""
