"""What `make site` and `make slides` have made, opened from the disk in a real Chromium that may ask for nothing.

It looks at whatever lies in build/: `make test-pages` makes it first, at small size.
"""

import re
import shutil
from itertools import pairwise
from pathlib import Path

import browser
import pytest

BUILD = Path(__file__).parents[2] / "build"
SITE, SLIDES, SCREENS = BUILD / "site", BUILD / "slides", BUILD / "screens"
NPM = BUILD.parent / "docs" / "node_modules"
PAGES, DECKS = sorted(SITE.glob("0*.html")), sorted(SLIDES.glob("0*.html"))

pytest.importorskip("playwright")
if not browser.find():
    pytest.skip("no Chromium here: install it, or name one in PETCOURSE_CHROMIUM", allow_module_level=True)
if not PAGES or not DECKS:
    npm = "" if shutil.which("npm") else ", which wants npm"
    pytest.skip(f"no pages or slides in build: make test-pages{npm}", allow_module_level=True)

SCREENS.mkdir(parents=True, exist_ok=True)
decks = pytest.mark.parametrize("path", DECKS, ids=lambda path: f"deck-{path.stem}")
themes = pytest.mark.parametrize("theme", ["light", "dark"])
both = pytest.mark.parametrize("path", [*PAGES, *DECKS], ids=lambda path: f"{path.parent.name}-{path.stem}")


@pytest.fixture
def visit(chromium):
    """Open a file; at the end it has tried to reach no address, and no script has failed."""
    pages, asked, errors = [], [], []

    def visit(path, query="", **options):
        page = browser.isolated(chromium, asked, errors, viewport={"width": 1280, "height": 720}, **options)
        pages.append(page)
        page.on("requestfailed", lambda request: errors.append(f"not there: {request.url[:200]}"))
        page.goto(path.as_uri() + query)
        if options.get("java_script_enabled", True) and path.stem != "index":
            page.wait_for_function("window.MathJax?.startup?.promise")
            page.evaluate("Promise.all([MathJax.startup.promise, document.fonts.ready]).then(() => true)")
            alive(page)
        return page

    yield visit
    for page in pages:
        page.context.close()
    assert not asked and not errors


def alive(page, scope="document"):
    page.wait_for_function(f"[...{scope}.querySelectorAll('.pv-root')].every(root => root.querySelector('.pv'))")


def screenshot(page, name, **options):
    page.screenshot(path=SCREENS / f"{name}.png", **options)


@both
def test_formulas_are_typeset_and_every_viewer_lives(visit, path):
    page = visit(path)
    assert page.locator("mjx-container svg").count() > 0 == page.locator("mjx-merror").count()
    words = page.locator(".words").evaluate_all("all => all.map(e => e.innerHTML.replace(/<code>.*?<\\/code>/gs, ''))")
    assert not [w for w in words if re.search(r"\$[^$<]*\$", w)]
    assert page.locator(".pv").count() > 0 or path.stem.startswith("00")
    assert page.locator("img:not([alt]), img[alt='']").count() == 0
    assert "application/vnd.jupyter.widget-view" not in page.content()
    assert "0%|" not in page.locator("body").inner_text()


CANVASES = "e => [...e.querySelectorAll('canvas.pv-image')].map(c => c.toDataURL())"


@pytest.mark.parametrize("folder", [SITE, SLIDES], ids=lambda folder: folder.name)
def test_the_keyboard_moves_a_viewer_and_no_slide(visit, folder):
    page = visit(folder / "01_data.html", "#/2" if folder == SLIDES else "")
    viewer = page.locator(".pv-root", has=page.get_by_text("T1", exact=True))
    before = viewer.evaluate(CANVASES)
    slider = viewer.get_by_role("slider", name="slice")
    slider.focus()
    value = int(slider.input_value())
    page.keyboard.press("ArrowRight")
    assert int(slider.input_value()) == value + 1
    assert len(before) == 4 and all(a != b for a, b in zip(before, viewer.evaluate(CANVASES), strict=True))
    if folder == SLIDES:
        assert page.evaluate("Reveal.getIndices()")["h"] == 2


