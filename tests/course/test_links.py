"""Links between the project's own pages lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [page for folder in ("", "docs/", "benchmarks/") for page in sorted(ROOT.glob(f"{folder}*.md"))]


def anchors(path):
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}


def broken(page):
    out = []
    for link in re.findall(r"\]\((?!\w+:)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            out.append(link)
    return out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert broken(page) == []


def test_a_broken_link_is_noticed(tmp_path):
    page = tmp_path / "a.md"
    page.write_text("# A title, of sorts\n[a](b.md) [c](#a-title-of-sorts) [d](#nothing) [e](https://example.org)")
    assert broken(page) == ["b.md", "#nothing"]


def test_the_picture_of_the_code_shows_every_module_and_no_other():
    picture = re.search(r"^```\n(.*?)^```", (ROOT / "docs/code.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)[1]
    shown = set()
    for words in (line.partition("#")[0].split() for line in picture.splitlines()):
        if words and words[0].endswith("/"):
            folder, *words = words
        shown |= {("" if folder == "petcourse/" else folder) + name for name in words}
    package = ROOT / "petcourse"
    paths = [path for ending in ("py", "js", "cu") for path in package.rglob(f"[!_]*.{ending}")]
    assert shown == {path.relative_to(package).with_suffix("").as_posix() for path in paths}
