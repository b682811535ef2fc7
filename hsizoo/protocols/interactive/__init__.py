"""The interactive protocol: a simulated user clicks, the component answers, it is scored.

==================== ==========================================================================
module               what it holds
==================== ==========================================================================
``protocol``         `InteractiveProtocol`: settings and columns, and the way to all below
``columns``          the columns of its table
``robots``           simulated users
``loop``             clicking through the classes of one scene
``metrics``          Dice, IoU and the best threshold of one mask
``curve_metrics``    area, NoC and NoF of a curve over clicks
``observations``     from stored records to the figures of each class of each scene
``samples_csv``      a file with one line per click
``curve``            the picture of Dice over clicks
==================== ==========================================================================
"""

from __future__ import annotations

from hsizoo.protocols.interactive.protocol import InteractiveProtocol

__all__ = ["InteractiveProtocol"]
