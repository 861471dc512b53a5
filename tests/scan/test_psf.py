"""H: symmetric at the borders too, keeps counts, and as wide as it says."""

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from petcourse import PSF, Scanner


def flat(columns, width, rings=5, pitch=4.0):
    """Only the voxels of this scanner matter here."""
    return reference.ring(
        rings=rings, max_ring_difference=0, ring_pitch=pitch, columns=columns, column_width=width, fov_radius=width
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(1, 6), st.floats(0.5, 30))
def test_dense_matrix(rings, columns, fwhm):
    """Symmetric, not negative, and each column sums to one: also where the blur is wider than the image."""
    H = PSF(flat(columns, 2.0, rings), fwhm)
    size = int(np.prod(H.dims))
    matrix = np.stack([(H @ one.reshape(H.dims)).ravel() for one in np.eye(size, dtype=np.float32)])
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-6)
    np.testing.assert_allclose(matrix.sum(axis=0), 1, atol=1e-5)
    assert matrix.min() >= 0


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(1, 40), st.floats(0, 60))
def test_against_scipy(rings, columns, fwhm):
    """The same blur in float64, whatever the shape, also if an image is cut to a box."""
    H = PSF(flat(40, 2.3, rings), fwhm)
    assert (H @ np.zeros(H.dims, np.float32)).shape == H.dims  # once used, it can still be cut
    H = H.inside_box(slice(0, columns))
    image = np.random.default_rng(columns).random(H.dims, dtype=np.float32)
    wanted = gaussian_filter(image.astype(float), H.sigma, mode="reflect", truncate=4)
    np.testing.assert_allclose(H @ image, wanted, atol=1e-6)


@pytest.mark.parametrize("fwhm", [4.5, 9.0])
@pytest.mark.parametrize("width", [2.0, 1.3])
def test_width_in_mm(fwhm, width):
    """Second moments of a point's image along each axis; voxels are 2 mm along z."""
    H = PSF(flat(41, width, rings=20), fwhm)
    point = np.zeros(H.dims, np.float32)
    point[19, 20, 20] = 1
    image = (H @ point).astype(float)
    for axis, size in enumerate((2.0, width, width)):
        profile = image.sum(axis=tuple({0, 1, 2} - {axis}))
        at = (np.arange(len(profile)) - (19 if axis == 0 else 20)) * size
        assert (profile * at).sum() == pytest.approx(0, abs=1e-5)
        found = np.sqrt((profile * at**2).sum()) * np.sqrt(8 * np.log(2))
        assert found == pytest.approx(fwhm, rel=0.01)
        # And its half maximum, where the profile is read between voxels from a Gaussian's logarithm
        inner = np.polyfit(at[profile > profile.max() / 4] ** 2, np.log(profile[profile > profile.max() / 4]), 1)[0]
        assert 2 * np.sqrt(np.log(2) / -inner) == pytest.approx(fwhm, rel=0.01)


def test_counts_stay():
    H = PSF(Scanner.mmr(rings=4), 4.5)
    image = np.random.default_rng(0).random(H.dims, dtype=np.float32)
    assert (H @ image).sum(dtype=float) == pytest.approx(image.sum(dtype=float), rel=1e-5)
    np.testing.assert_array_equal(H.T @ image, H @ image)


def test_zero_width_changes_nothing():
    H = PSF(Scanner.mmr(rings=1), 0)
    image = np.random.default_rng(0).random(H.dims, dtype=np.float32)
    np.testing.assert_array_equal(H @ image, image)


@pytest.mark.parametrize("fwhm", [-1.0, np.nan, np.inf, 1e6, "4.5", None])
def test_impossible_width(fwhm):
    with pytest.raises(ValueError, match=f"FWHM is {fwhm!r} and a width in mm is wanted: give 0 to 1000"):
        PSF(Scanner.mmr(rings=1), fwhm)
