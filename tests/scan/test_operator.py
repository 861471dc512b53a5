"""Composition, transposes and the memory check, on plain matrices. The projector's own are in test_projector."""

import numpy as np
import pylops
import pytest
from reference import Matrix

from petcourse.hardware import device
from petcourse.hardware.device import require_memory
from petcourse.scan.operator import Product

RNG = np.random.default_rng(0)
DENSE, INNER = RNG.random((12, 24)), RNG.random((24, 6))
OUTER = Matrix(DENSE, (2, 3, 4), (2, 3, 2))
BOTH = OUTER @ Matrix(INNER, (1, 2, 3), (2, 3, 4))
X, Y = RNG.random((1, 2, 3), dtype=np.float32), RNG.random((2, 3, 2), dtype=np.float32)


def test_product_and_transpose():
    wanted = DENSE @ INNER
    assert isinstance(BOTH, Product)
    for operator in (BOTH, BOTH.T.T, BOTH.H.H):
        np.testing.assert_allclose((operator @ X).ravel(), wanted @ X.ravel(), rtol=1e-5)
    for operator in (BOTH.T, BOTH.H, BOTH.T.T.T):
        np.testing.assert_allclose((operator @ Y).ravel(), wanted.T @ Y.ravel(), rtol=1e-5)
    np.testing.assert_allclose((BOTH.T @ BOTH @ X).ravel(), wanted.T @ wanted @ X.ravel(), rtol=1e-5)
    assert (BOTH @ X).shape == BOTH.dimsd == BOTH.T.dims == (2, 3, 2)
    assert (BOTH.T @ Y).dtype == (BOTH @ X).dtype == np.float32


def test_with_other_pylops_operators():
    wanted = DENSE @ INNER @ X.ravel()
    np.testing.assert_allclose(((2 * BOTH) @ X).ravel(), 2 * wanted, rtol=1e-5)
    np.testing.assert_allclose(((BOTH + BOTH) @ X).ravel(), 2 * wanted, rtol=1e-5)
    weighted = BOTH @ pylops.Diagonal(np.full(BOTH.dims, 3, np.float32), dtype=np.float32)
    np.testing.assert_allclose((weighted @ X).ravel(), 3 * wanted, rtol=1e-5)
    np.testing.assert_allclose((weighted.T @ Y).ravel(), 3 * (DENSE @ INNER).T @ Y.ravel(), rtol=1e-5)


def test_operators_that_do_not_fit():
    with pytest.raises(
        ValueError, match=r"the matrix works on \(2, 3, 4\) and the matrix @ the matrix gives \(2, 3, 2\).*one scanner"
    ):
        OUTER @ BOTH
    with pytest.raises(ValueError, match=r"the matrix @ the matrix was given an array of shape \(2, 3, 2\)"):
        BOTH @ Y
    with pytest.raises(ValueError, match=r"shape \(6, 2\) and works on"):
        BOTH @ np.ones((6, 2), np.float32)


def test_too_little_memory(monkeypatch):
    """Control groups are looked at in tests/hardware."""
    monkeypatch.setattr(device, "memory", lambda: (2**34, 100 * 2**20))
    require_memory(100 * 2**20, "a test")
    with pytest.raises(MemoryError, match="a test needs 1024 MiB and 100 MiB are free: close.*Scanner.mmr"):
        require_memory(2**30, "a test")


@pytest.mark.parametrize("given", [[1.0, 2.0], None, np.ma.masked_array(np.ones((2, 3), np.float32))])
def test_what_is_no_array(given):
    with pytest.raises(TypeError, match="is of type .* and a NumPy array is wanted"):
        BOTH @ given
