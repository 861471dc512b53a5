"""What a reader sees of volshow, in a real Chromium with every request to a network blocked."""

import re

import browser
import lab
import matplotlib
import nbformat
import numpy as np
import pytest

from petcourse.viewer.volumes import volshow

CELL = """import numpy as np
from petcourse import volshow
a = np.random.default_rng(0).random((9, 12, 10))
volshow([a, 2 * a, -a], titles=["one", "two", "three"], cmaps=["magma", "Greys_r", "RdBu_r"], units="kBq/mL")"""


def coloured(volume, image, cmap):
    codes = np.rint((image - volume.min()) / (volume.max() - volume.min()) * 255).astype(int)
    return matplotlib.colormaps[cmap](codes, bytes=True)[..., :3]


def number(page, panel):
    return float(page.locator(".pv-value").nth(panel).inner_text().split()[0])


def test_keys_change_every_panel_and_pixels_are_the_arrays(visit):
    volumes = [browser.head(), browser.head(5, 1), browser.head(0.1, 2), browser.head(3, 3)]
    cmaps = ["magma", "cividis", "Greys_r", "inferno"]
    page = visit(volshow(volumes, titles=list("abcd"), cmaps=cmaps, units=["kBq/mL", "1/cm", None, None])._repr_html_())
    slider = page.get_by_role("slider", name="slice")
    slider.focus()
    steps = {"ArrowRight": 1, "ArrowUp": 1, "ArrowLeft": -1, "PageUp": None, "Home": -99, "PageDown": None, "End": 99}
    at = 15
    for key, step in steps.items():
        before = [browser.pixels(page, i) for i in range(4)]
        page.keyboard.press(key)
        went = int(slider.input_value())
        assert went != at if step is None and 0 < at < 30 else step is None or went == min(max(at + step, 0), 30)
        if went != at:
            at = went
            for i, (volume, cmap) in enumerate(zip(volumes, cmaps, strict=True)):
                if key.startswith("Arrow"):
                    assert (browser.pixels(page, i) != before[i]).any()
                np.testing.assert_array_equal(browser.pixels(page, i), coloured(volume, volume[at], cmap))
    assert at == 30 and page.locator(".pv-place").first.inner_text() == "30 / 30"
    slider.fill("15")
    browser.screenshot(page, "viewer_four_light")
    assert not page.asked and not page.errors


def test_the_value_under_the_cursor_is_the_arrays(visit):
    volume = browser.head() - 1
    page = visit(volshow([volume, 10 * volume], units=["kBq/mL", "1/cm"])._repr_html_())
    for y, x in ((0, 0), (31, 20), (63, 47), (40, 33)):
        browser.point(page, 0, y, x, volume.shape)
        assert page.locator(".pv-where").inner_text() == f"z 15, y {y}, x {x}"
        assert number(page, 0) == pytest.approx(volume[15, y, x], abs=float(np.ptp(volume)) / 510 * 1.02)
        assert number(page, 1) == pytest.approx(10 * volume[15, y, x], abs=float(np.ptp(volume)) / 51 * 1.02)
    assert page.locator(".pv-value").first.inner_text().endswith(" kBq/mL")
    assert "8 bits: within 0.0" in page.locator(".pv-value").first.get_attribute("title")
    page.mouse.move(5, 700)
    assert page.locator(".pv-value").first.inner_text() == ""


def test_labels_are_read_exactly_and_cut_values_as_bounds(visit):
    labels = np.arange(3 * 4 * 12).reshape(3, 4, 12)
    page = visit(volshow([labels, labels], vmins=[None, 50], vmaxs=[None, 70])._repr_html_())
    read = {}
    for y, x in ((0, 0), (1, 1), (3, 11)):
        browser.point(page, 0, y, x, labels.shape)
        read[y, x] = page.locator(".pv-value").all_inner_texts()
    assert read == {(0, 0): ["48", "≤ 50"], (1, 1): ["61", "61"], (3, 11): ["95", "≥ 70"]}


