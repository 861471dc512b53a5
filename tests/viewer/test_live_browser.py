"""The live viewer in a real JupyterLab: Python steers it and hears it; and what it refuses."""

import re

import browser
import lab
import matplotlib
import numpy as np
import pytest
from payload import data_of

from petcourse.viewer.volumes import volshow

VOLUME = np.random.default_rng(0).random((9, 12, 10)).astype(np.float32)
CELLS = [
    """import numpy as np
from petcourse import volshow
truth = np.random.default_rng(0).random((9, 12, 10)).astype(np.float32)
view = volshow({"MLEM": np.zeros_like(truth), "truth": truth}, cmaps="magma", vmins=0, vmaxs=1,
               units="a.u.", frames="iteration", contours=[truth > 0.5, None], live=True)
handle = display(view, display_id=True)""",
    """import time
import ipywidgets
slider = ipywidgets.IntSlider(4, description="linked", max=8)
ipywidgets.jslink((slider, "value"), (view, "slice"))
slider""",
    """for k in (1, 2, 3):
    view.append("MLEM", k / 3 * truth)""",
]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    pytest.importorskip("playwright")
    if not browser.find():
        pytest.skip("no Chromium here: install it, or name one in PETCOURSE_CHROMIUM")
    root = tmp_path_factory.mktemp("lab")
    lab.write(root / "live.ipynb", CELLS)
    with lab.jupyterlab(root) as address, browser.chromium() as chromium:
        context = chromium.new_context(viewport={"width": 1280, "height": 1200})
        context.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), lambda route: route.abort())
        page = context.new_page()
        lab.run_all(page, address("live"))
        page.wait_for_selector(".pv")
        yield page


def execute(page, code):
    """Run code in the notebook's kernel; return what it printed."""
    return page.evaluate(
        """async (code) => {
            let text = "";
            const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const future = kernel.requestExecute({code});
            future.onIOPub = ({content}) => { text += content.text ?? content.traceback?.join("\\n") ?? ""; };
            await future.done;
            return text.trim();
        }""",
        code,
    )


def coloured(image):
    return matplotlib.colormaps["magma"](np.rint(image.clip(0, 1) * 255).astype(int), bytes=True)[..., :3]


def test_frames_that_python_appends_are_shown_and_kept(page):
    page.wait_for_function("document.querySelectorAll('.pv-place')[1].textContent === '3 / 3'")
    np.testing.assert_array_equal(browser.pixels(page, 0), coloured(VOLUME[4]))
    page.get_by_role("slider", name="iteration").fill("1")
    np.testing.assert_array_equal(browser.pixels(page, 0), coloured(VOLUME[4] / 3))
    page.wait_for_function("document.querySelectorAll('.pv-place')[1].textContent === '1 / 3'")
    assert execute(page, "time.sleep(0.2); print(view.frame)") == "1"
    execute(page, "view.replace('MLEM', truth[::-1]); view.frame = 3")
    page.wait_for_function("document.querySelectorAll('.pv-place')[1].textContent === '3 / 3'")
    np.testing.assert_array_equal(browser.pixels(page, 0), coloured(VOLUME[::-1][4]))
    page.screenshot(path=browser.SCREENS / "live.png")


def test_python_steers_and_hears(page):
    execute(page, "view.slice, view.axis = 7, 0")
    page.wait_for_function("document.querySelector('.pv-place').textContent === '7 / 8'")
    np.testing.assert_array_equal(browser.pixels(page, 1), coloured(VOLUME[7]))
    page.get_by_role("slider", name="slice", exact=True).fill("2")
    assert execute(page, "time.sleep(0.2); print(view.slice)") == "2"
    execute(page, "view.window = [[0, 0.5], [0, 0.5]]")
    bars = "[...document.querySelectorAll('.pv-bar')]"
    page.wait_for_function(f"{bars}.every(bar => bar.getAttribute('aria-label').includes('to 0.5'))")
    np.testing.assert_allclose(browser.pixels(page, 1), coloured(VOLUME[2] * 2).astype(int), atol=6)
    canvas = page.locator("canvas.pv-image").nth(1).bounding_box()
    page.mouse.move(canvas["x"] + 3.5 / 10 * canvas["width"], canvas["y"] + 5.5 / 12 * canvas["height"])
    assert execute(page, "time.sleep(0.2); print(view.cursor)") == "[2, 5, 3]"
    page.mouse.move(5, 5)
    assert execute(page, "time.sleep(0.2); print(view.cursor)") == "None"


