"""Parts of `RegionWalk`: metric, class densities, and the random walk."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.linalg
from scipy import sparse
from scipy.sparse.linalg import splu
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from hsizoo_classifiers.regions import positive

__all__ = ["balanced", "log_densities", "metric", "openness", "walk"]

_KNOWN: Final = 100.0  # weight of the labels; a region's border weights sum to 1 on average
_LEAST_OPEN: Final = 1e-6  # lower limit of a border weight

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.intp]


def metric(values: Floats, scatter: Floats, known: Whole, classes: Whole, own: float) -> Floats:
    """Transform values so that their Euclidean distances are Mahalanobis distances.

    Parameters
    ----------
    values : ndarray of float64, shape (n, C)
    scatter : ndarray of float64, shape (C, C)
        Covariance estimated without labels.
    known : ndarray of int, shape (m,)
        Indices of the labelled values; may repeat.
    classes : ndarray of int, shape (m,)
        Classes of the labelled values; every class occurs.
    own : float
        Weight of the covariance about the class means.  Ignored if each class has a single label,
        since there is no such covariance.

    Returns
    -------
    ndarray of float64, shape (n, C)
    """
    freedom = len(known) - (int(classes.max()) + 1)
    if freedom > 0:
        labelled = values[known]
        rest = labelled - _class_means(labelled, classes)[classes]
        scatter = (1 - own) * scatter + own * (rest.T @ rest) / freedom
    lower = scipy.linalg.cholesky(positive(scatter), lower=True)
    turned: Floats = scipy.linalg.solve_triangular(lower, values.T, lower=True).T
    return turned


def _class_means(values: Floats, classes: Whole) -> Floats:
    member = np.eye(int(classes.max()) + 1)[classes]
    found: Floats = (member.T @ values) / member.sum(axis=0)[:, None]
    return found


def log_densities(turned: Floats, known: Whole, classes: Whole, sharpness: float) -> Floats:
    """Return the logarithm of the mean Gaussian kernel around the labels of each class, (n, K).

    The kernel is ``exp(-sharpness * distance² / 2)``.
    """
    exponent = -0.5 * sharpness * cdist(turned, turned[known], "sqeuclidean")
    return np.stack(
        [
            logsumexp(exponent[:, classes == each], axis=1) - np.log((classes == each).sum())
            for each in range(int(classes.max()) + 1)
        ],
        axis=1,
    )


def balanced(prior: Floats, size: npt.NDArray[np.integer], evenness: float) -> Floats:
    """Divide each class by a power of its mean over the image; region i has ``size[i]`` pixels."""
    share = (size / size.sum()) @ prior
    # A class with zero mean stays at zero.
    even = prior / np.where(share > 0, share, 1) ** evenness
    found: Floats = even / even.sum(axis=1, keepdims=True)
    return found


def openness(squares: Floats, contrast: float) -> Floats:
    """Weights of borders from the squared differences across them: high where easily crossed."""
    usual = float(np.median(squares)) if len(squares) else 0.0
    found: Floats = np.exp(-squares / (contrast * usual or 1.0)) + _LEAST_OPEN
    return found


def walk(
    pairs: tuple[Whole, Whole], weights: Floats, pull: float, prior: Floats, votes: Floats
) -> Floats:
    """Class probabilities where random walks from each region end: at a label, or at the prior.

    Parameters
    ----------
    pairs : two ndarrays of int, shape (e,)
        Adjacent regions, each pair once.
    weights : ndarray of float64, shape (e,)
        Border weights; scaled so that the sum per region is 1 on average.
    pull : float
        Weight of the prior at every region.
    prior : ndarray of float64, shape (n, K)
        Prior probabilities; rows sum to 1.
    votes : ndarray of float64, shape (n, K)
        Number of labels of each class in each region.

    Returns
    -------
    ndarray of float64, shape (n, K)
        Class probabilities; rows sum to 1.
    """
    count = len(prior)
    graph = sparse.coo_array((weights, pairs), shape=(count, count)).tocsr()
    graph = graph + graph.T
    degree = graph.sum(axis=1)
    unit = degree.mean() or 1.0
    held = votes.sum(axis=1, keepdims=True)
    firm = _KNOWN * (held > 0)
    system = sparse.diags_array(degree / unit + pull + firm[:, 0]) - graph / unit
    ends = pull * prior + firm * np.divide(votes, held, out=np.zeros_like(votes), where=held > 0)
    found: Floats = splu(sparse.csc_array(system)).solve(ends)
    return found
