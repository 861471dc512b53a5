"""What sinoshow puts into a page, and what it refuses; what is seen of it is tested in test_sinogram_browser.py."""

import base64
import sys
import warnings

import fake_cupy
import matplotlib
import numpy as np
import pytest
from payload import TEXTS, array_of, data_of, picture_of

import petcourse
from petcourse import Scanner, sinoshow

SCANNER = Scanner(rings=1, max_ring_difference=0)
SMALL = Scanner(
    rings=1, max_ring_difference=0, blocks=12, block_crystals=4, block_angle=2 * np.pi / 12, block_width=16.0,
    radius=33.0, bins=28, columns=24, column_width=2.0, fov_radius=20.0,
)  # fmt: skip


def planes(scanner, seed=0):
    rng = np.random.default_rng(seed)
    image = rng.random(scanner.image_shape[1:], np.float32)
    return image, rng.random(scanner.sinogram_shape[1:], np.float32) * scanner.live()


@pytest.fixture
def undrawn(monkeypatch):
    """Matplotlib's picture takes longer than all else."""
    monkeypatch.setattr("petcourse.viewer.sinogram._picture", lambda *_: b"")


@pytest.mark.parametrize("scanner", [SCANNER, SMALL], ids=["mMR", "small"])
def test_the_table_of_lines_is_the_scanners(scanner):
    data = data_of(sinoshow(scanner, *planes(scanner)))
    crystals = array_of(data["crystals"], "<f4").reshape(-1, 2)
    pairs = array_of(data["pairs"], "<u2").reshape(2, scanner.angles, scanner.bins)
    np.testing.assert_allclose(crystals, scanner.crystals(), atol=1e-4)
    np.testing.assert_array_equal(pairs, scanner.bin_crystals())
    live = array_of(data["live"]).reshape(scanner.angles, scanner.bins)
    np.testing.assert_array_equal(live, scanner.live())


def test_values_are_kept_in_8_bits():
    image, m = planes(SMALL)
    for part, want in zip(data_of(sinoshow(SMALL, image, 100 * m))["parts"], (image, 100 * m), strict=True):
        got = part["vmin"] + array_of(part["voxels"]) / 255 * (part["vmax"] - part["vmin"])
        off = np.abs(got.reshape(want.shape) - want)[SMALL.live() if want.shape == SMALL.live().shape else ...]
        assert off.max() <= (part["vmax"] - part["vmin"]) / 510 * 1.001


def test_what_stands_in_the_gaps_does_not_matter(undrawn):
    image, m = planes(SMALL)
    assert not SMALL.live().all()
    for other in (-1e9, np.nan, np.inf):
        other = np.where(SMALL.live(), m, np.float32(other))
        assert data_of(sinoshow(SMALL, image, other)) == data_of(sinoshow(SMALL, image, m))


def test_it_starts_with_the_brightest_voxel_and_a_bright_live_bin(undrawn):
    image, m = np.zeros(SMALL.image_shape[1:]), np.zeros(SMALL.live().shape)
    image[7, 9] = 3
    angle = SMALL.angles // 4
    live = np.flatnonzero(SMALL.live()[angle])
    m[angle, live[5]], m[angle, ~SMALL.live()[angle]] = 2, 99
    assert data_of(sinoshow(SMALL, image, m))["start"] == {"voxel": [7, 9], "bin": [angle, live[5]]}
    constant = data_of(sinoshow(SMALL, image, np.full(m.shape, -2)))  # even where nothing stands out
    assert SMALL.live()[tuple(constant["start"]["bin"])]
    assert constant["parts"][1]["vmin"] == -2 < constant["parts"][1]["vmax"]