def test_linked_with_an_ipywidget(page):
    execute(page, "view.slice = 5")
    page.wait_for_function("document.querySelector('.pv-place').textContent === '5 / 8'")
    assert page.locator(".widget-readout").first.inner_text() == "5"


def test_it_is_replaced_by_one_that_needs_no_kernel(page):
    execute(page, "handle.update(view.still())")
    page.wait_for_function("document.querySelector('.pv')?.closest('.jp-RenderedHTMLCommon')")
    assert page.locator(".pv").count() == 1
    assert page.locator(".pv-place").nth(1).inner_text() == "3 / 3"


@pytest.mark.parametrize(
    ("panel", "volume", "message"),
    [
        ("PET", VOLUME, r"panel is 'PET', but one of \['a', 'b'\]"),
        (2, VOLUME, "panel is 2, but one of"),
        (True, VOLUME, "panel is True, but one of"),
        ("a", VOLUME[1:], r"has shape \(8, 12, 10\), but the panel shows \(9, 12, 10\)"),
        ("a", VOLUME + np.nan, "NaN or infinite"),
        ("a", VOLUME + 1j, "complex"),
    ],
)
def test_what_cannot_be_shown_is_refused(panel, volume, message):
    view = volshow({"a": VOLUME, "b": VOLUME}, live=True)
    for change in (view.append, view.replace):
        with pytest.raises(ValueError, match=message) as error:
            change(panel, volume)
        assert "\n" not in str(error.value) and str(error.value).endswith(".")


@pytest.mark.parametrize("frame", [2, -3, "last", 0.0])
def test_a_frame_that_is_not_there_is_refused(frame):
    view = volshow({"a": np.stack([VOLUME] * 2)}, live=True)
    with pytest.raises(ValueError, match=f"frame is {frame!r}, but panel 'a' has 2 frames"):
        view.replace("a", VOLUME, frame=frame)
    view.replace("a", 2 * VOLUME, frame=0)
    np.testing.assert_array_equal(view._volumes[0], [2 * VOLUME, VOLUME])
    assert view._sent == [[1, 0]]


@pytest.mark.parametrize("window", [[], [[0, 1], [0, 1]], [[1, 0]], [[0, np.nan]], [[0, np.inf]], [[0]]])
def test_a_window_that_colours_nothing_is_refused(window):
    view = volshow(VOLUME, live=True)
    with pytest.raises(ValueError, match="window is"):
        view.window = window
    view.window = [[0, 0.5]]


def test_a_difference_that_would_not_follow_is_refused():
    with pytest.raises(ValueError, match="live viewer has no difference"):
        volshow({"a": VOLUME, "b": VOLUME}, difference=("a", "b"), live=True)


def test_one_too_large_to_be_stored_says_so(monkeypatch):
    monkeypatch.setattr("petcourse.viewer.page.LIMIT_MB", -1)
    bundle, _ = volshow(VOLUME, live=True)._repr_mimebundle_()
    assert bundle["text/html"].startswith("<p>Not stored, for the volumes would take about")


def test_the_still_has_all_frames_and_bounds():
    view = volshow({"a": VOLUME}, vmins=0, vmaxs=1, live=True)
    assert data_of(view.still())["panels"][0]["shape"] == [1, 9, 12, 10]
    view.append("a", 3 * VOLUME)
    assert view.frame == 1 and data_of(view.still())["panels"][0]["shape"] == [2, 9, 12, 10]
    assert view._bounds == [[False, True]]
    view.frame = 0
    view.append("a", VOLUME)
    assert view.frame == 0  # a reader who went back stays there
    bundle, _ = view._repr_mimebundle_()
    assert bundle["text/html"] == view.still()._repr_html_()
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_a_frame_that_is_computed_on_in_place_stays_as_it_was_shown():
    view, theta = volshow({"a": VOLUME}, live=True), VOLUME.copy()
    view.append("a", theta)
    theta[:] = 0
    np.testing.assert_array_equal(view._volumes[0][1], VOLUME)
