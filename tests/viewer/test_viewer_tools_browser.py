"""What can be done with volshow's tools, in a real Chromium with every request to a network blocked."""

import re

import browser
import matplotlib
import numpy as np
import pytest

from petcourse.viewer.volumes import volshow

SHAPE = (31, 64, 48)
AXES = {"axial": 0, "coronal": 1, "sagittal": 2}
VOXEL = (2.5, 1.5, 1)


@pytest.fixture
def show(visit):
    """Open a viewer; at the end nothing was asked of a network and nothing went wrong."""
    pages = []

    def show(volumes, style="", before="", after="", options=None, **volshow_options):
        page = visit(before + volshow(volumes, **volshow_options)._repr_html_() + after, style, **(options or {}))
        pages.append(page)
        return page

    yield show
    for page in pages:
        assert not page.asked and not page.errors


def plane(volume, axis, k):
    """The picture that a radiologist expects: the head up."""
    image = np.moveaxis(volume, axis, 0)[k]
    return image if axis == 0 else image[::-1]


def coloured(volume, image, cmap="Greys_r", window=None):
    """Matplotlib's colours for what 8 bits keep of an image."""
    lo, hi = float(volume.min()), float(volume.max())
    kept = lo + (hi - lo) * np.rint((image.astype(float) - lo) / (hi - lo) * 255) / 255
    norm = matplotlib.colors.Normalize(*(window or (lo, hi)))
    return matplotlib.colormaps[cmap](norm(kept), bytes=True)[..., :3]


def press(page, name):
    page.get_by_role("button", name=name, exact=True).first.click()


def values(page):
    return page.locator(".pv-value").all_inner_texts()


def number(text):
    return float(re.match(r"[-\d.e]+", text)[0])


def path(page, name, panel=0):
    return page.locator(f".pv-over .pv-{name}").nth(panel).get_attribute("d")


def window_of(page, bar=0):
    label = page.locator(".pv-bar").nth(bar).get_attribute("aria-label")
    return [float(end) for end in re.match(r"colour bar from (\S+) to (\S+)", label).groups()]


def drag(page, start, end, panel=0):
    """Drag over a picture; places are (row, column) in parts of it."""
    box = page.locator(".pv-stage").nth(panel).bounding_box()
    at = [(box["x"] + c * box["width"], box["y"] + r * box["height"]) for r, c in (start, end)]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=4)
    page.mouse.up()


@pytest.mark.parametrize("name", AXES)
def test_each_axis_shows_its_plane_with_the_head_up_and_the_voxels_true_aspect(show, name):
    axis, volumes = AXES[name], [browser.head(), browser.head(2, 1)]
    page = show(volumes, cmaps=["magma", "Greys_r"], voxel=VOXEL)
    press(page, name)
    assert page.get_by_role("button", pressed=True).all_inner_texts() == [name, "value"]
    slider = page.get_by_role("slider", name="slice")
    for k in (0, 7, SHAPE[axis] - 1):
        slider.fill(str(k))
        for i, cmap in enumerate(("magma", "Greys_r")):
            np.testing.assert_array_equal(
                browser.pixels(page, i), coloured(volumes[i], plane(volumes[i], axis, k), cmap)
            )
    assert page.locator(".pv-place").first.inner_text() == f"{k} / {k}"
    sizes = np.array(SHAPE) * VOXEL
    height, width = np.delete(sizes, axis)
    box = page.locator("canvas.pv-image").first.bounding_box()
    assert box["width"] / box["height"] == pytest.approx(width / height, rel=0.02)
    slider.fill("20")
    browser.screenshot(page, f"viewer_{name}")


def test_slices_and_frames_play_and_pause(show):
    page = show(np.stack([browser.head() * k for k in (1, 2, 3)]), frames="iteration")
    for name, places in (("slice", 0), ("iteration", 1)):
        place = page.locator(".pv-place").nth(places)
        seen = {place.inner_text()}
        press(page, f"play {name}")
        for _ in range(3):
            handle = place.element_handle()
            page.wait_for_function("([e, old]) => !old.includes(e.textContent)", arg=[handle, [place.inner_text()]])
            seen.add(place.inner_text())
        assert len(seen) > 2
        press(page, f"pause {name}")
        stopped = place.inner_text()
        page.wait_for_timeout(600)
        assert place.inner_text() == stopped


