"""What can be done with volshow's tools, in a real Chromium with every request to a network blocked."""

import re

import browser
import numpy as np
import pytest
from browser import canvas, coloured, drag, keys, number, pixels, press, values, where

SHAPE = (31, 64, 48)
AXES = {"axial": 0, "coronal": 1, "sagittal": 2}
VOXEL = (2.5, 1.5, 1)
BELOW = "<p style='height: 3000px'>below</p>"  # something to scroll to


def plane(volume, axis, k):
    """The picture that a radiologist expects: the head up."""
    image = np.moveaxis(volume, axis, 0)[k]
    return image if axis == 0 else image[::-1]


def each_axis(page, tool=None):
    """Cut along each axis in turn, with a tool if one is named; yields the axis and the number of its slice."""
    for name, axis in AXES.items():
        press(page, name)
        if tool:
            press(page, tool)
        yield axis, int(page.get_by_role("slider").first.input_value())


def path(page, name, panel=0):
    return page.locator(f".pv-over .pv-{name}").nth(panel).get_attribute("d")


def numbers(page, name):
    return [float(text) for text in re.findall(r"-?[\d.]+", path(page, name))]


def window_of(page, bar=0):
    label = page.locator(".pv-bar").nth(bar).get_attribute("aria-label")
    return [float(end) for end in re.match(r"colour bar from (\S+) to (\S+)", label).groups()]


def test_each_axis_shows_its_plane_with_the_head_up_and_the_voxels_true_aspect(show):
    volumes, cmaps = [browser.head(), browser.head(2, 1)], ["magma", "Greys_r"]
    page = show(volumes, cmaps=cmaps, voxel=VOXEL)
    slider = page.get_by_role("slider", name="slice")
    for axis, _ in each_axis(page):
        assert page.get_by_role("button", pressed=True).all_inner_texts() == [list(AXES)[axis], "value"]
        for k in (0, 7, SHAPE[axis] - 1):
            slider.fill(str(k))
            for i, (volume, cmap) in enumerate(zip(volumes, cmaps, strict=True)):
                want = coloured(plane(volume, axis, k), cmap, volume.min(), volume.max())
                np.testing.assert_array_equal(pixels(page, i), want)
        assert page.locator(".pv-place").first.inner_text() == f"{k} / {k}"
        height, width = np.delete(np.array(SHAPE) * VOXEL, axis)
        box = canvas(page).bounding_box()
        assert box["width"] / box["height"] == pytest.approx(width / height, rel=0.02)


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
    canvas(page, 1).focus()
    other = pixels(page, 2)
    page.get_by_role("slider", name="lower end").fill("51")
    page.get_by_role("slider", name="upper end").fill("204")
    assert page.get_by_role("slider", name="upper end").get_attribute("aria-valuetext") == "4.8"
    for i in (0, 1):
        assert window_of(page, i) == pytest.approx([1.2, 4.8])
        np.testing.assert_array_equal(pixels(page, i), coloured(volumes[i][15], "inferno", 0, 6, [1.2, 4.8]))
        ticks = [float(t) for t in page.locator(".pv-bar").nth(i).locator(".pv-tick").all_inner_texts()]
        assert min(ticks) >= 1.2 and max(ticks) <= 4.8 and len(ticks) > 2
    np.testing.assert_array_equal(pixels(page, 2), other)
    assert window_of(page, 2)[1] == pytest.approx(volumes[2].max())
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
    want = coloured(volume[15], "magma", volume.min(), volume.max(), narrow)
    np.testing.assert_array_equal(pixels(page), want)
    drag(page, (0.5, 0.5), (0.4, 0.5))  # up: brighter
    bright = window_of(page)
    assert bright[0] < narrow[0] and bright[1] < narrow[1]
    canvas(page).focus()
    signs = {"ArrowDown": [1, 1], "ArrowUp": [-1, -1], "ArrowRight": [-1, 1], "ArrowLeft": [1, -1]}
    for key, way in signs.items():
        before = window_of(page)
        page.keyboard.press(key)
        moved = list(np.sign(np.subtract(window_of(page), before)))
        assert moved == (way if key in ("ArrowRight", "ArrowLeft") else [-w for w in way])
    drag(page, (0.9, 0.1), (0.1, 0.9))
    assert full[0] <= window_of(page)[0] < window_of(page)[1] <= full[1]