def test_units_and_colours_are_given_for_both_or_each(undrawn):
    def entries(key, **options):
        return [part[key] for part in data_of(sinoshow(SMALL, *planes(SMALL), **options))["parts"]]

    assert entries("unit") == ["", ""]
    assert entries("unit", units=["kBq/mL", "counts"]) == ["kBq/mL", "counts"]
    assert entries("unit", units="a.u.") == ["a.u.", "a.u."]
    ranges = entries("vmax", units="a.u.")
    assert ranges[0] != ranges[1]  # one unit, and still ranges of their own
    magma = matplotlib.colormaps["magma"](np.arange(256), bytes=True)[:, :3].tobytes()
    assert base64.b64decode(entries("colours", cmaps=["Greys_r", "magma"])[1]) == magma


def test_arrays_of_a_gpu_are_fetched(monkeypatch, undrawn):
    for name, module in fake_cupy.modules(fake_cupy.Fake(free=2**30)).items():
        monkeypatch.setitem(sys.modules, name, module)
    import cupy

    image, m = planes(SMALL)
    shown = sinoshow(SMALL, cupy.asarray(image), cupy.asarray(m))
    assert data_of(shown) == data_of(sinoshow(SMALL, image, m))


def test_the_payload_is_small():
    assert len(sinoshow(SCANNER, *planes(SCANNER))._repr_html_()) < 1.5e6  # of noise; a head takes a third
    assert petcourse.sinoshow is sinoshow


def test_the_picture_shows_the_line_from_crystal_to_crystal():
    shown = sinoshow(SCANNER, np.zeros((344, 344)), planes(SCANNER)[1], cmaps="Greys_r")
    picture = picture_of(shown)
    blue = np.abs(picture - matplotlib.colors.to_rgb("deepskyblue")).max(axis=2) < 0.2
    rows, columns = np.nonzero(blue[:, : blue.shape[1] // 2])
    angle, radial = data_of(shown)["start"]["bin"]
    line = np.diff(SCANNER.crystals()[[c[angle, radial] for c in SCANNER.bin_crystals()]], axis=0)[0]
    assert np.ptp(rows) / np.ptp(columns) == pytest.approx(abs(line[1] / line[0]), rel=0.05)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_text(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = sinoshow(SMALL, *planes(SMALL), units=text, alt=text)
    assert data_of(shown)["alt"] == data_of(shown)["parts"][0]["unit"] == text
    html = shown._repr_html_()
    assert html.count("</script") == 1 and html.count("<img") == html.count("<script") == 1


def broken(array, value):
    return np.where(np.arange(array.size).reshape(array.shape) == array.size // 2, value, array)


IMAGE, M = planes(SMALL)


@pytest.mark.parametrize(
    ("image", "m", "options", "message"),
    [
        (IMAGE[None], M, {}, r"image .*\(1, 24, 24\).*theta\[k\]"),
        (IMAGE[1:], M, {}, r"\(23, 24\).*\(24, 24\)"),
        (IMAGE, M.T, {}, r"sinogram .*\(28, 30\).*\(30, 28\).*m\[k\]"),
        (IMAGE, np.zeros((252, 344)), {}, r"\(252, 344\).*\(30, 28\)"),
        ("brain", M, {}, r"image has shape \(\)"),
        (np.ma.masked_less(IMAGE, 0.5), M, {}, "image has masked values"),
        (IMAGE, np.ma.masked_less(M, 0.5), {}, "sinogram has masked values"),
        (IMAGE + 1j, M, {}, "image .*complex.*magnitude"),
        (broken(IMAGE, np.nan), M, {}, "image has 1 .*NaN"),
        (IMAGE, broken(M, np.inf), {}, "sinogram has 1 .*infinite"),
        (IMAGE, M, {"units": ["a"]}, "units has 1"),
        (IMAGE, M, {"cmaps": "hott"}, "'hott'"),
    ],
)
def test_what_cannot_be_shown_truly_is_refused_in_a_sentence(image, m, options, message):
    with pytest.raises(ValueError, match=message) as error:
        sinoshow(SMALL, image, m, **options)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")
