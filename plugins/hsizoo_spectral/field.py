"""A Gaussian process that labels all pixels of a scene from a few clicked ones.

C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", MIT Press (2006), for
the regression and for leaving one observation out (section 5.4.2); C. K. I. Williams, M. Seeger,
"Using the Nyström method to speed up kernel machines", NIPS 13 (2001) 682-688, for the features.

All pixels of the scene together are one weak observation: most of them are not the object.  What
they say does not depend on the clicks, so it is worked out once per scene; a click then costs the
solution of a system as large as the number of clicks, and one pass over the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from hsizoo_spectral.spectra import working_device

__all__ = ["SceneField", "fit_field", "solve"]

_JITTER = 1e-4
"""Added to the diagonal of the landmarks' kernel, against nearly equal landmarks."""

_RIDGE = 0.01
"""Inverse variance of the coefficients; INFERRED as the options of `verdict` are."""

_PAIRS_AT_ONCE = 2**22


@dataclass(frozen=True, eq=False)
class SceneField:
    """What is known of all pixels before the first click.

    Parameters
    ----------
    basis : torch.Tensor of float32, shape (P, D)
        The covariance of two pixels is the product of their rows.
    mean : torch.Tensor of float32, shape (P,)
        Expected value of each pixel, between -1 (not the object) and 1 (object).
    landmarks : torch.Tensor of float32, shape (L, F)
    transform : torch.Tensor of float32, shape (L + 1, D)
        Maps kernel values with the landmarks, and a 1, to the basis.
    weights : torch.Tensor of float32, shape (L + 1,)
        Maps them to the mean.
    width : float
        Twice the squared width of the kernel.
    """

    basis: torch.Tensor
    mean: torch.Tensor
    landmarks: torch.Tensor
    transform: torch.Tensor
    weights: torch.Tensor
    width: float

    def at(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return basis (n, D) and mean (n,) of features (n, F) of pixels not in the scene."""
        kernel = _kernel(features, self.landmarks, self.width)
        return kernel @ self.transform, kernel @ self.weights


def fit_field(
    rows: torch.Tensor,
    valid: npt.NDArray[np.bool_],
    landmarks: int,
    breadth: float,
    doubt: float,
) -> SceneField:
    """Observe a whole scene as weakly "not the object".

    Parameters
    ----------
    rows : torch.Tensor of float32, shape (P, F)
        Features of the pixels.
    valid : ndarray of bool, shape (P,)
        At least one is True.
    landmarks : int
        Number of pixels, a fixed sample, whose kernels span the functions.
    breadth : float
        Squared width of the Gaussian kernel, in units of the median squared distance of landmarks.
    doubt : float
        Weight of the scene, all pixels together.

    Returns
    -------
    SceneField
    """
    known = np.flatnonzero(valid)
    rng = np.random.default_rng(0)
    if len(known) > landmarks:
        chosen = np.sort(rng.choice(known, landmarks, replace=False))
    else:
        chosen = known
    centres = rows[torch.from_numpy(chosen).to(rows.device)]
    # Small matrices in float64 on the CPU: the same for every device.
    exact = centres.double().cpu()
    squared = torch.cdist(exact, exact).square()
    apart = squared[squared > 0]
    width = 2 * breadth * (float(apart.median()) if len(apart) else 1.0)
    among = torch.exp(-squared / width) + _JITTER * torch.eye(len(exact), dtype=torch.float64)
    values, vectors = torch.linalg.eigh(among)
    whitening = torch.block_diag(
        vectors / values.clamp_min(_JITTER).sqrt(), torch.ones((1, 1), dtype=torch.float64)
    )
    size = len(whitening)
    second = torch.zeros((size, size), dtype=torch.float64)
    first = torch.zeros(size, dtype=torch.float64)
    step = max(1, _PAIRS_AT_ONCE // size)
    # In float64 here too: the whitening enlarges rounding errors a hundredfold, and squares them.
    place = working_device(rows.device)
    anchors, inside = exact.to(place), torch.from_numpy(valid.copy()).to(place)
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        kernel = _kernel(rows[part].to(place).double(), anchors, width)[inside[part]]
        second += (kernel.T @ kernel).cpu()
        first += kernel.sum(dim=0).cpu()
    second = whitening.T @ second @ whitening / len(known)
    first = whitening.T @ first / len(known)
    prior = torch.full((size,), _RIDGE, dtype=torch.float64)
    prior[-1] *= 0.01  # the constant is hardly bound
    precision = doubt * second + torch.diag(prior)
    spread, axes = torch.linalg.eigh(precision)
    transform = (whitening @ (axes / spread.sqrt())).float().to(rows.device)
    weights = (whitening @ torch.linalg.solve(precision, -doubt * first)).float().to(rows.device)
    basis = rows.new_empty((len(rows), size))
    mean = rows.new_empty(len(rows))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        kernel = _kernel(rows[part], centres, width)
        torch.mm(kernel, transform, out=basis[part])
        torch.mv(kernel, weights, out=mean[part])
    return SceneField(basis, mean, centres, transform, weights, width)


def solve(covariance: torch.Tensor, residuals: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Weigh observations so that their covariances explain the residuals.

    Parameters
    ----------
    covariance : torch.Tensor, shape (n, n)
        Positive definite, the noise included.
    residuals : torch.Tensor, shape (n,)
        Observed minus expected values.

    Returns
    -------
    weights : torch.Tensor, shape (n,)
        What the covariances of any pixel with the observations are to be multiplied by.
    left_out : torch.Tensor, shape (n,)
        By how much each observation differs from what the others predict.
    """
    inverse = torch.linalg.inv(covariance.double())
    weights = inverse @ residuals.double()
    left_out = weights / inverse.diagonal()
    return weights.to(residuals), left_out.to(residuals)


def _kernel(features: torch.Tensor, landmarks: torch.Tensor, width: float) -> torch.Tensor:
    """Return Gaussian kernels (n, L + 1) of features (n, F) with landmarks, and a 1."""
    squared = torch.cdist(features, landmarks).square_()
    values = torch.exp(squared.div_(-width))
    return torch.cat([values, torch.ones_like(values[:, :1])], dim=1)