def test_a_window_set_by_sliders_colours_the_panels_of_its_unit(show):
    volumes = [browser.head(), browser.head(2, 1), browser.head(5, 2)]
    page = show(volumes, units=["kBq/mL", "kBq/mL", "1/cm"], cmaps="inferno", vmins=0, vmaxs=[6, 6, None])
    press(page, "window")
    page.locator("canvas.pv-image").nth(1).focus()
    other = browser.pixels(page, 2)
    page.get_by_role("slider", name="lower end").fill("51")
    page.get_by_role("slider", name="upper end").fill("204")
    assert page.get_by_role("slider", name="upper end").get_attribute("aria-valuetext") == "4.8"
    scale = np.array([0.0, 6.0])
    for i in (0, 1):
        assert window_of(page, i) == pytest.approx([1.2, 4.8])
        codes = np.rint(volumes[i][15] / 6 * 255)
        want = matplotlib.colormaps["inferno"]((codes - 51) / 153, bytes=True)[..., :3]
        np.testing.assert_array_equal(browser.pixels(page, i), want)
        ticks = [float(t) for t in page.locator(".pv-bar").nth(i).locator(".pv-tick").all_inner_texts()]
        assert min(ticks) >= 1.2 and max(ticks) <= 4.8 and len(ticks) > 2
    np.testing.assert_array_equal(browser.pixels(page, 2), other)
    assert window_of(page, 2)[1] == pytest.approx(volumes[2].max()) and scale[1] == 6
    browser.screenshot(page, "viewer_window")
    page.get_by_role("slider", name="lower end").fill("255")  # beyond the upper end: a window stays a window
    low, high = window_of(page)
    assert 0 < high - low < 0.05 and high <= 6
    press(page, "reset")
    assert window_of(page) == [0, 6] and page.get_by_role("slider", name="lower end").count() == 0


def test_a_window_is_dragged_and_moved_by_keys(show):
    volume = browser.head()
    page = show(volume, units="kBq/mL", cmaps="magma")
    press(page, "window")
    full = window_of(page)
    drag(page, (0.5, 0.7), (0.5, 0.3))  # to the left: more contrast
    narrow = window_of(page)
    assert narrow[1] - narrow[0] < 0.6 * (full[1] - full[0]) and sum(narrow) == pytest.approx(sum(full), rel=0.01)
    np.testing.assert_array_equal(browser.pixels(page, 0), coloured(volume, volume[15], "magma", narrow))
    drag(page, (0.5, 0.5), (0.4, 0.5))  # up: brighter
    bright = window_of(page)
    assert bright[0] < narrow[0] and bright[1] < narrow[1]
    page.locator("canvas.pv-image").focus()
    for key, way in (("ArrowDown", [1, 1]), ("ArrowUp", [-1, -1]), ("ArrowRight", [-1, 1]), ("ArrowLeft", [1, -1])):
        before = window_of(page)
        page.keyboard.press(key)
        assert list(np.sign(np.subtract(window_of(page), before)) * [1, 1]) == [
            w if key in ("ArrowRight", "ArrowLeft") else -w for w in way
        ]
    drag(page, (0.9, 0.1), (0.1, 0.9))
    assert full[0] <= window_of(page)[0] < window_of(page)[1] <= full[1]


