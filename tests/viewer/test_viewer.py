"""What volshow puts into a page, and what it refuses; what is seen of it is tested in test_viewer_browser.py."""

import base64
import io
import json
import re
import sys
import warnings
import zlib
from html.parser import HTMLParser
from pathlib import Path

import fake_cupy
import matplotlib
import numpy as np
import pytest

import petcourse
from petcourse.viewer import page as viewer
from petcourse.viewer.still import borders
from petcourse.viewer.volumes import volshow

VOLUME = np.arange(5 * 4 * 3, dtype=np.float32).reshape(5, 4, 3)
MOVIE = np.stack([VOLUME, VOLUME + 1])


def data_of(shown):
    return json.loads(re.search(r"show\(root, (.*)\);\n", shown._repr_html_())[1])


def codes_of(panel):
    codes = zlib.decompress(base64.b64decode(panel["voxels"]))
    return np.frombuffer(codes, np.uint8).reshape(panel["shape"])


def values_of(panel):
    return panel["vmin"] + codes_of(panel) / 255 * (panel["vmax"] - panel["vmin"])


def picture_of(shown):
    png = re.search(r"data:image/png;base64,([^\"]+)", shown._repr_html_())[1]
    return matplotlib.image.imread(io.BytesIO(base64.b64decode(png)))


def test_a_difference_is_a_panel_more():
    shown = data_of(volshow({"a": MOVIE, "b": VOLUME}, units="mm", difference=("a", "b"), contours=VOLUME > 9))
    panel = shown["panels"][2]
    assert (panel["title"], panel["unit"], panel["bar"], shown["ncols"]) == ("a − b", "mm", True, 3)
    np.testing.assert_allclose(values_of(panel), MOVIE - VOLUME, atol=1 / 255)
    assert len(shown["contours"]) == 1 and [p["contour"] for p in shown["panels"]] == [0, 0, 0]


def test_any_array_list_or_dict():
    def shapes(shown):
        return [p["shape"] for p in data_of(shown)["panels"]]

    assert shapes(volshow(VOLUME)) == [[1, 5, 4, 3]]
    assert shapes(volshow([VOLUME, VOLUME[:, 1:]])) == [[1, 5, 4, 3], [1, 5, 3, 3]]
    assert shapes(volshow(MOVIE)) == [[2, 5, 4, 3]]
    assert shapes(volshow([VOLUME, MOVIE])) == [[1, 5, 4, 3], [2, 5, 4, 3]]
    # the talk's call: a panel for each iterate
    assert shapes(volshow(MOVIE, cmaps=["magma"] * 2, ncols=4)) == [[1, 5, 4, 3]] * 2
    assert [p["title"] for p in data_of(volshow({"a": VOLUME, 2: VOLUME}))["panels"]] == ["a", "2"]
    assert petcourse.volshow is volshow


def test_arrays_of_a_gpu_are_fetched(monkeypatch):
    for name, module in fake_cupy.modules(fake_cupy.Fake(free=2**30)).items():
        monkeypatch.setitem(sys.modules, name, module)
    import cupy

    there = volshow([cupy.asarray(VOLUME)], contours=cupy.asarray(VOLUME > 9))
    assert data_of(there) == data_of(volshow([VOLUME], contours=VOLUME > 9))


def test_colour_bars_go_where_they_are_asked_for_or_where_a_unit_is():
    def bars(**options):
        return [p["bar"] for p in data_of(volshow([VOLUME, VOLUME], **options))["panels"]]

    assert bars() == [False, False]
    assert bars(colorbars=[1, 0]) == [True, False]
    assert bars(units=["kBq/mL", None]) == [True, False]
    assert bars(units="1/cm", colorbars=False) == [False, False]