def test_the_value_under_the_cursor_with_zoom_and_pan(show):
    volume = browser.head() - 1
    page = show(volume, units="kBq/mL", voxel=VOXEL)
    for axis, k in each_axis(page, "zoom"):
        image = plane(volume, axis, k)
        box = page.locator(".pv-stage").bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.6)
        for _ in range(3):
            page.mouse.wheel(0, -100)
        grown = "(width) => document.querySelector('.pv-image').getBoundingClientRect().width > width"
        page.wait_for_function(grown, arg=1.7 * box["width"])
        before = canvas(page).bounding_box()
        drag(page, (0.5, 0.5), (0.6, 0.45))
        press(page, "value")
        shown = canvas(page).bounding_box()
        assert shown["x"] - before["x"] == pytest.approx(-0.05 * box["width"], abs=0.5)  # it stays under the mouse
        assert shown["y"] - before["y"] == pytest.approx(0.1 * box["height"], abs=0.5)
        for part in ((0.2, 0.3), (0.8, 0.4), (0.5, 0.9)):
            at = box["x"] + part[1] * box["width"], box["y"] + part[0] * box["height"]
            page.mouse.move(*at)
            row = int((at[1] - shown["y"]) / shown["height"] * image.shape[0])
            column = int((at[0] - shown["x"]) / shown["width"] * image.shape[1])
            z, y, x = [(k, row, column), (30 - row, k, column), (30 - row, column, k)][axis]
            assert where(page) == f"z {z}, y {y}, x {x}"
            assert number(page) == pytest.approx(volume[z, y, x], abs=float(np.ptp(volume)) / 510 * 1.02)


def test_a_click_keeps_a_crosshair_that_cuts_the_other_axes_through_the_same_voxel(show):
    volume = browser.head()
    z, y, x = 15, 20, 33
    page = show([volume, 2 * volume], units=["kBq/mL", "1"])
    browser.point(page, 0, y, x, SHAPE)
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(5, 700)
    assert path(page, "cross", 0) == path(page, "cross", 1) != ""
    for axis, k in each_axis(page):
        assert k == (z, y, x)[axis] and where(page) == f"z {z}, y {y}, x {x}"
        got = [number(page, i) for i in (0, 1)]
        np.testing.assert_allclose(got, [volume[z, y, x], 2 * volume[z, y, x]], atol=4 / 255)
        row, column = [(y, x), (30 - z, x), (30 - z, y)][axis]
        assert re.match(rf"M0 {row}.5H.*M{column}.5 0V", path(page, "cross"))
    canvas(page).focus()
    keys(page, "ArrowUp", "Shift+ArrowRight")  # in the sagittal plane up is towards the head
    assert where(page) == f"z {z + 1}, y {y + 10}, x {x}"
    keys(page, "0")
    assert where(page).startswith("Point at") and path(page, "cross") == ""


def test_panels_of_other_shapes_are_not_read_together(show):
    big, small = browser.head(), browser.head()[:, 20:40, 10:30]
    page = show([big, small])
    assert not page.get_by_role("button", name="coronal").is_visible()
    browser.point(page, 0, 60, 40, SHAPE)
    page.mouse.down()
    page.mouse.up()
    canvas(page, 1).focus()
    assert values(page)[1] == "" and number(page) == pytest.approx(big[15, 60, 40], abs=3 / 510)


def test_zoom_and_pan_never_leave_the_volume(show):
    page = show([browser.head()] * 2, after=BELOW)

    def seen(panel=0):
        """Width of what is seen, in parts of the picture; all of the stage is covered, and the contours go along."""
        stage, shown = page.locator(".pv-stage").nth(panel).bounding_box(), canvas(page, panel).bounding_box()
        left, top, width, height = map(float, page.locator(".pv-over").nth(panel).get_attribute("viewBox").split())
        assert 0 <= left <= 48 - width + 1e-6 and 0 <= top <= 64 - height + 1e-6
        assert width / 48 == pytest.approx(stage["width"] / shown["width"], rel=1e-3)
        for start, size, part in (("x", "width", left / 48), ("y", "height", top / 64)):
            assert shown[start] <= stage[start] + 0.1
            assert shown[start] + shown[size] >= stage[start] + stage[size] - 0.1
            assert part == pytest.approx((stage[start] - shown[start]) / shown[size], abs=1e-3)
        return width / 48

    press(page, "zoom in")
    assert seen(0) == seen(1) == pytest.approx(1 / 1.5)
    press(page, "zoom")
    for end in ((0.9, 0.9), (0.1, 0.1)):
        for _ in range(3):
            drag(page, (0.5, 0.5), end)
            seen()
    canvas(page).focus()
    keys(page, "+")
    assert seen() == pytest.approx(1 / 1.5 / 1.25)
    keys(page, *["-"] * 4, "ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown")
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