def test_frames_have_a_slider_of_their_own(visit):
    truth = browser.head()
    iterates = np.stack([truth * k for k in (0.2, 0.5, 0.8, 1)])
    page = visit(
        volshow(
            {"truth": truth, "MLEM": iterates}, cmaps="magma", units="kBq/mL", vmins=0, vmaxs=3, frames="iteration"
        )._repr_html_()
    )
    browser.screenshot(page, "viewer_frames_light")
    before = [browser.pixels(page, i) for i in (0, 1)]
    page.get_by_role("slider", name="iteration").focus()
    page.keyboard.press("ArrowLeft")
    assert (browser.pixels(page, 0) == before[0]).all() and (browser.pixels(page, 1) != before[1]).any()
    browser.point(page, 1, 31, 20, truth.shape)
    assert page.locator(".pv-where").inner_text() == "z 15, y 31, x 20, iteration 2"
    assert number(page, 1) == pytest.approx(iterates[2, 15, 31, 20], abs=3 / 510 * 1.02)
    page.get_by_role("slider", name="slice").focus()
    page.keyboard.press("End")
    assert number(page, 1) == pytest.approx(iterates[2, 30, 31, 20], abs=3 / 510 * 1.02)


def test_the_wheel_changes_the_slice_and_lets_the_page_go_on_at_the_end(visit):
    page = visit(volshow([browser.head()])._repr_html_() + "<p style='height: 3000px'>below</p>")
    browser.point(page, 0, 31, 20, (31, 64, 48))
    for notches, want in ((3, 18), (-5, 13)):
        for _ in range(abs(notches)):
            page.mouse.wheel(0, 100 if notches > 0 else -100)
        page.wait_for_function("want => document.querySelector('.pv-place').textContent === want", arg=f"{want} / 30")
    assert page.evaluate("scrollY") == 0
    page.get_by_role("slider", name="slice").fill("30")
    page.mouse.wheel(0, 100)
    page.wait_for_function("scrollY > 0")


def test_pictures_are_aligned_and_have_the_voxels_shape(visit):
    page = visit(
        volshow(
            [browser.head()] * 3, colorbars=[1, 0, 0], titles=["a", "a long title " * 9, "b"], voxel=(2, 3, 1), ncols=2
        )._repr_html_()
    )
    boxes = [page.locator("canvas.pv-image").nth(i).bounding_box() for i in range(3)]
    assert all(abs(b["height"] / b["width"] - 3 * 64 / 48) < 0.02 for b in boxes)
    assert boxes[0]["y"] == boxes[1]["y"] < boxes[2]["y"] and boxes[0]["x"] == boxes[2]["x"]
    assert len({b["width"] for b in boxes}) == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("n", [1, 2])
def test_text_takes_the_colour_of_a_dark_page(visit, n):
    page = visit(
        volshow([browser.head()] * n, titles=["PET"] * n, cmaps="magma", units="kBq/mL")._repr_html_(),
        style=":root { color-scheme: light dark } body { font-family: sans-serif }",
        color_scheme="dark",
    )
    texts = page.locator(".pv-title, .pv-place, .pv-tick, input")
    assert set(texts.evaluate_all("all => all.map(e => getComputedStyle(e).color)")) == {"rgb(255, 255, 255)"}
    browser.screenshot(page, f"viewer_{n}_dark")


def test_one_slice_and_a_constant_need_no_slider(visit):
    page = visit(volshow([np.full((1, 8, 8), 7), np.zeros((1, 8, 8), bool)], colorbars=True)._repr_html_())
    assert page.get_by_role("slider").count() == 0
    browser.point(page, 1, 3, 4, (8, 8))
    assert page.locator(".pv-value").all_inner_texts() == ["7", "0"]
    assert page.locator(".pv-where").inner_text() == "z 0, y 3, x 4"


def test_several_viewers_in_a_page_show_their_own(visit):
    page = visit("".join(volshow([browser.head()], titles=[t])._repr_html_() for t in "abc"))
    page.wait_for_function("document.querySelectorAll('.pv').length === 3")
    assert page.locator(".pv-title").all_inner_texts() == ["a", "b", "c"]


def test_a_title_injects_nothing(visit):
    titles = ["</script><img src=x onerror='window.injected=1'>", "<!--<script>", "\"><b>quote's", "脳 мозг"]
    page = visit(volshow([browser.head()] * 4, titles=titles, units="<i>u</i>", alt='<img src=y>">')._repr_html_())
    assert page.locator(".pv-title").all_text_contents() == titles
    assert page.locator(".pv-unit").first.text_content() == "<i>u</i>"
    assert page.locator("img, b, i").count() == 0
    assert page.evaluate("window.injected") is None and not page.errors


