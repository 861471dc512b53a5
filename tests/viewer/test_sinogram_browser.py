"""What a reader sees of sinoshow, in a real Chromium with every request to a network blocked."""

import re

import browser
import numpy as np
import pytest
from browser import coloured, pixels
from test_sinogram import SMALL

from petcourse import Projector, Scanner, sinoshow
from petcourse.viewer.sinogram import GAP

SCANNER = Scanner(rings=1, max_ring_difference=0)
LIVE = SCANNER.live()
CRYSTALS, PAIRS = SCANNER.crystals(), SCANNER.bin_crystals()
_, Y, X = SCANNER.axes()
PARTS = ["image", "sinogram"]
# what JupyterLab wants of every output
LAB = ".jp-RenderedHTMLCommon :is(img, svg) { max-width: 100%; height: auto } :root { color-scheme: light dark }"


@pytest.fixture(scope="module")
def head():
    """An image like a head with a hole, and its line integrals."""
    y, x = Y[:, None] / 95, X / 75
    image = np.where(x**2 + y**2 < 1, 2 + np.sin(9 * x) * np.cos(7 * y), 0) * (np.hypot(x - 0.4, y + 0.3) > 0.15)
    image = image.astype(np.float32)
    return image, (Projector(SCANNER, device="cpu") @ image[None])[0]


@pytest.fixture(scope="module")
def made(head):
    return sinoshow(SCANNER, *head, ["kBq/mL", "counts"], ["Greys_r", "magma"], "A head and its sinogram")._repr_html_()


@pytest.fixture
def page(visit, made):
    """The head and its sinogram, as JupyterLab would show them."""
    return visit(f'<div class="jp-RenderedHTMLCommon">{made}</div>', LAB, width=1280)


def field(page, which):
    return page.get_by_role("application", name=re.compile(f"^{which}: arrow"))


def read_out(page, which):
    """What is written below a panel: value, place, more."""
    return (
        page.locator("output")
        .nth(PARTS.index(which))
        .evaluate("({ childNodes: [value, place, more] }) => [value, place, more].map((node) => node.textContent)")
    )


def point_at_bin(page, angle, radial, scanner=SCANNER, press=None):
    """Point at the middle of a bin; return where that is on the screen."""
    box = field(page, "sinogram").bounding_box()
    _, angles, bins = scanner.sinogram_shape
    at = box["x"] + (radial + 0.5) / bins * box["width"], box["y"] + (angle + 0.5) / angles * box["height"]
    (press or page.mouse.move)(*at)
    return at


def scales(page):
    """Read the axes of the image: from pixels on the screen to mm, as (slope, offset) for x and for y."""
    out = []
    for axis, key, size in ((".ps-x", "x", "width"), (".ps-y", "y", "height")):
        labels = page.locator(axis).nth(0).locator("span:not(.ps-name)")
        values = [float(text.replace("−", "-")) for text in labels.all_inner_texts()]
        boxes = [labels.nth(i).bounding_box() for i in (0, len(values) - 1)]
        middles = [box[key] + box[size] / 2 for box in boxes]
        slope = (values[-1] - values[0]) / (middles[1] - middles[0])
        out.append((slope, values[0] - slope * middles[0]))
    return out


def point_at_voxel(page, row, column, press=None):
    (ax, bx), (ay, by) = scales(page)
    at = (X[column] - bx) / ax, (Y[row] - by) / ay
    (press or page.mouse.move)(*at)
    return at


def mark(page, which):
    """Where on the screen the mark of the chosen place is."""
    box = field(page, which).locator(".ps-mark:not(.ps-ends)").last.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def line_in_mm(page):
    """Both ends of the line on the screen, in the units of the image's axes."""
    ends = page.locator(".ps-line").last.evaluate(
        """path => [0, path.getTotalLength()].map(at => {
          const p = path.getPointAtLength(at).matrixTransform(path.getScreenCTM()); return [p.x, p.y]; })"""
    )
    return [[a * end + b for end, (a, b) in zip(point, scales(page), strict=True)] for point in ends]


def curve(page):
    """What is drawn over the sinogram: a list of (angle, bin)."""
    numbers = re.findall(r"[ML](\S+) ([\d.]+)", page.locator(".ps-curve").last.get_attribute("d") or "")
    return [(int(float(angle)), int(float(radial))) for radial, angle in numbers]