@pytest.mark.parametrize("folder", [SITE, SLIDES], ids=lambda folder: folder.name)
def test_the_voxel_under_the_mouse_is_the_one_read_however_the_page_is_scaled(visit, folder):
    page = visit(folder / "01_data.html", "#/1/1" if folder == SLIDES else "")
    viewer = page.locator(".pv-root").first
    canvas = viewer.locator("canvas.pv-image")
    canvas.scroll_into_view_if_needed()
    page.wait_for_timeout(200)  # for the layout
    box, (width, height) = canvas.bounding_box(), canvas.evaluate("c => [c.width, c.height]")
    for y, x in ((0, 0), (height // 2, width // 3), (height - 1, width - 1)):
        page.mouse.move(box["x"] + (x + 0.5) / width * box["width"], box["y"] + (y + 0.5) / height * box["height"])
        assert re.search(rf"y {y}\b.*x {x}\b", viewer.locator(".pv-where").inner_text())


# What sticks out of a slide, is cut, or is too small: as text, for the message.
OVERFLOW = """() => {
  const slide = Reveal.getCurrentSlide(), frame = slide.getBoundingClientRect(), wrong = [];
  const seen = (e) => e.offsetParent && !e.closest("aside, details:not([open]) > :not(summary), .notes");
  if (slide.scrollHeight > slide.clientHeight || slide.scrollWidth > slide.clientWidth) wrong.push("slide");
  for (const e of slide.querySelectorAll("pre, table, img, p, li, h1, h2, summary, .pv, .pv *, mjx-container")) {
    const { right, bottom, width, height } = e.getBoundingClientRect();
    if (!seen(e) || !width || !height || e.closest(".pv-stage, .pv-bar")) continue;
    if (right > frame.right || bottom > frame.bottom) wrong.push(`${e.tagName} ${e.className} sticks out`);
    if (e.matches("pre") && e.scrollWidth > e.clientWidth + 1) wrong.push(`cut: ${e.textContent.slice(0, 40)}`);
    if (e.matches(".pv, .output > img") && height < 300) wrong.push(`a picture ${Math.round(height)} high`);
    if (e.matches("p, li, pre") && parseFloat(getComputedStyle(e).fontSize) < 15) wrong.push(`small: ${e.textContent.slice(0, 40)}`);
  }
  return wrong;
}"""


def slides(page):
    """Go through a deck, downwards too, with all fragments shown; yield the number of each slide."""
    number = 0
    while True:
        page.evaluate("() => { while (Reveal.nextFragment()); }")
        alive(page, "Reveal.getCurrentSlide()")
        page.wait_for_timeout(50)  # for viewers' and our own layout
        yield number
        if page.evaluate("Reveal.isLastSlide()"):
            return
        page.evaluate("Reveal.next()")
        number += 1


@decks
def test_no_slide_overflows(visit, path):
    page, wrong = visit(path), {}
    for number in slides(page):
        if found := page.evaluate(OVERFLOW):
            wrong[
                number, page.evaluate("Reveal.getCurrentSlide().querySelector('h1, h2, .continues')?.textContent")
            ] = found
        if number < 10:
            screenshot(page, f"slides_{path.stem}_{number:02d}")
    assert number == page.evaluate("Reveal.getTotalSlides()") - 1 > 5
    assert wrong == {}


def test_overflow_is_noticed(visit):
    page = visit(DECKS[0])
    assert page.evaluate(OVERFLOW) == []
    page.evaluate("Reveal.getCurrentSlide().style.setProperty('--scale', 3)")
    assert "slide" in page.evaluate(OVERFLOW)


def test_a_viewer_stays_on_its_slide_whatever_is_chosen_in_it(visit):
    page = visit(SLIDES / "01_data.html", "#/2")
    for name in ("coronal", "profile"):
        page.locator(".present").get_by_role("button", name=name).click()
        page.wait_for_timeout(200)
        assert not [wrong for wrong in page.evaluate(OVERFLOW) if not wrong.startswith("a picture")]  # may be smaller
    screenshot(page, "slides_viewer_profile")


def test_folded_code_opens_over_its_slide_and_stays_on_it(visit):
    page = visit(SLIDES / "02_simulation.html", "#/0/1")
    page.locator(".present summary").first.click()
    box = page.locator(".present details[open] .code").bounding_box()
    assert box["x"] > 0 and box["y"] > 0 and box["x"] + box["width"] < 1280 and box["y"] + box["height"] < 720
    assert page.evaluate(OVERFLOW) == []
    screenshot(page, "slides_code_opened")


@decks
def test_every_section_has_a_note_that_only_the_speaker_sees(visit, path):
    page = visit(path)
    sections = page.locator(".slides > section:not(:has(aside.notes))").locator("h1, h2").all_text_contents()
    assert set(sections) <= {"Exercises", "In this notebook", "What next"}
    assert page.locator("aside.notes:visible").count() == 0


def test_key_s_opens_the_speakers_view(visit):
    page = visit(DECKS[0])
    with page.context.expect_page() as opened:
        page.keyboard.press("s")
    view = opened.value
    view.wait_for_selector("text=make lab")
    screenshot(view, "slides_speaker")


def test_a_deck_prints_a_sheet_for_each_slide(visit):
    slides = visit(SLIDES / "01_data.html").evaluate("Reveal.getTotalSlides()")
    page = visit(SLIDES / "01_data.html", "?print-pdf")
    page.wait_for_selector(".pdf-page .pv")
    page.wait_for_timeout(300)  # for the layout of all slides
    sheets = page.locator(".pdf-page > section").evaluate_all(
        "all => all.map(s => [s.parentElement.offsetTop, s.scrollHeight <= s.clientHeight, getComputedStyle(s).paddingLeft])"
    )
    assert sheets == [[719 * k, True, "56px"] for k in range(slides)]
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    (SCREENS / "slides_01_data.pdf").write_bytes(printed)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == slides


def test_the_switch_changes_the_theme_and_the_next_page_keeps_it(visit):
    page = visit(SITE / "index.html", color_scheme="light")
    page.get_by_role("button", name="Dark or light").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 29)"
    page.get_by_role("link", name="1 Data").click()
    page.wait_for_url("**/01_data.html")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 29)"


