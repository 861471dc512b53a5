"""Make pages or slides that need no network: ``python scripts/pages.py {site,slides} EXECUTED FOLDER``.

EXECUTED holds executed notebooks (``make run``); FOLDER gets a page for each, an index, and in ``shared/`` all that
they load: fonts, MathJax and reveal.js from ``docs/node_modules`` (``npm ci``), and our own style.
"""

import re
import shutil
import sys
from base64 import b64decode
from pathlib import Path

import jinja2
import nbformat
from nbconvert.exporters import HTMLExporter, SlidesExporter

DOCS = Path(__file__).parents[1] / "docs"
NPM = DOCS / "node_modules"
SHARED = {
    NPM / "@fontsource-variable/source-sans-3": [
        "wght.css",
        "wght-italic.css",
        "files/*latin-wght*",
        "files/*greek-wght*",
        "LICENSE",
    ],
    NPM / "@fontsource-variable/source-code-pro": ["wght.css", "files/*latin-wght-normal*", "LICENSE"],
    NPM / "mathjax": ["es5/tex-svg.js", "LICENSE"],  # one file: formulas as SVG need no fonts
    NPM / "reveal.js": ["dist/reveal.css", "dist/reveal.js", "dist/plugin/notes.js", "LICENSE"],
    DOCS: ["pages.css", "site.css", "slides.css", "slides.js", "noscript.css"],
}
# The viewer's outputs carry HTML that works alone beside a live widget that does not.
PRIORITY = ["text/html", "image/svg+xml", "image/png", "text/markdown", "text/latex", "text/plain"]
CONTROLS = "<p><em>Here the notebook has controls, which need a running kernel.</em></p>"


def prepare(node):
    """Make an executed notebook fit for a page: links, headings, and no outputs that only a kernel brings to life."""
    node.cells = [cell for cell in node.cells if "colab" not in cell.metadata.get("tags", [])]  # it installs the course
    heading = title = node.cells[0].source.split("\n")[0].strip("# ")
    for cell in node.cells:
        cell.source = re.sub(r"\]\((\w+)\.ipynb", r"](\1.html", cell.source)
        if cell.cell_type == "markdown":
            cell.metadata.continues = "" if cell.source.startswith("#") else heading
            heading = next(iter(re.findall(r"^##? (.*)", cell.source, re.MULTILINE)), heading)
        else:
            cell.metadata.heading = heading
            cell.outputs = joined([output for output in map(still, cell.outputs) if output])
            cell.metadata.pictures = any(map(is_picture, cell.outputs))
            for output in cell.outputs:
                output.long = not is_picture(output) and written(output).count("\n") > 24
    node.metadata.title = title
    return node


def joined(outputs):
    """Return outputs with what was printed in one go in one piece, also where a progress bar stood between."""
    out = []
    for output in outputs:
        if out and output.get("name", 0) == out[-1].get("name", 1):
            out[-1].text += output.text
        elif out and output.get("data") == out[-1].get("data") == {"text/html": CONTROLS}:
            pass  # several controls, said once
        else:
            out.append(output)
    return out


def is_picture(output):
    data = output.get("data", {})
    markup = data.get("text/html", "")  # a viewer, or a figure shown with its alt text
    return any(kind.startswith("image/") for kind in data) or "pv-root" in markup or markup.startswith("<img ")


def written(output):
    return output.get("text") or output.get("data", {}).get("text/plain", "")


def still(output):
    """Return an output as a page can show it, or None: a progress bar that has ended."""
    data = output.get("data", {})
    if "application/vnd.jupyter.widget-view+json" not in data:
        return output
    if "text/html" not in data:
        if "%|" in data.get("text/plain", ""):
            return None
        output.data = {"text/html": CONTROLS}
    return output


def summary(path, node):
    """Return what the index says of a notebook."""
    first = node.cells[0].source
    return {
        "name": path.stem,
        "title": node.metadata.title,
        "objectives": re.findall(r"^- (.*?)[;.]?$", first, re.MULTILINE),
        "took": node.metadata.get("petcourse", {}),
    }


def portrait(nodes):
    """Return the widest picture of a viewer, which opens the index; nothing where there is none."""
    pages = [
        output.get("data", {}).get("text/html", "") for n in nodes for c in n.cells for output in c.get("outputs", [])
    ]
    stills = [re.search(r"<img .*?base64,(.*?)\".*?>", page, re.DOTALL) for page in pages if "pv-root" in page]
    # a PNG holds its width in bytes 16 to 19
    return max(stills, key=lambda still: b64decode(still[1][:32])[16:20], default=[""])[0]


def main(kind, executed, folder):
    shutil.rmtree(folder, ignore_errors=True)
    for origin, patterns in SHARED.items():
        for source in (path for pattern in patterns for path in origin.glob(pattern)):
            target = folder / "shared" / (origin.name if origin != DOCS else "") / source.relative_to(origin)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    paths = [path for path in sorted(executed.glob("*.ipynb")) if (DOCS.parent / "notebooks" / path.name).exists()]
    nodes = [prepare(nbformat.read(path, as_version=4)) for path in paths]
    course = [summary(path, node) for path, node in zip(paths, nodes, strict=True)]
    exporter = (SlidesExporter if kind == "slides" else HTMLExporter)(
        extra_template_paths=[str(DOCS / "templates")], template_file=f"{kind}.html.j2", exclude_anchor_links=True
    )
    exporter.config.NbConvertBase.display_data_priority = PRIORITY
    for k, (path, node) in enumerate(zip(paths, nodes, strict=True)):
        around = {"before": course[k - 1] if k else None, "after": course[k + 1] if k + 1 < len(course) else None}
        page, _ = exporter.from_notebook_node(node, {"course": around, "metadata": {"name": path.stem}})
        (folder / f"{path.stem}.html").write_text(page, encoding="utf-8")
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(DOCS / "templates"), autoescape=True)
    index = environment.get_template("index.html.j2")
    picture = portrait(nodes[3:4])  # MLEM
    (folder / "index.html").write_text(index.render(kind=kind, course=course, picture=picture), encoding="utf-8")
    print(f"{len(paths)} {'decks' if kind == 'slides' else 'pages'} and {folder / 'index.html'}")


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("site", "slides"):
        raise SystemExit(__doc__)
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