def test_the_picture_shows_the_middle_slice_of_the_last_frame_in_its_colours():
    volume = np.zeros((2, 5, 6, 6))
    volume[1, 2] = 1
    volume[0, 0, 0, 0] = 2
    picture = picture_of(volshow(volume, cmaps="viridis"))
    middle = picture[picture.shape[0] // 2, picture.shape[1] // 2, :3]
    np.testing.assert_allclose(middle, matplotlib.colormaps["viridis"](0.5)[:3], atol=1 / 128)


def test_contours_are_drawn_in_the_picture_along_the_sides_of_voxels():
    labels = np.array([[0, 1, 1], [0, 1, 2]])
    lines = {tuple(line.ravel()) for line in borders(labels)}
    assert lines == {
        (0.5, -0.5, 1.5, -0.5),
        (1.5, -0.5, 2.5, -0.5),
        (1.5, 0.5, 2.5, 0.5),
        (0.5, 1.5, 1.5, 1.5),
        (1.5, 1.5, 2.5, 1.5),
        (0.5, -0.5, 0.5, 0.5),
        (0.5, 0.5, 0.5, 1.5),
        (1.5, 0.5, 1.5, 1.5),
        (2.5, -0.5, 2.5, 0.5),
        (2.5, 0.5, 2.5, 1.5),
    }
    volume = np.zeros((5, 6, 6))
    plain, outlined = (picture_of(volshow(volume, contours=mask)) for mask in (None, volume == 0))
    assert (plain != outlined).any() and plain.shape == outlined.shape


@pytest.mark.parametrize("shape", [(40, 4, 200), (5, 200, 4), (1, 1, 1)])
@pytest.mark.parametrize("n", [1, 8])
def test_a_picture_of_any_shape_can_be_made(shape, n):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = picture_of(volshow([np.zeros(shape)] * n, titles="volume", colorbars=True))
    assert min(picture.shape[:2]) > 40


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.image = [], {}
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "img":
            self.image = dict(attributes)


@pytest.mark.parametrize(
    "title", ["</script><img src=x onerror=alert(1)>", "<!--<script>", "\"'&amp;", "$x_1$", "脳 мозг"]
)
def test_a_title_is_text(title):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = volshow([VOLUME], titles=[title], units="<b>", colorbars=True)
    page = Tags(shown._repr_html_())
    assert page.tags == ["div", "style", "img", "script"]
    assert title in page.image["alt"]
    assert data_of(shown)["panels"][0]["title"] == title
    assert shown._repr_html_().count("</script") == 1


def test_alt_text_is_made_or_given():
    made = Tags(volshow(VOLUME, titles="PET", units="kBq/mL")._repr_html_()).image["alt"]
    assert made == "slice 2 of 5: PET, 0 to 59 kBq/mL"
    assert Tags(volshow(VOLUME, alt='a "head"')._repr_html_()).image["alt"] == 'a "head"'


def test_the_output_is_html_alone_and_always_the_same():
    first, second = volshow(MOVIE, titles="a"), volshow(MOVIE, titles="a")
    assert first._repr_html_() == second._repr_html_()
    assert re.fullmatch(r"<volshow: panels=1, slices=5, frames=2, 0\.\d MB>", repr(first)) and repr(first) == repr(
        second
    )
    assert not hasattr(first, "_repr_mimebundle_")  # a widget would be shown in place of the HTML


@pytest.mark.parametrize("name", sorted(path.stem for path in Path(viewer.__file__).parent.glob("*.js")))
def test_the_scripts_need_nothing_from_elsewhere(name):
    folder = Path(viewer.__file__).parent
    text = (folder / f"{name}.js").read_text("utf-8")
    assert len(text.splitlines()) <= 220, f"{name}.js is long: is it still one thing?"
    imports = re.findall(r'^import \{ ([^}]*) \} from "\./(\w+\.js)";$', text, re.MULTILINE)
    assert len(imports) == len(re.findall("^import ", text, re.MULTILINE))
    for names, source in imports:
        [offered] = re.findall(r"^export \{ ([^}]*) \};$", (folder / source).read_text("utf-8"), re.MULTILINE)
        assert set(re.split(r",\s+", names)) <= set(re.split(r",\s+", offered))
    joined = viewer.script(name).replace("http://www.w3.org/2000/svg", "")  # a name of SVG, which nobody visits
    for wrong in (
        "</script",
        "<!--",
        "http:",
        "https:",
        "import ",
        "export ",
        "fetch(",
        "insertAdjacentHTML",
        "innerHTML",
        "eval(",
    ):
        assert wrong not in joined


def test_four_brain_like_volumes_are_small():
    z, y, x = np.ogrid[-1:1:127j, -1:1:344j, -1:1:344j]
    noise = np.random.default_rng(1).normal(1, 0.1, (127, 344, 344)).astype(np.float32)
    head = np.where(z**2 / 0.8 + (y / 0.32) ** 2 + (x / 0.26) ** 2 < 1, noise, 0).astype(np.float32)
    assert len(volshow([head] * 4)._repr_html_()) < 4 * 1.1e6


def test_too_much_data_says_how_much_and_what_to_do(monkeypatch):
    monkeypatch.setattr(viewer, "LIMIT_MB", 0.5)
    noise = np.random.default_rng(1).random((40, 256, 256))
    with pytest.raises(ValueError, match=r"about 3 MB .* 0.5 MB allowed: crop"):
        volshow([noise])
    volshow([noise[::10]])


def broken(value):
    volume = VOLUME.copy()
    volume[1, 2, 0] = value
    return volume


HIDDEN = np.ma.masked_greater(VOLUME, 7)


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
        ({}, {}, "0 volumes"),
        (np.zeros((0, 4, 4)), {}, r"shape \(0, 4, 4\)"),
        (np.zeros((4, 4)), {}, r"shape \(4, 4\).*image\[None\]"),
        (np.zeros((1, 1, 1, 4, 4)), {}, r"shape \(1, 1, 1, 4, 4\)"),
        ([VOLUME, VOLUME[1:]], {}, r"\(1, 5\), \(1, 4\).*equal"),
        ([MOVIE, np.stack([VOLUME] * 3)], {}, r"\(2, 5\), \(3, 5\).*equal"),
        ([VOLUME, VOLUME], {"titles": ["a"]}, "titles has 1 .* 2 volumes"),
        (MOVIE, {"cmaps": ["magma"] * 2}, "cmaps has 2 .* 1 volumes"),
        ([VOLUME, VOLUME], {"contours": [VOLUME > 3]}, "contours has 1 .* 2 volumes"),
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
        ([VOLUME], {"voxel": (2, np.nan, 2)}, "above 0 mm"),
        ([VOLUME], {"voxel": ("a", "b", "c")}, "voxel is .*try"),
        ([VOLUME], {"contours": VOLUME}, "contour over volume 0 .*float32.*mask"),
        ([VOLUME], {"contours": VOLUME[0] > 3}, r"\(4, 3\).* \(5, 4, 3\)"),
        ([VOLUME], {"contours": VOLUME.astype(int) - 1}, "contour over volume 0 .* 0 to 255"),
        ([VOLUME], {"contours": VOLUME.astype(int) * 5}, "contour over volume 0 .* 0 to 255"),
        ([VOLUME, VOLUME], {"difference": (0, 2)}, "difference names 1 of the 2"),
        ([VOLUME, VOLUME], {"difference": (0, -1)}, "difference names 1 of the 2"),
        ([VOLUME, VOLUME], {"difference": (1, 1)}, "difference names 1 of the 2"),
        ([VOLUME, VOLUME], {"difference": ("a", "b")}, "difference names 0 of the 2"),
        ([VOLUME, VOLUME], {"difference": (0, 1, 1)}, "difference names 2 of the 2"),
        ([VOLUME, VOLUME], {"difference": (VOLUME, VOLUME)}, "difference names 0"),
        ([VOLUME, VOLUME], {"difference": 1}, "difference names 0"),
        ([VOLUME, VOLUME[:, 1:]], {"difference": (0, 1)}, r"\(1, 5, 4, 3\) and \(1, 5, 3, 3\)"),
        ([VOLUME, VOLUME], {"difference": (0, 1), "units": ["mm", "cm"]}, "'mm' and 'cm'"),
        ([MOVIE, np.stack([VOLUME] * 3)], {"difference": (0, 1)}, r"\(2, 5, 4, 3\) and \(3, 5, 4, 3\)"),
        ([VOLUME, VOLUME], {"difference": (0, 1), "live": True}, "live.*difference"),
        (MOVIE, {"frames": {"FWHM": [1]}}, "frames is .*2 labels"),
        (MOVIE, {"frames": {"FWHM": "ab"}}, "frames is .*2 labels"),
        (MOVIE, {"frames": {}}, "frames is {}"),
        (MOVIE, {"frames": ["a", "b"]}, "frames is .*try"),
        ([VOLUME], {"slices": ("plane", "angle")}, "slices is .*three"),
        ([VOLUME], {"slices": ("plane", "angle", 3)}, "slices is .*three"),
        ([VOLUME], {"slices": 3}, "slices is 3.*three"),
    ],
)
def test_what_cannot_be_shown_truly_is_refused_in_a_sentence(volumes, options, message):
    with pytest.raises(ValueError, match=message) as error:
        volshow(volumes, **options)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")
