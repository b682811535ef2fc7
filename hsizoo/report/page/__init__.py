"""The page of a report: one HTML file that needs nothing else."""

from __future__ import annotations

from hsizoo.report.page.content import Content, Written, is_own_page, written

__all__ = ["Content", "Written", "is_own_page", "written"]
