"""Metrics of a curve with one value per click: area (AUC), clicks needed (NoC), failures (NoF)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hsizoo.errors import ProtocolError

__all__ = ["curve_auc", "curve_aucs", "failed", "noc", "nocs"]

Floats = npt.NDArray[np.float64]


def curve_auc(values: npt.ArrayLike) -> float:
    """Return the normalised area under a curve of one value per click.

    Trapezoidal rule over clicks 1..K, divided by K − 1: a constant curve at v has area v for any K.

    Parameters
    ----------
    values : array_like of float, shape (K,)
        The metric after click 1, 2, ..., K; K ≥ 1, all finite.

    Returns
    -------
    float
        Between the lowest and the highest value; the value itself if K = 1.

    Raises
    ------
    ProtocolError
        If `values` is empty, or a value is not finite.

    Examples
    --------
    >>> curve_auc([0.5, 1.0, 1.0])
    0.875
    """
    return float(curve_aucs(_curve(values)[None])[0])


def curve_aucs(curves: Floats) -> Floats:
    """Return `curve_auc` of many curves, shape (N, K) to (N,)."""
    clicks = curves.shape[1]
    if clicks == 1:
        return curves[:, 0]
    # Written out, because NumPy 1 and 2 use different names (trapz, trapezoid).
    area: Floats = (curves[:, :-1] + curves[:, 1:]).sum(axis=1) / (2 * (clicks - 1))
    return area


def noc(ious: npt.ArrayLike, target_iou: float, max_clicks: int) -> int:
    """Return the number of clicks (NoC) needed to reach an IoU.

    Parameters
    ----------
    ious : array_like of float, shape (K,)
        IoU after click 1, 2, ..., K; K ≥ 1, all finite.  May be shorter than `max_clicks` if the
        session stopped early; clicks beyond `max_clicks` are ignored.
    target_iou : float
        The IoU to reach, in [0, 1] (0.9 for NoC@90).
    max_clicks : int
        Maximum number of clicks, at least 1.

    Returns
    -------
    int
        The first click k with IoU ≥ `target_iou`, or `max_clicks` if there is none.

    Raises
    ------
    ProtocolError
        If `ious` is empty or not finite, or `target_iou` or `max_clicks` is out of range.

    Examples
    --------
    >>> noc([0.5, 0.91, 0.88], 0.9, 20), noc([0.5, 0.6], 0.9, 20)
    (2, 20)
    """
    if max_clicks < 1:
        raise ProtocolError(f"max_clicks must be at least 1; got {max_clicks}")
    return int(nocs(_reaches(ious, target_iou)[None, :max_clicks], max_clicks)[0])


def nocs(reached: npt.NDArray[np.bool_], max_clicks: int) -> npt.NDArray[np.int64]:
    """Return `noc` of many curves, from whether each click reaches the IoU, (N, K) to (N,)."""
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, max_clicks)


def failed(ious: npt.ArrayLike, target_iou: float) -> bool:
    """Return whether an IoU was never reached; summed over objects this is NoF.

    Parameters
    ----------
    ious : array_like of float, shape (K,)
        IoU after each click of the budget (or until the session stopped); K ≥ 1, all finite.
    target_iou : float
        The IoU to reach, in [0, 1].

    Raises
    ------
    ProtocolError
        If `ious` is empty or not finite, or `target_iou` is out of range.

    Notes
    -----
    RITM's column ``>=20@90%`` counts objects whose NoC is 20, among them those that reach the IoU
    exactly at click 20.  Here these are successes, so NoF is never higher than RITM's count.

    Examples
    --------
    >>> failed([0.5, 0.6], 0.9), failed([0.5, 0.9], 0.9)
    (True, False)
    """
    return not bool(_reaches(ious, target_iou).any())


def _curve(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    curve = np.asarray(values, dtype=np.float64)
    if curve.ndim != 1 or not curve.size or not np.isfinite(curve).all():
        raise ProtocolError(f"expected one finite value per click, at least one; got {values!r}")
    return curve


def _reaches(ious: npt.ArrayLike, target_iou: float) -> npt.NDArray[np.bool_]:
    """Return, for each click, whether the IoU is at least `target_iou`, (K,) bool."""
    if not 0 <= target_iou <= 1:
        raise ProtocolError(f"target_iou must be in [0, 1]; got {target_iou} (0.9 means 90%)")
    return np.asarray(_curve(ious) >= target_iou)
