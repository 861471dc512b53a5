"""What a reader sees of volshow, in a real Chromium with every request to a network blocked."""

import browser
import nbformat
import numpy as np
import pytest
from browser import coloured, number, pixels, press, values, where

from petcourse import volshow

EVIL = "</script><img src=x onerror='window.injected=1'>\"&quot;<!--"


def test_keys_change_every_panel_and_pixels_are_the_arrays(show):
    volumes = [browser.head(), browser.head(5, 1), browser.head(0.1, 2), browser.head(3, 3)]
    cmaps = ["magma", "cividis", "Greys_r", "inferno"]
    page = show(volumes, titles=list("abcd"), cmaps=cmaps, units=["kBq/mL", "1/cm", None, None])
    slider = page.get_by_role("slider", name="slice")
    slider.focus()
    steps = {"ArrowRight": 1, "ArrowUp": 1, "ArrowLeft": -1, "PageUp": None, "Home": -99, "PageDown": None, "End": 99}
    at = 15
    for key, step in steps.items():
        before = [pixels(page, i) for i in range(4)]
        page.keyboard.press(key)
        went = int(slider.input_value())
        assert went != at if step is None and 0 < at < 30 else step is None or went == min(max(at + step, 0), 30)
        if went != at:
            at = went
            for i, (volume, cmap) in enumerate(zip(volumes, cmaps, strict=True)):
                if key.startswith("Arrow"):
                    assert (pixels(page, i) != before[i]).any()
                np.testing.assert_array_equal(pixels(page, i), coloured(volume[at], cmap, volume.min(), volume.max()))
    assert at == 30 and page.locator(".pv-place").first.inner_text() == "30 / 30"
    slider.fill("15")
    browser.screenshot(page, "viewer_four_light")


def test_the_value_under_the_cursor_is_the_arrays(show):
    volume = browser.head() - 1
    page = show([volume, 10 * volume], units=["kBq/mL", "1/cm"])
    error = float(np.ptp(volume)) / 510 * 1.02
    for y, x in ((0, 0), (31, 20), (63, 47), (40, 33)):
        browser.point(page, 0, y, x, volume.shape)
        assert where(page) == f"z 15, y {y}, x {x}"
        assert number(page, 0) == pytest.approx(volume[15, y, x], abs=error)
        assert number(page, 1) == pytest.approx(10 * volume[15, y, x], abs=10 * error)
    assert page.locator(".pv-value").first.inner_text().endswith(" kBq/mL")
    assert "8 bits: within 0.0" in page.locator(".pv-value").first.get_attribute("title")
    page.mouse.move(5, 700)
    assert page.locator(".pv-value").first.inner_text() == ""


def test_labels_are_read_exactly_and_cut_values_as_bounds(show):
    labels = np.arange(3 * 4 * 12).reshape(3, 4, 12)
    page = show([labels, labels], vmins=[None, 50], vmaxs=[None, 70])
    for (y, x), want in {(0, 0): ["48", "≤ 50"], (1, 1): ["61", "61"], (3, 11): ["95", "≥ 70"]}.items():
        browser.point(page, 0, y, x, labels.shape)
        assert values(page) == want


def test_frames_have_a_slider_of_their_own(show):
    truth = browser.head()
    iterates = np.stack([truth * k for k in (0.2, 0.5, 0.8, 1)])
    page = show({"truth": truth, "MLEM": iterates}, units="kBq/mL", vmins=0, vmaxs=3, frames="iteration")
    before = [pixels(page, i) for i in (0, 1)]
    page.get_by_role("slider", name="iteration").focus()
    page.keyboard.press("ArrowLeft")
    assert (pixels(page, 0) == before[0]).all() and (pixels(page, 1) != before[1]).any()
    browser.point(page, 1, 31, 20, truth.shape)
    assert where(page) == "z 15, y 31, x 20, iteration 2"
    assert number(page, 1) == pytest.approx(iterates[2, 15, 31, 20], abs=3 / 510 * 1.02)
    page.get_by_role("slider", name="slice").focus()
    page.keyboard.press("End")
    assert number(page, 1) == pytest.approx(iterates[2, 30, 31, 20], abs=3 / 510 * 1.02)