@pytest.mark.parametrize("name", AXES)
def test_the_value_under_the_cursor_with_zoom_and_pan(show, name):
    axis, volume = AXES[name], browser.head() - 1
    page = show(volume, units="kBq/mL", voxel=VOXEL)
    press(page, name)
    k = int(page.get_by_role("slider").input_value())
    image = plane(volume, axis, k)
    press(page, "zoom")
    box = page.locator(".pv-stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.6)
    for _ in range(3):
        page.mouse.wheel(0, -100)
    grown = "(width) => document.querySelector('.pv-image').getBoundingClientRect().width > width"
    page.wait_for_function(grown, arg=1.7 * box["width"])
    before = page.locator("canvas.pv-image").bounding_box()
    drag(page, (0.5, 0.5), (0.6, 0.45))
    press(page, "value")
    shown = page.locator("canvas.pv-image").bounding_box()
    assert shown["x"] - before["x"] == pytest.approx(-0.05 * box["width"], abs=0.5)  # it stays under the mouse
    assert shown["y"] - before["y"] == pytest.approx(0.1 * box["height"], abs=0.5)
    for part in ((0.2, 0.3), (0.8, 0.4), (0.5, 0.9)):
        at = box["x"] + part[1] * box["width"], box["y"] + part[0] * box["height"]
        page.mouse.move(*at)
        row = int((at[1] - shown["y"]) / shown["height"] * image.shape[0])
        column = int((at[0] - shown["x"]) / shown["width"] * image.shape[1])
        z, y, x = [(k, row, column), (30 - row, k, column), (30 - row, column, k)][axis]
        assert page.locator(".pv-where").inner_text() == f"z {z}, y {y}, x {x}"
        assert number(values(page)[0]) == pytest.approx(volume[z, y, x], abs=float(np.ptp(volume)) / 510 * 1.02)


def test_a_click_keeps_a_crosshair_that_cuts_the_other_axes_through_the_same_voxel(show):
    volume = browser.head()
    z, y, x = 15, 20, 33
    page = show([volume, 2 * volume], units=["kBq/mL", "1"])
    browser.point(page, 0, y, x, SHAPE)
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(5, 700)
    assert path(page, "cross", 0) == path(page, "cross", 1) != ""
    for name, place in (("axial", (y, x)), ("coronal", (30 - z, x)), ("sagittal", (30 - z, y))):
        press(page, name)
        assert int(page.get_by_role("slider").input_value()) == (z, y, x)[AXES[name]]
        assert page.locator(".pv-where").inner_text() == f"z {z}, y {y}, x {x}"
        got = [number(text) for text in values(page)]
        np.testing.assert_allclose(got, [volume[z, y, x], 2 * volume[z, y, x]], atol=4 / 255)
        assert re.match(r"M0 ([\d.]+)H.*M([\d.]+) 0V", path(page, "cross")).groups() == tuple(
            str(p + 0.5) for p in place
        )
    page.locator("canvas.pv-image").first.focus()
    page.keyboard.press("ArrowUp")  # in the sagittal plane towards the head
    page.keyboard.press("Shift+ArrowRight")
    assert page.locator(".pv-where").inner_text() == f"z {z + 1}, y {y + 10}, x {x}"
    page.keyboard.press("0")
    assert page.locator(".pv-where").inner_text().startswith("Point at") and path(page, "cross") == ""


def test_panels_of_other_shapes_are_not_read_together(show):
    big, small = browser.head(), browser.head()[:, 20:40, 10:30]
    page = show([big, small])
    assert not page.get_by_role("button", name="coronal").is_visible()
    browser.point(page, 0, 60, 40, SHAPE)
    page.mouse.down()
    page.mouse.up()
    page.locator("canvas.pv-image").nth(1).focus()
    assert values(page)[1] == "" and number(values(page)[0]) == pytest.approx(big[15, 60, 40], abs=3 / 510)


def test_zoom_and_pan_never_leave_the_volume(show):
    page = show([browser.head()] * 2, after="<p style='height: 3000px'>below</p>")

    def seen(panel=0):
        """Width of what is seen, in parts of the picture, and whether all of the stage is covered."""
        stage, canvas = (page.locator(f"{what}").nth(panel).bounding_box() for what in (".pv-stage", "canvas.pv-image"))
        covered = all(
            canvas[a] <= stage[a] + 0.1 and canvas[a] + canvas[b] >= stage[a] + stage[b] - 0.1
            for a, b in (("x", "width"), ("y", "height"))
        )
        left, top, width, height = map(float, page.locator(".pv-over").nth(panel).get_attribute("viewBox").split())
        assert 0 <= left <= 48 - width + 1e-6 and 0 <= top <= 64 - height + 1e-6
        assert width / 48 == pytest.approx(stage["width"] / canvas["width"], rel=1e-3) and covered
        for start, end, shown in (("x", "width", left / 48), ("y", "height", top / 64)):  # contours go with the picture
            assert shown == pytest.approx((stage[start] - canvas[start]) / canvas[end], abs=1e-3)
        return width / 48

    press(page, "zoom in")
    assert seen(0) == seen(1) == pytest.approx(1 / 1.5)
    press(page, "zoom")
    for end in ((0.9, 0.9), (0.1, 0.1)):
        for _ in range(3):
            drag(page, (0.5, 0.5), end)
            seen()
    page.locator("canvas.pv-image").first.focus()
    page.keyboard.press("+")
    assert seen() == pytest.approx(1 / 1.5 / 1.25)
    for key in ["-"] * 4 + ["ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"]:
        page.keyboard.press(key)
    assert seen() == 1
    browser.point(page, 0, 10, 10, SHAPE)
    for _ in range(30):
        page.mouse.wheel(0, -100)
    page.wait_for_function("document.querySelector('.pv-over').getAttribute('viewBox').includes(' 2.4 ')")
    assert seen() == pytest.approx(1 / 20) and page.evaluate("scrollY") == 0
    press(page, "reset")
    assert seen() == 1
    press(page, "zoom")
    browser.point(page, 0, 10, 10, SHAPE)
    page.mouse.wheel(0, 100)  # as small as it gets: the page goes on
    page.wait_for_function("scrollY > 0")


def curves(page):
    """The values of each line of the chart, read off its own scale."""
    ticks = page.locator(".pv-chart text[text-anchor=end]").evaluate_all(
        "all => all.map(t => [Number(t.getAttribute('y')) - 4, Number(t.textContent)])"
    )
    slope, start = np.polyfit(*np.array(ticks).T, 1)
    points = page.locator(".pv-chart polyline").evaluate_all("all => all.map(l => l.getAttribute('points'))")
    return [np.array([float(p.split(",")[1]) for p in line.split()]) * slope + start for line in points]


@pytest.mark.parametrize("name", AXES)
def test_a_profile_is_the_array_along_the_line(show, name):
    volumes = {"PET": browser.head(), "MLEM": browser.head(0.7, 1), "mu": browser.head()}
    page = show(volumes, units=["kBq/mL", "kBq/mL", "1/cm"], voxel=VOXEL)
    press(page, name)
    k = int(page.get_by_role("slider").input_value())
    press(page, "profile")
    for _ in range(2):
        column, row, to_column, to_row = map(float, re.findall(r"[\d.]+", path(page, "mark")))
        got = curves(page)
        assert len(got) == 2  # those of the unit
        for line, volume in zip(got, volumes.values(), strict=False):
            image = plane(volume, AXES[name], k)
            along = np.linspace(0, 1, len(line))
            rows = np.floor(row + along * (to_row - row) + 1e-9).astype(int).clip(0, image.shape[0] - 1)
            columns = np.floor(column + along * (to_column - column) + 1e-9).astype(int).clip(0, image.shape[1] - 1)
            np.testing.assert_allclose(line, image[rows, columns], atol=3 / 510 * 1.1)
        height, width = np.delete(VOXEL, AXES[name])
        length = np.hypot((to_row - row) * height, (to_column - column) * width)
        label = page.locator(".pv-chart").get_attribute("aria-label")
        assert label.startswith(f"profile over {length:.0f} mm, PET from ") and label.endswith(" kBq/mL")
        drag(page, (0.21, 0.13), (0.77, 0.88), panel=1)
    assert (row, column) == pytest.approx((0.21 * image.shape[0], 0.13 * image.shape[1]), abs=0.5)
    page.locator("canvas.pv-image").first.focus()
    page.keyboard.press("ArrowLeft")
    assert float(re.findall(r"[\d.]+", path(page, "mark"))[0]) == pytest.approx(column - 1)
    for _ in range(9):
        page.keyboard.press("Shift+ArrowLeft")  # as far as the picture goes
    assert float(re.findall(r"[\d.]+", path(page, "mark"))[0]) == pytest.approx(0, abs=1e-6)
    browser.screenshot(page, f"viewer_profile_{name}")


def test_a_profile_says_where_the_colour_range_cuts_it(show):
    page = show({"a": browser.head(), "b": browser.head(0.5)}, units="1", vmins=0, vmaxs=2)
    press(page, "profile")
    label = page.locator(".pv-chart").get_attribute("aria-label")
    assert re.search(r"a \(cut at its colour range\) from 1\.\d+ to 2; b from 0\.\d+ to 1\.\d+", label)


@pytest.mark.parametrize("name", AXES)
def test_a_regions_mean_and_deviation_are_numpys(show, name):
    volumes = [browser.head() - 1, browser.head(3, 1)]
    page = show(volumes, units=["kBq/mL", "1/cm"], voxel=VOXEL)
    press(page, name)
    k = int(page.get_by_role("slider").input_value())
    press(page, "region")
    drag(page, (0.4, 0.5), (0.4, 0.8))
    for _ in range(2):
        left, row, down_x, down_y = map(float, re.findall(r"-?[\d.]+", path(page, "mark"))[:4])
        for volume, text in zip(volumes, values(page), strict=True):
            image = plane(volume, AXES[name], k)
            r, c = np.indices(image.shape) + 0.5
            inside = ((c - left - down_x) / down_x) ** 2 + ((r - row) / down_y) ** 2 <= 1
            mean, deviation = map(float, re.match(r"(\S+) ± (\S+)", text).groups())
            error = float(np.ptp(volume)) / 510 * 1.1
            assert mean == pytest.approx(image[inside].mean(), abs=error)
            assert deviation == pytest.approx(image[inside].std(), abs=error)
        assert f" of {inside.sum()} voxels" in page.locator(".pv-where").inner_text()
        page.locator("canvas.pv-image").first.focus()
        for key in ("+", "+", "ArrowRight", "ArrowDown"):
            page.keyboard.press(key)
    browser.screenshot(page, f"viewer_region_{name}")
    for _ in range(40):
        page.keyboard.press("-")
    assert " of 1 voxels" in page.locator(".pv-where").inner_text()


def test_a_region_with_values_beyond_the_range_has_no_mean(show):
    page = show([browser.head(), browser.head()], vmins=0, vmaxs=[2, 3])
    press(page, "region")
    assert values(page)[0] == "beyond the colour range" and "±" in values(page)[1]


def test_tools_go_on_after_the_axis_changed(show):
    page = show(browser.head())
    for tool in ("profile", "region"):
        press(page, tool)
        drag(page, (0.9, 0.5), (0.9, 0.6))
        press(page, "coronal")
        page.locator("canvas.pv-image").focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("+")
        assert float(re.findall(r"-?[\d.]+", path(page, "mark"))[1]) == 31 / 2  # a new one, in the middle
        press(page, "axial")
    press(page, "value")
    assert path(page, "mark") == ""


def sides(labels):
    """The sides (x, y, horizontal) between voxels of different labels, one by one."""
    padded = np.pad(labels, 1)
    rows, columns = labels.shape
    return {
        (x, y, horizontal)
        for y in range(rows + 1)
        for x in range(columns + 1)
        for horizontal in (True, False)
        if padded[y + 1, x + 1] != (padded[y, x + 1] if horizontal else padded[y + 1, x])
    }


def drawn(d):
    """The same, from an SVG path of straight lines."""
    out = set()
    for x, y, way, length in re.findall(r"M(\d+) (\d+)([hv])(\d+)", d):
        for i in range(int(length)):
            out.add((int(x) + i, int(y), True) if way == "h" else (int(x), int(y) + i, False))
    return out


@pytest.mark.parametrize("name", AXES)
def test_contours_are_the_borders_of_a_mask(show, name):
    z, y, x = np.ogrid[:31, :64, :48]
    mask = (z - 16) ** 2 + ((y - 30) / 2) ** 2 + ((x - 20) / 1.5) ** 2 < 60
    labels = mask + 2 * (x > 40) + np.zeros(SHAPE, int)  # two neighbours, and the volume's own end
    page = show([browser.head()] * 4, contours=[mask, labels, mask, None], voxel=VOXEL)
    press(page, name)
    for k in (int(page.get_by_role("slider").input_value()), 0):
        page.get_by_role("slider").fill(str(k))
        for panel, want in enumerate((mask, labels, mask)):
            got = path(page, "contour", panel)
            assert drawn(got) == sides(plane(want, AXES[name], k))
        assert not path(page, "contour", 3)
    page.get_by_role("slider").fill("18")
    browser.screenshot(page, f"viewer_contours_{name}")


def test_a_difference_has_a_panel_about_zero(show):
    first, second = browser.head(), browser.head(0.8, 1)
    page = show({"MLEM": first, "truth": second}, units="kBq/mL", difference=("MLEM", "truth"), cmaps="magma")
    assert page.locator(".pv-title").all_inner_texts() == ["MLEM", "truth", "MLEM − truth"]
    most = np.abs(first - second).max()
    assert window_of(page, 2) == pytest.approx([-most, most], rel=1e-6)
    assert window_of(page, 0) == window_of(page, 1)
    codes = np.rint(((first - second)[15].astype(float) + most) / (2 * most) * 255)
    want = matplotlib.colormaps["RdBu_r"](codes / 255, bytes=True)[..., :3]
    np.testing.assert_allclose(browser.pixels(page, 2).astype(int), want, atol=3)  # a code may round the other way
    browser.screenshot(page, "viewer_difference")


def test_frames_with_labels(show):
    volume = browser.head()
    page = show(np.stack([volume * k for k in (3, 2, 1)]), frames={"FWHM [mm]": [0, 2.5, 4]})
    slider = page.get_by_role("slider", name="FWHM [mm]")
    assert slider.get_attribute("aria-valuetext") == "FWHM [mm] 4"
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator(".pv-place").nth(1).inner_text() == "2.5"
    browser.point(page, 0, 31, 20, SHAPE)
    assert page.locator(".pv-where").inner_text() == "z 15, y 31, x 20, FWHM [mm] 2.5"
    assert number(values(page)[0]) == pytest.approx(2 * volume[15, 31, 20], abs=9 / 510)


def test_axes_may_be_those_of_a_sinogram(show):
    page = show(browser.head(), slices=("plane", "angle", "bin"))
    press(page, "angle")
    assert page.get_by_role("slider", name="angle").input_value() == "32"
    browser.point(page, 0, 4, 7, (31, 48))
    assert page.locator(".pv-where").inner_text() == "plane 26, angle 32, bin 7"


def test_one_other_name_has_one_axis(show):
    page = show(browser.head(), slices="lesion")
    assert page.get_by_role("slider", name="lesion").count() == 1
    assert page.get_by_role("button", name="coronal").count() == 0


def test_a_slide_show_does_not_hear_the_keys_that_the_viewer_uses(show):
    page = show(
        np.stack([browser.head()] * 2),
        before="<script>heard = []; addEventListener('keydown', (event) => heard.push(event.key))</script>",
    )
    for target in (page.locator("canvas.pv-image"), *page.get_by_role("slider").all()):
        target.focus()
        for key in ("ArrowLeft", "ArrowDown", "PageUp", "PageDown"):
            page.keyboard.press(key)
    page.get_by_role("button", name="window", exact=True).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    assert page.get_by_role("slider", name="lower end").count() == 1
    assert page.evaluate("heard") == []
    page.locator("canvas.pv-image").focus()
    page.keyboard.press("Escape")  # leaves the picture
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageDown")
    assert page.evaluate("heard") == ["ArrowRight", "PageDown"]


def test_a_finger_can_point_and_draw(show):
    volume = browser.head()
    page = show(volume, options={"has_touch": True})
    box = page.locator("canvas.pv-image").bounding_box()
    page.touchscreen.tap(box["x"] + 20.5 / 48 * box["width"], box["y"] + 31.5 / 64 * box["height"])
    assert page.locator(".pv-where").inner_text() == "z 15, y 31, x 20"
    assert number(values(page)[0]) == pytest.approx(volume[15, 31, 20], abs=3 / 510)
    page.get_by_role("button", name="region").tap()
    assert page.locator("canvas.pv-image").evaluate("c => getComputedStyle(c).touchAction") == "none"
    assert "±" in values(page)[0]


def test_what_a_screen_reader_is_told(show):
    page = show(
        {"PET": np.stack([browser.head()] * 3), "": browser.head()},
        units=["kBq/mL", None],
        frames="iteration",
        alt="A head",
    )
    group = page.get_by_role("group", name="A head")
    assert group.get_by_role("group").evaluate_all("all => all.map(g => g.getAttribute('aria-label'))") == [
        "PET",
        "volume",
        "cut along",
        "tool",
        "zoom",
    ]
    assert page.get_by_role("application").evaluate_all("all => all.map(c => c.getAttribute('aria-label'))") == [
        "PET, slice 15 / 30, iteration 2 / 2",
        "volume, slice 15 / 30, iteration 2 / 2",
    ]
    assert page.get_by_role("application").first.get_attribute("aria-description").startswith("Point at a voxel")
    assert page.get_by_role("img", name="colour bar from 0 to ").count() == 1
    slider = page.get_by_role("slider", name="slice")
    assert slider.get_attribute("aria-valuetext") == "slice 15 / 30"
    names = page.get_by_role("button").evaluate_all("all => all.map(b => b.getAttribute('aria-label') ?? b.innerText)")
    assert names[:2] == ["play slice", "play iteration"] and len(set(names)) == len(names) and "" not in names
    assert page.get_by_role("button", name="value").get_attribute("aria-pressed") == "true"
    page.keyboard.press("Tab")
    assert page.locator(".pv-stage").first.evaluate("s => getComputedStyle(s).outlineStyle") == "solid"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scripts", [True, False])
def test_all_at_once_in_light_and_dark(show, scheme, scripts):
    z, y, x = np.ogrid[:31, :64, :48]
    mask = (z - 16) ** 2 + ((y - 30) / 2) ** 2 + ((x - 20) / 1.5) ** 2 < 60
    page = show(
        {"MLEM": browser.head(), "truth": browser.head(1, 0.2)},
        style=":root { color-scheme: light dark }",
        units="kBq/mL",
        contours=mask,
        cmaps="magma",
        difference=(0, 1),
        alt="Two heads and their difference",
        options={"color_scheme": scheme, "java_script_enabled": scripts},
    )
    if scripts:
        press(page, "profile")
        colours = page.locator(".pv-title, .pv-tools button, .pv-where, .pv-tick").evaluate_all(
            "all => all.map(e => getComputedStyle(e).color)"
        )
        assert set(colours) == {"rgb(255, 255, 255)" if scheme == "dark" else "rgb(0, 0, 0)"}
    else:
        assert page.get_by_role("img", name="Two heads").bounding_box()["width"] > 500
    browser.screenshot(page, f"viewer_all_{scheme}{'' if scripts else '_no_scripts'}")


EVIL = "</script><img src=x onerror='window.injected=1'>\"&quot;<!--"


def test_names_inject_nothing(show):
    page = show(
        {EVIL: np.stack([browser.head()] * 2), "脳": browser.head()},
        units=EVIL,
        frames={EVIL: [EVIL, "мозг"]},
        slices=(EVIL, EVIL + "2", EVIL + "3"),
        difference=(EVIL, "脳"),
        contours=browser.head() > 2,
    )
    assert page.locator(".pv-title").all_text_contents() == [EVIL, "脳", f"{EVIL} − 脳"]
    press(page, EVIL + "2")
    for tool in ("window", "profile", "region", "value"):
        press(page, tool)
    page.locator("canvas.pv-image").first.hover()
    assert EVIL in page.locator(".pv-where").text_content()
    assert page.locator("img, b, i").count() == 0 and page.evaluate("window.injected") is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("n", [1, 8])
@pytest.mark.parametrize("shape", [(31, 64, 48), (5, 200, 12), (40, 8, 200), (1, 1, 1)])
def test_it_fits_any_page(show, shape, n):
    volumes = {f"volume {i}": np.random.default_rng(i).random(shape) for i in range(n)}
    page = show(volumes, units="kBq/mL", style=":root { color-scheme: light dark }")
    for width in (300, 640, 1280):
        page.set_viewport_size({"width": width, "height": 700})
        page.emulate_media(color_scheme="dark" if width == 640 else "light")
        for name in AXES:
            if shape[0] > 1:
                press(page, name)
            page.wait_for_function("new Promise((d) => requestAnimationFrame(() => requestAnimationFrame(() => d(1))))")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            boxes = [box.bounding_box() for box in page.locator("canvas.pv-image").all()]
            assert all(4 <= box["width"] <= 700 and box["height"] <= 470 for box in boxes)
            if name == "coronal":
                browser.screenshot(page, f"viewer_fits_{n}_{'x'.join(map(str, shape))}_{width}")


def test_it_appears_where_it_was_hidden_at_first(show):
    page = show([browser.head()] * 4, before="<div id=slide style='display: none'>", after="</div>")
    page.evaluate("document.querySelector('#slide').style.display = ''")
    page.wait_for_function("document.querySelector('.pv-image').clientWidth > 150")
    page.wait_for_function("document.querySelector('.pv-image').style.imageRendering === 'pixelated'")