def test_a_profile_is_the_array_along_the_line(show):
    volumes = {"PET": browser.head(), "MLEM": browser.head(0.7, 1), "mu": browser.head()}
    page = show(volumes, units=["kBq/mL", "kBq/mL", "1/cm"], voxel=VOXEL)
    for axis, k in each_axis(page, "profile"):
        sizes = np.delete(SHAPE, axis)
        for _ in range(2):
            column, row, to_column, to_row = numbers(page, "mark")
            got = curves(page)
            assert len(got) == 2  # those of the unit
            for line, volume in zip(got, volumes.values(), strict=False):
                along = np.linspace([row, column], [to_row, to_column], len(line))
                rows, columns = np.floor(along + 1e-9).astype(int).clip(0, sizes - 1).T
                np.testing.assert_allclose(line, plane(volume, axis, k)[rows, columns], atol=3 / 510 * 1.1)
            length = np.hypot(*np.multiply([to_row - row, to_column - column], np.delete(VOXEL, axis)))
            label = page.locator(".pv-chart").get_attribute("aria-label")
            assert label.startswith(f"profile over {length:.0f} mm, PET from ") and label.endswith(" kBq/mL")
            drag(page, (0.21, 0.13), (0.77, 0.88), panel=1)
        assert (row, column) == pytest.approx(sizes * (0.21, 0.13), abs=0.5)
        canvas(page).focus()
        keys(page, "ArrowLeft")
        assert numbers(page, "mark")[0] == pytest.approx(column - 1)
        keys(page, *["Shift+ArrowLeft"] * 9)  # as far as the picture goes
        assert numbers(page, "mark")[0] == pytest.approx(0, abs=1e-6)
    browser.screenshot(page, "viewer_profile")


def test_what_the_colour_range_cuts_has_a_profile_that_says_so_and_no_mean(show):
    page = show({"a": browser.head(), "b": browser.head(0.5)}, units="1", vmins=0, vmaxs=2)
    press(page, "profile")
    label = page.locator(".pv-chart").get_attribute("aria-label")
    assert re.search(r"a \(cut at its colour range\) from 1\.\d+ to 2; b from 0\.\d+ to 1\.\d+", label)
    press(page, "region")
    assert values(page)[0] == "beyond the colour range" and "±" in values(page)[1]


def test_a_regions_mean_and_deviation_are_numpys(show):
    volumes = [browser.head() - 1, browser.head(3, 1)]
    page = show(volumes, units=["kBq/mL", "1/cm"], voxel=VOXEL)
    for axis, k in each_axis(page, "region"):
        drag(page, (0.4, 0.5), (0.4, 0.8))
        for _ in range(2):
            left, row, across, down = numbers(page, "mark")[:4]
            for volume, text in zip(volumes, values(page), strict=True):
                image = plane(volume, axis, k)
                r, c = np.indices(image.shape) + 0.5
                inside = ((c - left - across) / across) ** 2 + ((r - row) / down) ** 2 <= 1
                mean, deviation = map(float, re.match(r"(\S+) ± (\S+)", text).groups())
                error = float(np.ptp(volume)) / 510 * 1.1
                assert mean == pytest.approx(image[inside].mean(), abs=error)
                assert deviation == pytest.approx(image[inside].std(), abs=error)
            assert f" of {inside.sum()} voxels" in where(page)
            canvas(page).focus()
            keys(page, "+", "+", "ArrowRight", "ArrowDown")
        keys(page, *["-"] * 40)
        assert " of 1 voxels" in where(page)


def test_tools_go_on_after_the_axis_changed(show):
    page = show(browser.head())
    for tool in ("profile", "region"):
        press(page, tool)
        drag(page, (0.9, 0.5), (0.9, 0.6))
        press(page, "coronal")
        canvas(page).focus()
        keys(page, "ArrowLeft", "+")
        assert numbers(page, "mark")[1] == 31 / 2  # a new one, in the middle
        press(page, "axial")
    press(page, "value")
    assert path(page, "mark") == ""


def sides(labels):
    """The sides (x, y, horizontal or vertical) between voxels of different labels."""
    padded = np.pad(labels, 1)
    ways = {"h": padded[1:, 1:-1] != padded[:-1, 1:-1], "v": padded[1:-1, 1:] != padded[1:-1, :-1]}
    return sorted((x, y, way) for way, differs in ways.items() for y, x in np.argwhere(differs).tolist())


def drawn(d):
    """The same, from an SVG path of strokes from voxel to voxel."""
    assert re.fullmatch(r"(M\d+ \d+[hv]1)*", d)
    return sorted((int(x), int(y), way) for x, y, way in re.findall(r"M(\d+) (\d+)([hv])1", d))


def test_contours_are_the_borders_of_a_mask(show):
    mask = browser.lesion()
    labels = mask + 2 * (np.arange(48) > 40) + np.zeros(SHAPE, int)  # two neighbours, and the volume's own end
    page = show([browser.head()] * 4, contours=[mask, labels, mask, None], voxel=VOXEL)
    for axis, middle in each_axis(page):
        for k in (middle, 0):
            page.get_by_role("slider").fill(str(k))
            for panel, want in enumerate((mask, labels, mask)):
                assert drawn(path(page, "contour", panel)) == sides(plane(want, axis, k))
            assert not path(page, "contour", 3)
    page.get_by_role("slider").fill("18")
    browser.screenshot(page, "viewer_contours")


