"""Evaluation protocols and shared helpers.

================== ===============================================================================
``interactive``    a simulated user clicks, the component predicts, every prediction is scored
``few_label``      a classifier learns from a few labels per class and is tested on the others
``box``            each class is segmented once, from a box around it
``perturbations``  named ways to perturb a cube, for every protocol
``mask_metrics``   Dice and IoU
``answers``        checks of what components return
``classification`` what classifiers are given, and checks of what they return
================== ===============================================================================

A protocol's package contains everything about this protocol and nothing about others; the rest of
hsizoo uses protocols through `hsizoo.Protocol` only.  The exception is training, which clicks like
the interactive protocol.
"""