def test_without_scripts_the_picture_stays(visit):
    page = visit(
        volshow([browser.head(), browser.head(2)], titles=["PET", "MR"], units="kBq/mL", alt="Two heads")._repr_html_(),
        java_script_enabled=False,
    )
    picture = page.get_by_role("img", name="Two heads")
    assert picture.bounding_box()["width"] > 500 and page.locator("canvas").count() == 0
    browser.screenshot(page, "viewer_no_scripts")


def test_a_browser_that_cannot_inflate_keeps_the_picture_and_says_so(visit):
    page = visit(
        "<script>delete window.DecompressionStream</script>"
        + volshow([browser.head()], alt="A head")._repr_html_().replace("pv-root", "pv-root pv", 1)
    )
    page.wait_for_selector("text=This browser shows one slice only")
    assert page.get_by_role("img", name="A head").is_visible()


@pytest.fixture(scope="module")
def executed():
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL, id="cell")])
    NotebookClient(notebook, kernel_name="python3").execute()
    return notebook


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_exported_page_works_without_a_network(visit, executed, theme):
    from nbconvert import HTMLExporter

    bare = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL, id="cell")])
    exporter = HTMLExporter(theme=theme)
    own = visit(exporter.from_notebook_node(bare)[0].lstrip()).asked  # what nbconvert's own template asks for
    page = visit(exporter.from_notebook_node(executed)[0].lstrip())
    page.wait_for_selector(".pv")
    before = [browser.pixels(page, i) for i in range(3)]
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    assert all((browser.pixels(page, i) != before[i]).any() for i in range(3))
    assert set(page.asked) <= set(own)
    browser.screenshot(page, f"viewer_exported_{theme}")


@pytest.fixture(scope="module")
def address(tmp_path_factory, executed):
    """A JupyterLab with the cell, new and as it was saved; a function from a notebook's name to its address."""
    root = tmp_path_factory.mktemp("lab")
    for name, outputs in (("fresh", []), ("saved", executed.cells[0].outputs)):
        lab.write(root / f"{name}.ipynb", [nbformat.v4.new_code_cell(CELL, id="cell", outputs=outputs)])
    with lab.jupyterlab(root) as address:
        yield address


def test_jupyterlab_saved_and_run(chromium, address):
    with chromium.new_context(viewport={"width": 1280, "height": 800}) as context:
        context.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), lambda route: route.abort())
        page = context.new_page()
        page.goto(address("saved"))  # never run here, so not trusted: its scripts may not run
        picture = page.get_by_role("img", name=re.compile("slice 4 of 9: one"))
        picture.wait_for()
        assert picture.evaluate("i => i.naturalWidth") > 500 and page.locator(".pv").count() == 0

        lab.run_all(page, address("fresh"))
        page.wait_for_selector(".pv")
        before = [browser.pixels(page, i) for i in range(3)]
        slider = page.get_by_role("slider", name="slice")
        slider.focus()
        for key, want in (("ArrowRight", 5), ("ArrowDown", 4), ("End", 8), ("Home", 0), ("ArrowUp", 1)):
            page.keyboard.press(key)
            assert int(slider.input_value()) == want
        assert all((browser.pixels(page, i) != before[i]).any() for i in range(3))
        page.get_by_role("button", name="coronal").focus()
        for key in ("Enter", "Tab", "Space"):
            page.keyboard.press(key)
        assert page.get_by_role("button", pressed=True).all_inner_texts() == ["sagittal", "value"]
        canvas = page.locator("canvas.pv-image").first
        canvas.focus()
        for key in ("ArrowLeft", "ArrowUp", "PageUp"):
            page.keyboard.press(key)
        assert page.locator(".pv-where").inner_text() == "z 2, y 6, x 6"
        canvas.hover()
        browser.screenshot(page, "viewer_lab")
        page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
        page.wait_for_selector("body[data-jp-theme-light='false']", state="attached")
        page.wait_for_selector("#jupyterlab-splash", state="detached")
        browser.screenshot(page, "viewer_lab_dark")
