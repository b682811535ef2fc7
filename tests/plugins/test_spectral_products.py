"""The product of many spectra and one vector."""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest
import torch
from hsizoo_spectral import products


def spectra(rows: int, bands: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(size, generator=generator) for size in ((rows, bands), (bands,)))


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize(("rows", "bands"), [(0, 5), (1, 1), (7, 300), (100_001, 31)])
def test_the_product_is_that_of_numpy_on_any_number_of_threads(threads, rows, bands):
    matrix, vector = spectra(rows, bands)
    expected = matrix.double().numpy() @ vector.double().numpy()
    threads(1)
    alone = products.product(matrix, vector)
    np.testing.assert_allclose(alone.numpy(), expected, rtol=0, atol=2e-5)
    for count in (2, 3):
        threads(count)
        assert torch.equal(products.product(matrix, vector), alone)
    assert torch.equal(products.product(matrix, vector.repeat_interleave(2)[::2]), alone)


def _send(pipe, given) -> None:
    pipe.send(products.product(*given).numpy().tobytes())


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(threads):
    threads(2)
    given = spectra(100_000, 3)
    expected = products.product(*given).numpy().tobytes()
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_send, args=(there, given))
    child.start()
    try:
        assert here.poll(60), "the forked process waits for threads that it does not have"
        assert here.recv() == expected
    finally:
        child.terminate()
        child.join()