@pytest.mark.parametrize("scanner", [SCANNER, SMALL], ids=["mMR", "small"])
def test_the_line_ends_on_the_two_crystals_of_the_bin_under_the_cursor(visit, scanner):
    _, angles, bins = scanner.sinogram_shape
    shown = sinoshow(scanner, np.eye(scanner.columns), np.ones((angles, bins)) * scanner.live())
    page = visit(shown._repr_html_(), width=1280)
    crystals, pairs = scanner.crystals(), scanner.bin_crystals()
    for angle, radial in ((0, bins // 2), (angles // 4, bins // 2 + 8), (angles // 2, 3), (angles - 1, bins - 1)):
        at = point_at_bin(page, angle, radial, scanner)
        np.testing.assert_allclose(mark(page, "sinogram"), at, atol=1)
        c0, c1 = (int(c[angle, radial]) for c in pairs)
        np.testing.assert_allclose(line_in_mm(page), crystals[[c0, c1]], atol=0.002 * scanner.radius + 0.05)
        _, place, more = read_out(page, "sinogram")
        assert place == f"angle {angle}, bin {radial}" and more.startswith(f"crystals {c0} and {c1}, ")


def test_a_bin_has_value_distance_and_angle(page, head):
    _, m = head
    for angle, radial in np.argwhere(LIVE & (m > m.max() / 2))[::1500].tolist():
        point_at_bin(page, angle, radial)
        value, _, more = read_out(page, "sinogram")
        assert value.endswith(" counts")
        assert float(value.split()[0]) == pytest.approx(m[angle, radial], abs=float(np.ptp(m)) / 510 * 1.02)
        (x0, y0), (x1, y1) = (CRYSTALS[c[angle, radial]] for c in PAIRS)
        distance = (x0 * y1 - x1 * y0) / np.hypot(x1 - x0, y1 - y0)
        assert np.sign(distance) == np.sign(radial - 172)
        turned = np.degrees(np.arctan2(x1 - x0, y1 - y0)) % 360  # clockwise from the top
        assert turned == pytest.approx(angle / 252 * 180, abs=1.5)
        want = rf"crystals \d+ and \d+, {distance:.1f} mm off axis, turned {turned:.1f}°"
        assert re.fullmatch(want.replace("-", "−"), more)
    browser.screenshot(page, "sinogram_light")


def test_the_curve_of_a_point_is_where_the_projector_finds_it(page):
    for row, column in ((142, 192), (172, 171), (120, 280)):
        image = np.zeros(SCANNER.image_shape, np.float32)
        image[0, row, column] = 1
        m = (Projector(SCANNER, device="cpu") @ image)[0]
        point_at_voxel(page, row, column)
        path = curve(page)
        assert [angle for angle, _ in path] == list(range(252))
        # far from the axis a line may miss the voxel: from some angles none passes through it
        seen = [(angle, radial) for angle, radial in path if LIVE[angle, radial] and m[angle].any()]
        assert len(seen) > 150
        assert all(m[angle, radial] > 0 for angle, radial in seen)
        # and the counts lie along it: no bin that counts is more than two from it
        assert all(np.abs(np.flatnonzero(m[angle]) - radial).max(initial=0) <= 2 for angle, radial in path)
    browser.screenshot(page, "sinogram_point")


def test_a_voxel_has_place_and_value_and_a_mark(page, head):
    image, _ = head
    for row, column in ((171, 172), (140, 150), (200, 190), (0, 0), (343, 343)):
        at = point_at_voxel(page, row, column)
        np.testing.assert_allclose(mark(page, "image"), at, atol=1)
        value, place, more = read_out(page, "image")
        assert place == f"row {row}, column {column}" and value.endswith(" kBq/mL")
        assert float(value.split()[0]) == pytest.approx(image[row, column], abs=float(np.ptp(image)) / 510 * 1.02)
        assert more.startswith(f"x {X[column]:.1f} mm, y {Y[row]:.1f} mm".replace("-", "−"))
    assert more.endswith(", seen by no line") and not curve(page)
    point_at_voxel(page, 171, 330)  # within the ring, but some angles have no bin for it
    assert 0 < len(curve(page)) < 252 and "seen by no line" not in read_out(page, "image")[2]


def test_pixels_are_the_arrays_and_gaps_are_marked(page, head):
    image, m = head
    got = [pixels(page, i, ".ps-field canvas") for i in (0, 1)]
    np.testing.assert_array_equal(got[0], coloured(image, "Greys_r", image.min(), image.max()))
    want = coloured(np.where(LIVE, m, m[LIVE].min()), "magma", m[LIVE].min(), m[LIVE].max())
    np.testing.assert_array_equal(got[1], np.where(LIVE[..., None], want, GAP))


def test_a_gap_never_counts(page):
    angle, radial = (int(i) for i in np.argwhere(~LIVE)[5000])
    point_at_bin(page, angle, radial)
    assert read_out(page, "sinogram")[:2] == ["gap: never counts", f"angle {angle}, bin {radial}"]
    assert page.locator(".ps-line").last.evaluate("p => getComputedStyle(p).strokeDasharray") != "none"
    browser.screenshot(page, "sinogram_gap")


def test_keys_move_and_stay_inside_and_are_not_the_slide_shows(page):
    page.evaluate("document.addEventListener('keydown', event => (window.heard ??= []).push(event.key))")
    steps = {"ArrowRight": (0, 1), "ArrowLeft": (0, -1), "ArrowDown": (1, 0), "ArrowUp": (-1, 0), "End": (0, 10),
             "Home": (0, -10), "PageDown": (10, 0), "PageUp": (-10, 0)}  # fmt: skip
    for which, counts in (("sinogram", LIVE.shape), ("image", (344, 344))):
        field(page, which).focus()
        after = [int(n) for n in re.findall(r"\d+", read_out(page, which)[1])]
        for key in (*steps, *["PageDown"] * 40, *["Home"] * 40):
            page.keyboard.press(key)
            before, after = after, [int(n) for n in re.findall(r"\d+", read_out(page, which)[1])]
            assert after == [min(max(b + s, 0), n - 1) for b, s, n in zip(before, steps[key], counts, strict=True)]
        assert after == [counts[0] - 1, 0]
    c0, c1 = (int(c[251, 0]) for c in PAIRS)
    np.testing.assert_allclose(line_in_mm(page), CRYSTALS[[c0, c1]], atol=1)
    assert page.evaluate("scrollY") == 0 and page.evaluate("window.heard") is None
    page.keyboard.press("Tab")
    assert page.evaluate("window.heard") == ["Tab"]  # nobody is caught


def test_a_place_is_held_by_click_or_enter_and_let_go(page):
    point_at_bin(page, 100, 150, press=page.mouse.click)
    point_at_bin(page, 30, 200)
    assert read_out(page, "sinogram")[1] == "angle 100, bin 150, held"
    point_at_voxel(page, 150, 180)  # the other panel is free
    assert read_out(page, "image")[1] == "row 150, column 180"
    page.keyboard.press("ArrowRight")  # the click gave the sinogram the focus
    assert read_out(page, "sinogram")[1] == "angle 100, bin 151, held"
    point_at_bin(page, 40, 210, press=page.mouse.click)
    point_at_bin(page, 30, 200)
    assert read_out(page, "sinogram")[1] == "angle 30, bin 200"
    field(page, "image").focus()
    page.keyboard.press("Enter")
    point_at_voxel(page, 10, 10)
    assert read_out(page, "image")[1] == "row 150, column 180, held"


def test_a_line_through_a_voxel_belongs_to_a_bin_on_its_curve(page):
    point_at_voxel(page, 150, 190, press=page.mouse.click)
    for angle, radial in curve(page)[::50]:
        point_at_bin(page, angle, radial)
        (x0, y0), (x1, y1) = line_in_mm(page)
        off = abs((x1 - x0) * (Y[150] - y0) - (X[190] - x0) * (y1 - y0)) / np.hypot(x1 - x0, y1 - y0)
        assert off < 2.2  # mm: half a bin, and what is lost in reading pixels


def test_a_tap_moves(visit, made):
    page = visit(made, width=1280, has_touch=True)
    for angle, radial in ((100, 150), (30, 200)):
        point_at_bin(page, angle, radial, press=page.touchscreen.tap)
        assert read_out(page, "sinogram")[1].startswith(f"angle {angle}, bin {radial}")
    point_at_voxel(page, 150, 190, press=page.touchscreen.tap)
    assert read_out(page, "image")[1].startswith("row 150, column 190")


def test_a_screen_reader_hears_keys_but_not_the_mouse(page):
    assert page.get_by_role("group", name="A head and its sinogram").is_visible()
    assert page.get_by_role("img", name=re.compile("colour bar from 0 to .* counts")).is_visible()
    output = page.locator("output").nth(1)
    field(page, "sinogram").focus()
    page.keyboard.press("ArrowRight")
    assert output.get_attribute("aria-live") == "polite"
    point_at_bin(page, 30, 200)
    assert output.get_attribute("aria-live") == "off"


def test_it_fits_the_page_in_its_colours_and_both_pictures_are_equally_wide(page):
    texts = page.locator(".pv-title, .ps-axis span, .pv-tick, output, output b, .ps-hint")
    page.emulate_media(color_scheme="dark")
    assert set(texts.evaluate_all("all => all.map(e => getComputedStyle(e).color)")) == {"rgb(255, 255, 255)"}
    for width in (1280, 900, 400):
        page.set_viewport_size({"width": width, "height": 720})
        boxes = [field(page, which).bounding_box() for which in PARTS]
        assert boxes[0]["width"] == pytest.approx(boxes[1]["width"], abs=1)
        assert all(b["width"] == pytest.approx(b["height"], abs=1) and b["width"] > 240 for b in boxes)
        assert (boxes[0]["y"] == pytest.approx(boxes[1]["y"], abs=1)) == (width > 560)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if width == 1280:  # a slide is 720 high and has a title
            assert page.locator(".ps").bounding_box()["height"] < 600
        browser.screenshot(page, f"sinogram_wide_{width}")


def test_where_no_script_runs_or_can_inflate_the_picture_stays(visit, made):
    page = visit(made, width=1280, java_script_enabled=False)
    picture = page.get_by_role("img", name="A head and its sinogram")
    assert picture.bounding_box()["width"] > 800 and page.locator("canvas").count() == 0
    browser.screenshot(page, "sinogram_no_scripts")
    page = visit("<script>delete window.DecompressionStream</script>" + made.replace("pv-root", "pv-root pv", 1))
    page.wait_for_selector("text=This browser shows one line only")
    assert page.get_by_role("img", name="A head and its sinogram").is_visible()
    assert "DecompressionStream" in visit.errors.pop()
