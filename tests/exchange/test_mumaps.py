"""Attenuation maps: units, grids and flips."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from petcourse import Scanner, load_subject
from petcourse.exchange.images import write_image
from petcourse.exchange.mumaps import on_grid, read_mu

SCANNER = replace(Scanner.mmr(rings=12), columns=215)


@pytest.fixture(scope="module")
def head():
    return load_subject("embedded", SCANNER)


@pytest.mark.parametrize("factor", [1, 10, 1e5])
def test_units(tmp_path, head, factor):
    write_image(tmp_path / "mu.hv", np.float32(factor) * head.mu, SCANNER.voxel, "FFS")
    mu = read_mu(tmp_path / "mu.hv", SCANNER, "FFS", emission=head.pet)
    np.testing.assert_allclose(mu, head.mu, rtol=1e-4, atol=1e-7)


def test_another_grid():
    """A plane of slope is the same plane on a coarse grid; outside of it there is nothing."""
    coarse = np.broadcast_to(np.arange(41, dtype=np.float32), (9, 41, 41))
    found = on_grid(coarse, (4, 8, 8), SCANNER)
    x = SCANNER.axes()[2]
    row = found[len(found) // 2, SCANNER.columns // 2]
    inside = abs(x) < 155
    np.testing.assert_allclose(row[inside], 20 + x[inside] / 8, atol=1e-3)
    assert not row[abs(x) > 164].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda mu: 100 * mu, "convert it first"),
        (lambda mu: mu - 0.001, "convert it first"),
        (lambda mu: mu[:, ::-1], "flipped along y"),
    ],
)
def test_what_is_refused(tmp_path, head, change, message):
    off = np.roll(head.pet, 12, axis=1), np.roll(head.mu, 12, axis=1)  # a head that does not lie in the middle
    write_image(tmp_path / "mu.hv", np.ascontiguousarray(change(off[1]), np.float32), SCANNER.voxel, "FFS")
    with pytest.raises(ValueError, match=message):
        read_mu(tmp_path / "mu.hv", SCANNER, "FFS", emission=off[0])


def test_another_position(tmp_path, head):
    write_image(tmp_path / "mu.hv", head.mu, SCANNER.voxel, "HFS")
    with pytest.raises(ValueError, match="lies HFS, and the scan of one who lies FFS"):
        read_mu(tmp_path / "mu.hv", SCANNER, "FFS")


@pytest.mark.skipif(not os.environ.get("PETCOURSE_MMR"), reason="PETCOURSE_MMR names no folder with a real map")
def test_a_real_map():
    """Of a phantom, coarse: water is 0.0096/mm."""
    mu = read_mu(Path(os.environ["PETCOURSE_MMR"]) / "mu_map.hv", Scanner.mmr())
    assert mu.shape == Scanner.mmr().image_shape
    assert np.median(mu[mu > 0.005]) == pytest.approx(0.0096, abs=0.0008)