def test_frames_with_labels(show):
    volume = browser.head()
    page = show(np.stack([volume * k for k in (3, 2, 1)]), frames={"FWHM [mm]": [0, 2.5, 4]})
    slider = page.get_by_role("slider", name="FWHM [mm]")
    assert slider.get_attribute("aria-valuetext") == "FWHM [mm] 4"
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator(".pv-place").nth(1).inner_text() == "2.5"
    browser.point(page, 0, 31, 20, volume.shape)
    assert where(page) == "z 15, y 31, x 20, FWHM [mm] 2.5"
    assert number(page, 0) == pytest.approx(2 * volume[15, 31, 20], abs=9 / 510)


def test_axes_may_be_those_of_a_sinogram_or_one_alone(show):
    page = show(browser.head(), slices=("plane", "angle", "bin"))
    press(page, "angle")
    assert page.get_by_role("slider", name="angle").input_value() == "32"
    browser.point(page, 0, 4, 7, (31, 48))
    assert where(page) == "plane 26, angle 32, bin 7"
    page = show(browser.head(), slices="lesion")
    assert page.get_by_role("slider", name="lesion").count() == 1
    assert page.get_by_role("button", name="coronal").count() == 0


def test_the_wheel_changes_the_slice_and_lets_the_page_go_on_at_the_end(show):
    page = show([browser.head()], after="<p style='height: 3000px'>below</p>")
    browser.point(page, 0, 31, 20, (31, 64, 48))
    for notches, want in ((3, 18), (-5, 13)):
        for _ in range(abs(notches)):
            page.mouse.wheel(0, 100 if notches > 0 else -100)
        page.wait_for_function("want => document.querySelector('.pv-place').textContent === want", arg=f"{want} / 30")
    assert page.evaluate("scrollY") == 0
    page.get_by_role("slider", name="slice").fill("30")
    page.mouse.wheel(0, 100)
    page.wait_for_function("scrollY > 0")


def test_pictures_are_aligned_and_have_the_voxels_shape(show):
    titles = ["a", "a long title " * 9, "b"]
    page = show([browser.head()] * 3, colorbars=[1, 0, 0], titles=titles, voxel=(2, 3, 1), ncols=2)
    boxes = [page.locator("canvas.pv-image").nth(i).bounding_box() for i in range(3)]
    assert all(abs(b["height"] / b["width"] - 3 * 64 / 48) < 0.02 for b in boxes)
    assert boxes[0]["y"] == boxes[1]["y"] < boxes[2]["y"] and boxes[0]["x"] == boxes[2]["x"]
    assert len({b["width"] for b in boxes}) == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_one_slice_and_a_constant_need_no_slider(show):
    page = show([np.full((1, 8, 8), 7), np.zeros((1, 8, 8), bool)], colorbars=True)
    assert page.get_by_role("slider").count() == 0
    browser.point(page, 1, 3, 4, (8, 8))
    assert values(page) == ["7", "0"]
    assert where(page) == "z 0, y 3, x 4"


def test_several_viewers_in_a_page_show_their_own(visit):
    page = visit("".join(volshow([browser.head()], titles=[t])._repr_html_() for t in "abc"))
    page.wait_for_function("document.querySelectorAll('.pv').length === 3")
    assert page.locator(".pv-title").all_inner_texts() == ["a", "b", "c"]
    assert page.locator("img").count() == 0


