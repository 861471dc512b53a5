"""Siemens' sinograms and MATLAB's files: they come back, and what contradicts itself is refused."""

from dataclasses import replace

import numpy as np
import pytest

from petcourse import Scanner
from petcourse.exchange.matlab import read_matlab, write_matlab
from petcourse.exchange.siemens import _order, read_siemens_sinogram, write_siemens_sinogram

MMR = Scanner.mmr()


def counts(scanner, seed):
    values = np.zeros(scanner.sinogram_shape, np.int16)
    np.add.at(values.reshape(-1), np.random.default_rng(seed).integers(0, values.size, 50_000), 1)
    return values * (scanner.multiplicity() > 0)[:, None, None].astype(np.int16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("siemens")
    write_siemens_sinogram(path / "m.s.hdr", MMR, counts(MMR, 1), counts(MMR, 2), 60)
    return path


def test_they_come_back(folder):
    prompts, delayeds, header = read_siemens_sinogram(folder / "m.s.hdr", MMR)
    np.testing.assert_array_equal(prompts, counts(MMR, 1))
    np.testing.assert_array_equal(delayeds, counts(MMR, 2))
    assert header.number("image duration (sec)") == 60


def test_span_1_is_in_siemens_order():
    """Each of its 4084 sinograms goes to the plane of its two rings; the course's empty planes are not in the file."""
    flat = replace(MMR, span=1)
    assert sorted(_order(flat)) == np.flatnonzero(flat.multiplicity()).tolist()
    np.testing.assert_array_equal(_order(flat)[:3], [0, 2, 4])
    with pytest.raises(ValueError, match="span 11 or 1"):
        _order(replace(MMR, span=3))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("%compression := off", "%compression := on", "only Siemens knows.*intfcompr"),
        ("axial compression := 11", "axial compression := 1", "of span 1, and this scanner"),
        ("matrix size [3] := 837", "matrix size [3] := 836", "holds .836"),
        ("bytes per pixel := 2", "bytes per pixel := 4", "no integers of 16 bits"),
        ("bytes [2] := 145115712", "bytes [2] := 145115714", "cut off"),
        ("name of data file := m.s", "name of data file := ../m.s", "outside of its folder"),
    ],
)
def test_what_contradicts_itself_is_refused(folder, tmp_path, old, new, message):
    text = (folder / "m.s.hdr").read_text()
    assert old in text
    (tmp_path / "m.s.hdr").write_text(text.replace(old, new))
    (tmp_path / "m.s").symlink_to(folder / "m.s")
    with pytest.raises(ValueError, match=message):
        read_siemens_sinogram(tmp_path / "m.s.hdr", MMR)


def test_matlab(tmp_path):
    image = np.random.default_rng(0).random((3, 4, 5), dtype=np.float32)
    write_matlab(tmp_path / "x.mat", theta=image, m=counts(Scanner.mmr(2), 1))
    found = read_matlab(tmp_path / "x.mat")
    assert set(found) == {"theta", "m"} and found["m"].dtype == np.int16
    np.testing.assert_array_equal(found["theta"], image)
    (tmp_path / "y.mat").write_bytes(b"no such file" * 30)
    with pytest.raises(ValueError, match="no .mat file"):
        read_matlab(tmp_path / "y.mat")
