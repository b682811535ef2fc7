"""The product of many spectra and one vector, on all cores.

MKL multiplies a matrix and a vector on one core, and rows of a hundred bands at half the speed at
which that core reads memory.  NumPy's ``einsum`` reads them as fast as they come, and releases the
interpreter's lock, so that each thread takes a share of the rows.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch

__all__ = ["product"]

_MIN_ROWS = 2**14  # per thread: fewer take less time than to hand them over


def product(rows: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    """Return the products (n,) of rows (n, B) and a vector (B,), float32 on the CPU.

    Each product depends on its row alone, not on the number of threads, which is torch's.
    """
    found = torch.empty(len(rows))
    matrix, column, out = (each.numpy() for each in (rows, vector.contiguous(), found))
    threads = max(1, min(torch.get_num_threads(), len(rows) // _MIN_ROWS))

    def part(share: tuple[int, int]) -> None:
        some = slice(*share)
        np.einsum("ij,j->i", matrix[some], column, out=out[some])

    shares = list(pairwise(len(rows) * n // threads for n in range(threads + 1)))
    if threads > 1:
        list(_pool(os.getpid(), threads).map(part, shares))
    else:
        part(shares[0])
    return found


@lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Return the threads of this process: a copy made by ``fork`` has none of its parent's."""
    return ThreadPoolExecutor(threads, thread_name_prefix="hsizoo-product")
