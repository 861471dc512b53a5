"""The viewers in a real JupyterLab: the live one, which Python steers and hears, and the one that needs no kernel."""

import re

import browser
import lab
import nbformat
import numpy as np
import pytest
from browser import coloured, pixels, press
from lab import execute

from petcourse import volshow

pytest.importorskip("playwright")
from playwright.sync_api import expect

VOLUME = np.random.default_rng(0).random((9, 12, 10)).astype(np.float32)
STATIC = """a = np.random.default_rng(0).random((9, 12, 10))
volshow([a, 2 * a, -a], titles=["one", "two", "three"], cmaps=["magma", "Greys_r", "RdBu_r"], units="kBq/mL")"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def visit_lab(chromium, root):
    """A JupyterLab with a notebook to run and one that was saved; a function from its name to a page and its address."""
    lab.write(root / "live.ipynb", [*lab.LIVE, STATIC])
    data = {"text/html": volshow(VOLUME, alt="A saved viewer")._repr_html_(), "text/plain": "<volshow>"}
    output = nbformat.v4.new_output("execute_result", data=data, execution_count=1)
    lab.write(root / "saved.ipynb", [nbformat.v4.new_code_cell(STATIC, id="cell", outputs=[output])])
    with lab.jupyterlab(root) as address, chromium.new_context(viewport={"width": 1280, "height": 1200}) as context:
        context.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), lambda route: route.abort())
        yield lambda name: (context.new_page(), address(name))


@pytest.fixture(scope="module")
def page(visit_lab):
    page, address = visit_lab("live")
    lab.run_all(page, address)
    expect(page.locator(".pv")).to_have_count(3)
    return page


@pytest.fixture
def viewer(page):
    """The first viewer, which the notebook calls `view`."""
    return page.locator(".pv").first


def magma(image):
    return coloured(image.clip(0, 1), "magma", 0, 1)


def slider(viewer, name):
    return viewer.get_by_role("slider", name=name, exact=True)


def frame(viewer):
    return viewer.locator(".pv-place").nth(1)


def seen(viewer):
    """All that a reader can have chosen: pixels, zoom, crosshair and mark, places, tool, window."""
    return viewer.evaluate(
        """viewer => [["canvas", c => c.toDataURL()], [".pv-image", c => c.style.transform],
                      [".pv-over path", p => p.getAttribute("d")], ["output, .pv-tick", e => e.textContent],
                      ["[aria-pressed=true]", b => b.textContent]].map(
            ([name, read]) => [...viewer.querySelectorAll(name)].map(read))"""
    )


def test_frames_that_python_appends_are_shown_and_kept(page, viewer):
    expect(frame(viewer)).to_have_text("3 / 3")
    np.testing.assert_array_equal(pixels(viewer), magma(VOLUME[4]))
    slider(viewer, "iteration").fill("1")
    np.testing.assert_array_equal(pixels(viewer), magma(VOLUME[4] / 3))
    expect(frame(viewer)).to_have_text("1 / 3")
    assert execute(page, "time.sleep(0.2); print(view.frame)") == "1"
    execute(page, "view.replace('MLEM', truth[::-1]); view.frame = 3")
    expect(frame(viewer)).to_have_text("3 / 3")
    np.testing.assert_array_equal(pixels(viewer), magma(VOLUME[::-1][4]))


def test_python_steers_and_hears(page, viewer):
    execute(page, "view.slice, view.axis = 7, 0")
    expect(viewer.locator(".pv-place").first).to_have_text("7 / 8")
    np.testing.assert_array_equal(pixels(viewer, 1), magma(VOLUME[7]))
    slider(viewer, "slice").fill("2")
    assert execute(page, "time.sleep(0.2); print(view.slice)") == "2"
    execute(page, "view.window = [[0, 0.5], [0, 0.5]]")
    for bar in viewer.locator(".pv-bar").all():
        expect(bar).to_have_attribute("aria-label", "colour bar from 0 to 0.5 a.u.")
    np.testing.assert_allclose(pixels(viewer, 1), magma(VOLUME[2] * 2).astype(int), atol=6)
    browser.point(viewer, 1, 5, 3, (12, 10))
    assert execute(page, "time.sleep(0.2); print(view.cursor)") == "[2, 5, 3]"
    page.mouse.move(5, 5)
    assert execute(page, "time.sleep(0.2); print(view.cursor)") == "None"


def test_linked_with_an_ipywidget(page, viewer):
    execute(page, "view.slice = 5")
    expect(viewer.locator(".pv-place").first).to_have_text("5 / 8")
    assert page.locator(".widget-readout").first.inner_text() == "5"


def test_what_python_set_before_it_was_shown_stays(page):
    viewer = page.locator(".pv").nth(1)
    np.testing.assert_array_equal(pixels(viewer), coloured(VOLUME[::-1, 7], "magma", 0, 1, [0.25, 0.75]))
    assert viewer.get_by_role("button", pressed=True).all_inner_texts() == ["coronal", "value"]
    assert execute(page, "print(steered.slice, steered.axis, steered.window)") == "7 1 [[0.25, 0.75]]"
    execute(page, "steered.slice = 99")
    assert execute(page, "time.sleep(0.2); print(steered.slice)") == "11"  # the last there is


@pytest.fixture
def busy(page, root):
    """Keep the kernel from hearing the page, until the function that is returned lets it go on with some code."""
    go_on = root / "go_on"
    code = "while not pathlib.Path('go_on').exists(): time.sleep(0.05)\npathlib.Path('go_on').unlink()\n"

    def start(then):
        execute(page, code + then, wait=False)
        return go_on.touch

    return start


def test_a_reader_who_went_back_stays_there_while_the_kernel_is_busy(page, viewer, busy):
    go_on = busy("view.append('MLEM', truth / 2)")
    slider(viewer, "iteration").fill("1")
    go_on()
    expect(frame(viewer)).to_have_text("1 / 4")
    np.testing.assert_array_equal(pixels(viewer), coloured(VOLUME[5] / 3, "magma", 0, 1, [0, 0.5]))
    assert execute(page, "time.sleep(0.2); print(view.frame)") == "1"


def test_the_viewer_that_takes_its_place_keeps_what_the_reader_chose(page, viewer, busy):
    go_on = busy("handle.update(view.still())")
    press(viewer, "coronal")
    slider(viewer, "coronal slice").fill("3")
    viewer.locator("canvas.pv-image").nth(1).click(position={"x": 90, "y": 70})
    press(viewer, "zoom in")
    press(viewer, "profile")
    viewer.locator("canvas.pv-image").nth(1).press("ArrowDown")
    page.mouse.move(5, 5)
    chosen = seen(viewer)
    go_on()
    expect(page.locator(".jp-OutputArea-output.jp-RenderedHTMLCommon .pv")).to_have_count(2)
    assert page.locator(".pv").count() == 3
    assert seen(viewer) == chosen
    assert "1 / 4" in chosen[3] and "profile" in chosen[4]
    press(viewer, "reset")
    assert "0.5" not in seen(viewer)[3]  # the full window


def test_the_one_without_a_kernel_hears_its_keys(page):
    viewer = page.locator(".pv").nth(2)
    before = [pixels(viewer, i) for i in range(3)]
    one = slider(viewer, "slice")
    one.focus()
    for key, want in (("ArrowRight", 5), ("ArrowDown", 4), ("End", 8), ("Home", 0), ("ArrowUp", 1)):
        page.keyboard.press(key)
        assert int(one.input_value()) == want
    assert all((pixels(viewer, i) != before[i]).any() for i in range(3))
    viewer.get_by_role("button", name="coronal").focus()
    for key in ("Enter", "Tab", "Space"):
        page.keyboard.press(key)
    assert viewer.get_by_role("button", pressed=True).all_inner_texts() == ["sagittal", "value"]
    viewer.locator("canvas.pv-image").first.focus()
    for key in ("ArrowLeft", "ArrowUp", "PageUp"):
        page.keyboard.press(key)
    assert viewer.locator(".pv-where").inner_text() == "z 2, y 6, x 6"
    browser.screenshot(page, "viewer_lab")
    page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    page.wait_for_selector("body[data-jp-theme-light='false']", state="attached")
    page.wait_for_selector("#jupyterlab-splash", state="detached")
    browser.screenshot(page, "viewer_lab_dark")


def test_where_scripts_are_not_trusted_the_picture_stays(visit_lab):
    page, address = visit_lab("saved")
    page.goto(address)  # never run here, so its scripts may not run
    picture = page.get_by_role("img", name="A saved viewer")
    picture.wait_for()
    assert picture.evaluate("i => i.naturalWidth") > 300 and page.locator(".pv").count() == 0
