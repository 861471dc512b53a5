"""What volshow puts into a page, and what it refuses; what is seen of it is tested in test_viewer_browser.py."""

import re
import sys
import warnings
from html.parser import HTMLParser
from pathlib import Path

import fake_cupy
import matplotlib
import numpy as np
import pytest
from payload import TEXTS, array_of, data_of, picture_of

import petcourse
from petcourse.viewer import page
from petcourse.viewer.still import borders
from petcourse.viewer.volumes import volshow

VOLUME = np.arange(5 * 4 * 3, dtype=np.float32).reshape(5, 4, 3)
MOVIE = np.stack([VOLUME, VOLUME + 1])
FOLDER = Path(page.__file__).parent


def panels_of(*volumes, **options):
    return data_of(volshow(*volumes, **options))["panels"]


def test_the_page_holds_the_voxels_in_8_bits():
    [panel] = panels_of(MOVIE, units="mm")
    values = array_of(panel["voxels"]).reshape(panel["shape"]) / 255 * 60
    np.testing.assert_allclose(values, MOVIE, atol=60 / 510 + 1e-6)
    assert (panel["vmin"], panel["vmax"], panel["unit"]) == (0, 60, "mm")


def test_a_difference_is_a_panel_more_and_a_contour_of_all_is_sent_once():
    shown = data_of(volshow({"a": MOVIE, "b": VOLUME}, units="mm", difference=("a", "b"), contours=VOLUME > 9))
    assert shown["ncols"] == 3 and shown["panels"][2]["title"] == "a − b"
    [contour] = shown["contours"]
    np.testing.assert_array_equal(array_of(contour["voxels"]).reshape(VOLUME.shape), VOLUME > 9)
    assert [panel["contour"] for panel in shown["panels"]] == [0, 0, 0]


def test_any_array_list_or_dict():
    def shapes(volumes, **options):
        return [panel["shape"] for panel in panels_of(volumes, **options)]

    assert shapes(VOLUME) == [[1, 5, 4, 3]]
    assert shapes([VOLUME, VOLUME[:, 1:]]) == [[1, 5, 4, 3], [1, 5, 3, 3]]
    assert shapes(MOVIE) == [[2, 5, 4, 3]]
    assert shapes([VOLUME, MOVIE]) == [[1, 5, 4, 3], [2, 5, 4, 3]]
    # the talk's call: a panel for each iterate
    assert shapes(MOVIE, cmaps=["magma"] * 2, ncols=4) == [[1, 5, 4, 3]] * 2
    assert [panel["title"] for panel in panels_of({"a": VOLUME, 2: VOLUME})] == ["a", "2"]
    assert petcourse.volshow is volshow


def test_arrays_of_a_gpu_are_fetched(monkeypatch):
    for name, module in fake_cupy.modules(fake_cupy.Fake(free=2**30)).items():
        monkeypatch.setitem(sys.modules, name, module)
    import cupy

    there = volshow([cupy.asarray(VOLUME)], contours=cupy.asarray(VOLUME > 9))
    assert data_of(there) == data_of(volshow([VOLUME], contours=VOLUME > 9))


def test_colour_bars_go_where_they_are_asked_for_or_where_a_unit_is():
    def bars(**options):
        return [panel["bar"] for panel in panels_of([VOLUME, VOLUME], **options)]

    assert bars() == [False, False]
    assert bars(colorbars=[1, 0]) == [True, False]
    assert bars(units=["kBq/mL", None]) == [True, False]
    assert bars(units="1/cm", colorbars=False) == [False, False]


