"""Evaluation protocols, each in a package of its own, and the perturbations that both share.

A protocol's package has everything of its protocol and nothing of the other's; the rest of hsizoo
knows them as `hsizoo.Protocol` only.  The exception is training, which clicks as the interactive
protocol does.
"""