def test_a_narrow_screen_scrolls_no_page_sideways(visit):
    page = visit(SITE / "02_simulation.html")
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    screenshot(page, "site_narrow")


@both
def test_without_scripts_words_and_pictures_can_be_read(visit, path):
    page = visit(path, java_script_enabled=False)
    shown = page.locator("h1:visible, h2:visible, img:visible")
    assert shown.count() == page.locator("h1, h2, img").count() > 3
    boxes = [shown.nth(i).bounding_box() for i in range(shown.count())]
    assert all(a["y"] + a["height"] <= b["y"] + 1 for a, b in pairwise(boxes))
    if path.stem.startswith("01"):
        screenshot(page, f"{path.parent.name}_without_scripts", full_page=True)


def test_links_between_pages_lead_somewhere():
    for path in [*SITE.glob("*.html"), *SLIDES.glob("*.html")]:
        for link in re.findall(r'(?:href|src)="([^"#:]+\.\w+)"', path.read_text("utf-8")):
            assert (path.parent / link).exists(), f"{path}: {link}"


# Rules, and places where they are broken, as axe-core finds them: what bars somebody from the page.
AXE = """async () => (await axe.run(document, {resultTypes: ["violations"], preload: false})).violations
  .filter(({impact}) => ["serious", "critical"].includes(impact))
  .map(({id, help, nodes}) => `${id}: ${help}: ${nodes.map(({target, any}) =>
    `${target.join(" ")} (${any.map(({message}) => message).join("; ")})`).join(", ")}`)"""


def barriers(page):
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=NPM / "axe-core" / "axe.min.js")
    return page.evaluate(AXE)


@themes
@pytest.mark.parametrize(
    "path", [SITE / "index.html", SLIDES / "index.html", *PAGES], ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_pages_are_readable_and_have_no_serious_barrier(visit, path, theme):
    page = visit(path, color_scheme=theme)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[theme]
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    screenshot(page, f"{path.parent.name}_{path.stem}_{theme}", full_page=True)
    page.evaluate("document.querySelectorAll('details').forEach(e => (e.open = true))")
    found = barriers(page)
    assert not found, "\n".join(found)


@themes
@decks
def test_slides_have_no_serious_barrier(visit, path, theme):
    page, found = visit(path), []
    page.add_style_tag(content="* { transition: none !important }")  # half faded in, anything is pale
    if theme == "dark":
        page.keyboard.press("d")
        screenshot(page, f"slides_{path.stem}_dark")
    for number in slides(page):
        found += [f"slide {number}: {wrong}" for wrong in barriers(page)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ("document.querySelector('img').removeAttribute('alt')", "image-alt"),
        ("document.querySelector('p').style.color = 'rgb(170, 170, 170)'", "color-contrast"),
        ("document.querySelector('main').append(document.createElement('button'))", "button-name"),
        ("document.documentElement.removeAttribute('lang')", "html-has-lang"),
    ],
)
def test_barriers_are_noticed(visit, broken, rule):
    page = visit(SITE / "01_data.html", color_scheme="light")
    page.evaluate(broken)
    assert [found for found in barriers(page) if found.startswith(rule)]


# Whether what has the focus is seen to have it; null at the end of the page.
REACHED = """() => {
  const e = document.activeElement, lined = (x) => x && getComputedStyle(x).outlineStyle !== "none";
  if (e !== document.body) e.dataset.reached = lined(e) || lined(e.closest(".pv-stage"));
  return e === document.body ? null : e.dataset.reached;
}"""


def test_the_keyboard_reaches_everything_on_a_page_and_shows_where_it_is(visit):
    page = visit(SITE / "02_simulation.html")
    page.keyboard.press("Tab")
    while page.evaluate(REACHED):
        page.keyboard.press("Tab")
    for kind in ("a[href]", "button:enabled", "input:enabled", "summary", "canvas.pv-image", ".ps-field"):
        assert page.locator(f"{kind}:visible").count() > 0, kind
        missed = page.locator(f"{kind}:not([data-reached='true']):visible").evaluate_all(
            "all => all.map(e => e.outerHTML)"
        )
        assert not missed, missed


def test_the_space_bar_opens_what_is_folded_and_turns_no_slide(visit):
    page = visit(SLIDES / "02_simulation.html", "#/0/1")
    page.locator(".present summary").first.focus()
    page.keyboard.press("Space")
    assert page.locator(".present details[open]").count() == 1
    page.keyboard.press("Space")
    assert page.locator("details[open]").count() == 0
    page.evaluate("document.activeElement.blur()")
    assert page.evaluate("Reveal.getIndices().v") == 1
    page.keyboard.press("Space")
    assert page.evaluate("Reveal.getIndices().v") != 1 or page.locator(".present .fragment.visible").count() > 0