def test_a_difference_has_a_panel_about_zero(show):
    first, second = browser.head(), browser.head(0.8, 1)
    page = show({"MLEM": first, "truth": second}, units="kBq/mL", difference=("MLEM", "truth"), cmaps="magma")
    assert page.locator(".pv-title").all_inner_texts() == ["MLEM", "truth", "MLEM − truth"]
    most = float(np.abs(first - second).max())
    assert window_of(page, 2) == pytest.approx([-most, most], rel=1e-6)
    assert window_of(page, 0) == window_of(page, 1)
    want = coloured((first - second)[15], "RdBu_r", -most, most).astype(int)
    np.testing.assert_allclose(pixels(page, 2).astype(int), want, atol=3)  # a code may round the other way
    browser.screenshot(page, "viewer_difference")


def test_a_slide_show_does_not_hear_the_keys_that_the_viewer_uses(show):
    page = show(
        np.stack([browser.head()] * 2),
        before="<script>heard = []; addEventListener('keydown', (event) => heard.push(event.key))</script>",
    )
    for target in (canvas(page), *page.get_by_role("slider").all()):
        target.focus()
        keys(page, "ArrowLeft", "ArrowDown", "PageUp", "PageDown")
    page.get_by_role("button", name="window", exact=True).focus()
    keys(page, "Space", "Enter")
    assert page.get_by_role("slider", name="lower end").count() == 1
    assert page.evaluate("heard") == []
    canvas(page).focus()
    keys(page, "Escape", "ArrowRight", "PageDown")  # Escape leaves the picture
    assert page.evaluate("heard") == ["ArrowRight", "PageDown"]


def test_a_finger_can_point_and_draw(show):
    volume = browser.head()
    page = show(volume, options={"has_touch": True})
    box = canvas(page).bounding_box()
    page.touchscreen.tap(box["x"] + 20.5 / 48 * box["width"], box["y"] + 31.5 / 64 * box["height"])
    assert where(page) == "z 15, y 31, x 20"
    assert number(page) == pytest.approx(volume[15, 31, 20], abs=3 / 510)
    page.get_by_role("button", name="region").tap()
    assert canvas(page).evaluate("c => getComputedStyle(c).touchAction") == "none"
    assert "±" in values(page)[0]


def test_what_a_screen_reader_is_told(show):
    page = show(
        {"PET": np.stack([browser.head()] * 3), "": browser.head()},
        units=["kBq/mL", None],
        frames="iteration",
        alt="A head",
    )

    def labels(found):
        return found.evaluate_all("all => all.map(e => e.getAttribute('aria-label') ?? e.innerText)")

    group = page.get_by_role("group", name="A head").get_by_role("group")
    assert labels(group) == ["PET", "volume", "cut along", "tool", "zoom"]
    pictures = page.get_by_role("application")
    assert labels(pictures) == [f"{name}, slice 15 / 30, iteration 2 / 2" for name in ("PET", "volume")]
    assert pictures.first.get_attribute("aria-description").startswith("Point at a voxel")
    assert page.get_by_role("img", name="colour bar from 0 to ").count() == 1
    assert page.get_by_role("slider", name="slice").get_attribute("aria-valuetext") == "slice 15 / 30"
    names = labels(page.get_by_role("button"))
    assert names[:2] == ["play slice", "play iteration"] and len(set(names)) == len(names) and "" not in names
    assert page.get_by_role("button", name="value").get_attribute("aria-pressed") == "true"
    keys(page, "Tab")
    assert page.locator(".pv-stage").first.evaluate("s => getComputedStyle(s).outlineStyle") == "solid"


def test_all_at_once_in_light_and_dark(show):
    page = show(
        {"MLEM": browser.head(), "truth": np.stack([browser.head(1, 0.2)] * 2)},
        style=":root { color-scheme: light dark } body { font-family: sans-serif }",
        units="kBq/mL",
        contours=browser.lesion(),
        cmaps="magma",
        difference=(0, 1),
    )
    press(page, "profile")
    texts = page.locator(".pv-title, .pv-place, .pv-tools button, .pv-where, .pv-tick, input")
    for scheme, colour in (("light", "rgb(0, 0, 0)"), ("dark", "rgb(255, 255, 255)")):
        page.emulate_media(color_scheme=scheme)
        assert set(texts.evaluate_all("all => all.map(e => getComputedStyle(e).color)")) == {colour}
        browser.screenshot(page, f"viewer_all_{scheme}")
