"""Interfile: what is written comes back bit for bit, in any order of the file, and what contradicts itself is refused."""

from dataclasses import replace

import numpy as np
import pytest

from petcourse import Scanner
from petcourse.exchange.headers import Header
from petcourse.exchange.images import read_image, write_image
from petcourse.exchange.sinograms import read_sinogram, write_sinogram

SHORT = Scanner.mmr(rings=12)


def sinogram(scanner, dtype=np.float32):
    values = np.random.default_rng(0).integers(0, 200, scanner.sinogram_shape).astype(dtype)
    return values * (scanner.multiplicity() > 0)[:, None, None].astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "int16", "uint16", "uint8"])
@pytest.mark.parametrize("scanner", [SHORT, replace(SHORT, span=1, max_ring_difference=7)], ids=["span 11", "span 1"])
def test_sinograms_come_back(tmp_path, scanner, dtype):
    values = sinogram(scanner, dtype)
    write_sinogram(tmp_path / "m.hs", values, scanner, seconds=60)
    found = read_sinogram(tmp_path / "m.hs", scanner)
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)
    pairs = (scanner.multiplicity() > 0).sum()  # no byte for what merges no pair of rings
    assert (tmp_path / "m.s").stat().st_size == pairs * scanner.angles * scanner.bins * values.itemsize
    assert Header.read(tmp_path / "m.hs").number("image duration (sec)[1]") == 60


def test_stirs_own_order(tmp_path):
    """Segments from the lowest to the highest, and (view, axial) inside: the same values at the same bins."""
    values = sinogram(SHORT)
    write_sinogram(tmp_path / "m.hs", values, SHORT)
    text, parts = (tmp_path / "m.hs").read_text(), sorted(SHORT.segments(), key=lambda s: s.mean)
    lists = {
        "minimum": [s.lowest for s in parts],
        "maximum": [s.highest for s in parts],
    }
    lines = []
    for line in text.splitlines():
        for end, numbers in lists.items():
            if line.startswith(end):
                line = f"{end} ring difference per segment := {{{', '.join(map(str, numbers))}}}"
        if line.startswith("matrix axis label [3]"):
            line = "Matrix  axis_label[3] := view"
        elif line.startswith("matrix axis label [2]"):
            line = "matrix axis label [2] := axial coordinate"
        elif line.startswith("!matrix size [3]"):
            line = f"!matrix size [3] := {SHORT.angles}"
        elif line.startswith("!matrix size [2]"):
            line = f"!matrix size [2] := {{{','.join(str(s.planes) for s in parts)}}}"
        lines.append(line)
    (tmp_path / "m.hs").write_bytes("\r\n".join(lines).encode())
    with open(tmp_path / "m.s", "wb") as file:
        for s in parts:
            values[s.first : s.first + s.planes].swapaxes(0, 1).copy().tofile(file)
    np.testing.assert_array_equal(read_sinogram(tmp_path / "m.hs", SHORT), values)


def test_big_endian_and_scaled(tmp_path):
    values = sinogram(SHORT, np.int16)
    write_sinogram(tmp_path / "m.hs", values, SHORT)
    text = (tmp_path / "m.hs").read_text().replace("LITTLEENDIAN", "BIGENDIAN")
    (tmp_path / "m.hs").write_text(
        text.replace("number of time frames", "image scaling factor[1] := 0.5\nnumber of time frames")
    )
    values.astype(">i2").tofile(tmp_path / "m.s")
    np.testing.assert_array_equal(read_sinogram(tmp_path / "m.hs", SHORT), values * np.float32(0.5))


@pytest.mark.parametrize("position", ["HFS", "FFS", "HFP", "FFP"])
def test_images_come_back(tmp_path, position):
    image = np.random.default_rng(0).random((5, 7, 9), dtype=np.float32)
    write_image(tmp_path / "x.hv", image, (2.03125, 2.08626, 2.1), position)
    found, voxel, of = read_image(tmp_path / "x.hv")
    np.testing.assert_array_equal(found, image)
    assert voxel == pytest.approx((2.03125, 2.08626, 2.1)) and of == position
    header = Header.read(tmp_path / "x.hv")
    offsets = [header.number(f"first pixel offset (mm)[{n}]") for n in (1, 2, 3)]
    assert offsets == pytest.approx([-4 * 2.1, -3 * 2.08626, 0])  # the middle voxel is on the axis


DAMAGES = [
    (lambda text: text.replace("!INTERFILE", "!SOMETHING"), None, "is no Interfile header"),
    (lambda text: text.replace("{None}", "{arc_correction}"), None, "is arc corrected"),
    (lambda text: text.replace("applied corrections := {None}\n", ""), None, "does not say"),
    (lambda text: text.replace("m.s", "../m.s"), None, "outside of its folder"),
    (lambda text: text.replace("m.s", "/etc/passwd"), None, "outside of its folder"),
    (lambda text: text.replace("m.s", "n.s"), None, "is not beside it"),
    (lambda text: text.replace("!matrix size [2] := 252", "!matrix size [2] := 126"), None, "choose the scanner"),
    (lambda text: text.replace("!matrix size [2] := 252", "!matrix size [2] := many"), None, "numbers are wanted"),
    (lambda text: text.replace(":= float", ":= bit"), None, "holds 'bit'"),
    (lambda text: text, lambda raw: raw[:-8], "cut off"),
    (lambda text: text, lambda raw: raw + b"12345678", "belongs to another header"),
    (lambda text: "\0" + text, None, "is no Interfile header"),
]


@pytest.mark.parametrize(("header", "data", "message"), DAMAGES)
def test_damaged_sinograms_are_refused(tmp_path, header, data, message):
    write_sinogram(tmp_path / "m.hs", sinogram(SHORT), SHORT)
    (tmp_path / "m.hs").write_text(header((tmp_path / "m.hs").read_text()))
    if data:
        (tmp_path / "m.s").write_bytes(data((tmp_path / "m.s").read_bytes()))
    with pytest.raises(ValueError, match=message):
        read_sinogram(tmp_path / "m.hs", SHORT)


@pytest.mark.parametrize(
    ("values", "scanner", "message"),
    [
        (sinogram(SHORT), Scanner.mmr(13), "choose the right scanner"),
        (sinogram(SHORT).astype(complex), SHORT, "cannot be written"),
        (sinogram(SHORT) * np.nan, SHORT, "NaN or infinite"),
        (np.zeros(Scanner.hr_plus(4).sinogram_shape, np.float32), Scanner.hr_plus(4), "those of an mMR"),
    ],
)
def test_what_cannot_be_written(tmp_path, values, scanner, message):
    with pytest.raises((TypeError, ValueError), match=message):
        write_sinogram(tmp_path / "m.hs", values, scanner)
    assert not list(tmp_path.iterdir())


def test_an_even_image_has_no_voxel_on_the_axis(tmp_path):
    with pytest.raises(ValueError, match="odd number of columns"):
        write_image(tmp_path / "x.hv", np.zeros((3, 4, 4), np.float32), (1, 1, 1))


def test_nothing_half_written(tmp_path, monkeypatch):
    write_sinogram(tmp_path / "m.hs", sinogram(SHORT), SHORT)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(number, name):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_sinogram(tmp_path / "m.hs", 2 * sinogram(SHORT), SHORT)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