def test_the_picture_shows_the_middle_slice_of_the_last_frame_in_its_colours():
    volume = np.zeros((2, 5, 6, 6))
    volume[1, 2] = 1
    volume[0, 0, 0, 0] = 2
    picture = picture_of(volshow(volume, cmaps="viridis"))
    middle = picture[picture.shape[0] // 2, picture.shape[1] // 2]
    np.testing.assert_allclose(middle, matplotlib.colormaps["viridis"](0.5)[:3], atol=1 / 128)


def test_contours_are_drawn_in_the_picture_along_the_sides_of_voxels():
    lines = {tuple(line.ravel() + 0.5) for line in borders(np.array([[0, 1, 1], [0, 1, 2]]))}
    flat = {(1, 0, 2, 0), (2, 0, 3, 0), (2, 1, 3, 1), (1, 2, 2, 2), (2, 2, 3, 2)}
    assert lines == flat | {(1, 0, 1, 1), (1, 1, 1, 2), (2, 1, 2, 2), (3, 0, 3, 1), (3, 1, 3, 2)}
    plain, outlined = (picture_of(volshow(VOLUME, contours=mask)) for mask in (None, VOLUME > 9))
    assert (plain != outlined).any() and plain.shape == outlined.shape


def test_a_picture_looks_the_same_whatever_style_is_in_use():
    with matplotlib.style.context("dark_background"):
        dark = volshow(VOLUME, titles="PET")
    assert dark._repr_html_() == volshow(VOLUME, titles="PET")._repr_html_()


@pytest.mark.parametrize("shape", [(40, 4, 200), (5, 200, 4), (1, 1, 1)])
@pytest.mark.parametrize("n", [1, 8])
def test_a_picture_of_any_shape_can_be_made(shape, n):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = picture_of(volshow([np.zeros(shape)] * n, titles="volume", colorbars=True))
    assert min(picture.shape[:2]) > 40


class Tags(HTMLParser):
    def __init__(self, shown):
        super().__init__()
        self.tags, self.image = [], {}
        self.feed(shown._repr_html_())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "img":
            self.image = dict(attributes)


@pytest.mark.parametrize("title", TEXTS)
def test_a_title_is_text(title):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = volshow([VOLUME], titles=[title], units="<b>", colorbars=True)
    html = Tags(shown)
    assert html.tags == ["div", "style", "img", "script"] and shown._repr_html_().count("</script") == 1
    assert title in html.image["alt"] and data_of(shown)["panels"][0]["title"] == title


def test_alt_text_is_made_or_given():
    made = volshow(VOLUME, titles="PET", units="kBq/mL")
    assert Tags(made).image["alt"] == "slice 2 of 5: PET, 0 to 59 kBq/mL"
    assert re.fullmatch(r"<0\.\d MB: slice 2 of 5: PET, 0 to 59 kBq/mL>", repr(made))
    assert Tags(volshow(VOLUME, alt='a "head"')).image["alt"] == 'a "head"'


def test_the_output_is_html_alone():
    assert not hasattr(volshow(VOLUME), "_repr_mimebundle_")  # a widget would be shown in place of the HTML


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.js")))
def test_the_scripts_need_nothing_from_elsewhere(name):
    text = (FOLDER / f"{name}.js").read_text("utf-8")
    assert len(text.splitlines()) <= 220, f"{name}.js is long: is it still one thing?"
    imports = re.findall(r'^import \{ ([^}]*) \} from "\./(\w+\.js)";$', text, re.MULTILINE)
    assert len(imports) == len(re.findall("^import ", text, re.MULTILINE))
    for names, source in imports:
        [offered] = re.findall(r"^export \{ ([^}]*) \};$", (FOLDER / source).read_text("utf-8"), re.MULTILINE)
        assert set(re.split(r",\s+", names)) <= set(re.split(r",\s+", offered))
    joined = page.script(name).replace("http://www.w3.org/2000/svg", "")  # a name of SVG, which nobody visits
    wrong = r"</script|<!--|https?:|import |export |fetch\(|insertAdjacentHTML|innerHTML|eval\("
    assert not re.search(wrong, joined)


def test_four_brain_like_volumes_are_small():
    z, y, x = np.ogrid[-1:1:127j, -1:1:344j, -1:1:344j]
    noise = np.random.default_rng(1).normal(1, 0.1, (127, 344, 344)).astype(np.float32)
    head = np.where(z**2 / 0.8 + (y / 0.32) ** 2 + (x / 0.26) ** 2 < 1, noise, 0).astype(np.float32)
    assert len(volshow([head] * 4)._repr_html_()) < 4 * 1.1e6


def test_too_much_data_says_how_much_and_what_to_do(monkeypatch):
    monkeypatch.setattr(page, "LIMIT_MB", 0.5)
    noise = np.random.default_rng(1).random((40, 256, 256))
    with pytest.raises(ValueError, match=r"about 3 MB .* 0.5 MB allowed: crop"):
        volshow([noise])
    volshow([noise[::10]])


def broken(value):
    volume = VOLUME.copy()
    volume[1, 2, 0] = value
    return volume


HIDDEN = np.ma.masked_greater(VOLUME, 7)
LONG = np.stack([VOLUME] * 3)


@pytest.mark.parametrize(
    ("volumes", "options", "message"),
    [
        ([broken(np.nan)], {}, r"volume 0 has 1 .*NaN.* \[1, 2, 0\].*nan_to_num"),
        ([VOLUME, broken(-np.inf)], {"titles": ["a", "b"]}, r"volume 1 \(b\) has 1 .*infinite"),
        ([np.stack([VOLUME, broken(np.nan)])], {}, r"\[1, 1, 2, 0\]"),
        (HIDDEN, {}, "volume 0 has masked values.*filled"),
        ([VOLUME], {"contours": HIDDEN > 3}, "contour over volume 0 has masked values"),
        (VOLUME + 1j, {}, "volume 0 .*complex.*magnitude"),
        (["brain"], {}, "type <U5"),
        ([], {}, "0 volumes"),
        (np.zeros((0, 4, 4)), {}, r"shape \(0, 4, 4\)"),
        (np.zeros((4, 4)), {}, r"shape \(4, 4\).*image\[None\]"),
        (np.zeros((1, 1, 1, 4, 4)), {}, r"shape \(1, 1, 1, 4, 4\)"),
        ([VOLUME, VOLUME[1:]], {}, r"\(1, 5\), \(1, 4\).*equal"),
        ([MOVIE, LONG], {}, r"\(2, 5\), \(3, 5\).*equal"),
        ([VOLUME, VOLUME], {"titles": ["a"]}, "titles has 1 .* 2 volumes"),
        ([VOLUME, VOLUME], {"contours": [VOLUME > 3]}, "contours has 1 .* 2 volumes"),
        (MOVIE, {"cmaps": ["magma"] * 2}, "cmaps has 2 .* 1 volumes"),
        ([VOLUME], {"cmaps": ["hott"]}, "'hott'.*try"),
        ([VOLUME], {"cmaps": matplotlib.colormaps["magma"]}, "cmaps.*try"),
        ([VOLUME], {"vmins": 3, "vmaxs": 3}, "from 3 to 3.*vmins"),
        ([VOLUME], {"vmins": 60}, "0 to 59 .* 60 to 59.*vmins"),
        ([VOLUME], {"vmins": np.nan}, "volume 0 .* nan to 59.*finite"),
        ([VOLUME, VOLUME], {"vmaxs": [1, np.inf]}, "volume 1 .* 0 to inf.*finite"),
        ([VOLUME], {"cmaps": "RdBu_r", "vmaxs": np.nan}, "nan to nan.*finite"),
        ([VOLUME], {"ncols": 0}, "rows of 0"),
        ([VOLUME], {"voxel": (2, 2)}, r"voxel is \(2, 2\).*try"),
        ([VOLUME], {"voxel": (2, 0, 2)}, "above 0 mm"),
        ([VOLUME], {"voxel": ("a", np.nan, "c")}, "voxel is .*try"),
        ([VOLUME], {"contours": VOLUME}, "contour over volume 0 .*float32.*mask"),
        ([VOLUME], {"contours": VOLUME[0] > 3}, r"\(4, 3\).* \(5, 4, 3\)"),
        ([VOLUME], {"contours": VOLUME.astype(int) - 1}, "contour over volume 0 .* 0 to 255"),
        ([VOLUME], {"contours": VOLUME.astype(int) * 5}, "contour over volume 0 .* 0 to 255"),
        ([VOLUME, VOLUME[:, 1:]], {"difference": (0, 1)}, r"\(1, 5, 4, 3\) and \(1, 5, 3, 3\)"),
        ([VOLUME, VOLUME], {"difference": (0, 1), "units": ["mm", "cm"]}, "'mm' and 'cm'"),
        ([MOVIE, LONG], {"difference": (0, 1)}, r"\(2, 5, 4, 3\) and \(3, 5, 4, 3\)"),
        ([VOLUME, VOLUME], {"difference": (0, 1), "live": True}, "live.*difference"),
        (MOVIE, {"frames": {"FWHM": [1]}}, "frames is .*2 labels"),
        (MOVIE, {"frames": {"FWHM": "ab"}}, "frames is .*2 labels"),
        (MOVIE, {"frames": ["a", "b"]}, "frames is .*try"),
        ([VOLUME], {"slices": ("plane", "angle", 3)}, "slices is .*three"),
        ([VOLUME], {"slices": 3}, "slices is 3.*three"),
    ],
)
def test_what_cannot_be_shown_truly_is_refused_in_a_sentence(volumes, options, message):
    with pytest.raises(ValueError, match=message) as error:
        volshow(volumes, **options)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")
