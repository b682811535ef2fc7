"""The interactive protocol: a simulated user clicks, and every prediction is scored.

==================== ==========================================================================
module               contents
==================== ==========================================================================
``protocol``         `InteractiveProtocol`: settings and columns; calls the modules below
``columns``          columns of its table
``robots``           simulated users
``loop``             clicks on all classes of one scene
``curve_metrics``    area, NoC and NoF of a curve over clicks
``observations``     figures of each class of each scene, from stored records
``samples_csv``      CSV file with one line per click
``curve``            plot of Dice over clicks
==================== ==========================================================================
"""

from __future__ import annotations

from hsizoo.protocols.interactive.protocol import InteractiveProtocol

__all__ = ["InteractiveProtocol"]