def test_names_inject_nothing(show):
    names = {EVIL: np.stack([browser.head()] * 2), "脳": browser.head(), "\"><b>quote's": browser.head()}
    page = show(
        names,
        units=EVIL,
        frames={EVIL: [EVIL, "мозг"]},
        slices=(EVIL, EVIL + "2", EVIL + "3"),
        difference=(EVIL, "脳"),
        contours=browser.head() > 2,
        alt='<img src=y>">',
    )
    assert page.locator(".pv-title").all_text_contents() == [*names, f"{EVIL} − 脳"]
    assert page.locator(".pv-unit").first.text_content() == EVIL
    press(page, EVIL + "2")
    for tool in ("window", "profile", "region", "value"):
        press(page, tool)
    page.locator("canvas.pv-image").first.hover()
    assert EVIL in page.locator(".pv-where").text_content()
    assert page.locator("img, b, i").count() == 0 and page.evaluate("window.injected") is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_scripts_the_picture_stays(show):
    page = show(
        [browser.head(), browser.head(2)],
        titles=["PET", "MR"],
        units="kBq/mL",
        contours=browser.lesion(),
        difference=(0, 1),
        alt="Two heads",
        options={"java_script_enabled": False},
    )
    picture = page.get_by_role("img", name="Two heads")
    assert picture.bounding_box()["width"] > 500 and page.locator("canvas").count() == 0
    browser.screenshot(page, "viewer_no_scripts")


def test_a_browser_that_cannot_inflate_keeps_the_picture_and_says_so(visit):
    viewer = volshow([browser.head()], alt="A head")._repr_html_().replace("pv-root", "pv-root pv", 1)
    page = visit("<script>delete window.DecompressionStream</script>" + viewer)
    page.wait_for_selector("text=This browser shows one slice only")
    assert page.get_by_role("img", name="A head").is_visible()
    assert "DecompressionStream" in visit.errors.pop()


def test_it_appears_where_it_was_hidden_at_first(show):
    page = show([browser.head()] * 4, before="<div id=slide style='display: none'>", after="</div>")
    page.evaluate("document.querySelector('#slide').style.display = ''")
    page.wait_for_function("document.querySelector('.pv-image').clientWidth > 150")
    page.wait_for_function("document.querySelector('.pv-image').style.imageRendering === 'pixelated'")


@pytest.mark.parametrize("shape", [(31, 64, 48), (5, 200, 12), (40, 8, 200), (1, 1, 1)])
def test_it_fits_any_page(visit, shape, monkeypatch):
    monkeypatch.setattr("petcourse.viewer.page.picture", lambda *_: b"")
    volumes = {f"volume {i}": np.random.default_rng(i).random(shape) for i in range(8)}
    one, eight = ({name: volumes[name] for name in list(volumes)[:n]} for n in (1, 8))
    both = "".join(volshow(some, units="kBq/mL")._repr_html_() for some in (one, eight))
    page = visit(both, style=":root { color-scheme: light dark }")
    page.wait_for_function("document.querySelectorAll('.pv').length === 2")
    for width in (300, 640, 1280):
        page.set_viewport_size({"width": width, "height": 700})
        page.emulate_media(color_scheme="dark" if width == 640 else "light")
        for name in ("axial", "coronal", "sagittal"):
            for button in page.get_by_role("button", name=name).all():
                button.click()
            page.wait_for_function("new Promise((d) => requestAnimationFrame(() => requestAnimationFrame(() => d(1))))")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            boxes = page.locator("canvas.pv-image").evaluate_all(
                "all => all.map(c => c.getBoundingClientRect()).map(({ width, height }) => [width, height])"
            )
            assert len(boxes) == 9 and all(4 <= wide <= 700 and high <= 470 for wide, high in boxes)
        if width < 1280:
            browser.screenshot(page, f"viewer_fits_{'x'.join(map(str, shape))}_{width}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_exported_page_works_without_a_network(visit, theme):
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(theme=theme)
    data = {"text/html": volshow([browser.head()] * 2, cmaps=["magma", "RdBu_r"], units="kBq/mL")._repr_html_()}
    output = nbformat.v4.new_output("execute_result", data=data, execution_count=1)
    for outputs in ([], [output]):
        cell = nbformat.v4.new_code_cell("volshow(...)", id="cell", outputs=outputs)
        page = visit(exporter.from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))[0].lstrip())
        if not outputs:
            own = set(visit.asked)  # what nbconvert's own template asks for
    before = [pixels(page, i) for i in (0, 1)]
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    assert all((pixels(page, i) != before[i]).any() for i in (0, 1))
    assert set(visit.asked) <= own
    visit.asked.clear()
    browser.screenshot(page, f"viewer_exported_{theme}")
