"""The form of the notebooks. Each rule returns its complaints; each is shown to complain about a bad notebook."""

import copy
import json
import re
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LONG, LONGEST, COLUMNS = 15, 20, 79  # lines of a code cell (usual, most), columns of a line (slides cut longer ones)


def text(cell):
    return "".join(cell["source"])


def code_cells(nb):
    return [(i, text(cell)) for i, cell in enumerate(nb["cells"]) if cell["cell_type"] == "code"]


def words(nb):
    return "\n".join(text(cell) for cell in nb["cells"] if cell["cell_type"] == "markdown")


def is_valid_with_ids(nb, number):
    ids = [cell.get("id") for cell in nb["cells"]]
    if not all(ids) or len(set(ids)) < len(ids):
        return ["a cell without an id, or two with the same"]
    try:
        nbformat.validate(nb)
    except nbformat.ValidationError as error:
        return [str(error).splitlines()[0]]
    return []


def is_stored_without_outputs_for_the_usual_kernel(nb, number):
    cells = [cell for cell in nb["cells"] if cell["cell_type"] == "code"]
    stored = [text(c).split("\n")[0] for c in cells if c["outputs"] or c["execution_count"] is not None]
    kernel = nb["metadata"].get("kernelspec", {}).get("name")
    stored += ["widget state"] if "widgets" in nb["metadata"] else []
    return stored + ([] if kernel == "python3" else [f"kernel {kernel!r}"])


def has_words_before_code(nb, number):
    kinds = ["none"] + [cell["cell_type"] for cell in nb["cells"]]
    return [f"cell {i}" for i, _ in code_cells(nb) if kinds[i] != "markdown"]


def has_short_cells(nb, number):
    sizes = {i: len(source.split("\n")) for i, source in code_cells(nb)}
    complaints = [f"cell {i} has {size} lines" for i, size in sizes.items() if size > LONGEST]
    if sum(size > LONG for size in sizes.values()) > 0.1 * len(sizes):
        complaints.append(f"more than a tenth of the code cells has over {LONG} lines: {sizes}")
    return complaints + [line for _, source in code_cells(nb) for line in source.split("\n") if len(line) > COLUMNS]


def has_title_objectives_budget_and_summary(nb, number):
    first = text(nb["cells"][0]) if nb["cells"][0]["cell_type"] == "markdown" else ""
    opening = [rf"\A# {number}\b.*\w", r"You will", r"(?s)(^[-*] .*){3}", r"\b\d+\s*(s|min|minutes?|seconds?)\b"]
    opening += [r"(?i)\d\s*(MB|GB)\b.*memory|memory.*\d\s*(MB|GB)\b"]
    missing = [pattern for pattern in opening if not re.search(pattern, first, re.MULTILINE)]
    closing = [rf"^## {name}" for name in ("In this notebook", "What next")]
    return missing + [pattern for pattern in closing if not re.search(pattern, words(nb), re.MULTILINE)]


def has_slide_types(nb, number):
    types = [cell["metadata"].get("slideshow", {}).get("slide_type") for cell in nb["cells"]]
    known = {"slide", "subslide", "fragment", "skip", "notes", "-"}
    return [f"cell {i}: slide type {kind!r}" for i, kind in enumerate(types) if kind not in known]


# The one cell that installs, and on Colab only; OWNER stands there until `make address` is run.
COLAB = """# On Colab this installs the course; elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    %pip install -q --no-deps git+https://github.com/OWNER/petcourse
    %pip install -q anywidget brainweb nvidia-ml-py pylops"""


def is_colab(source):
    return re.sub(r"github\.com/[\w.-]+/[\w.-]+", "github.com/OWNER/petcourse", source) == COLAB


def opens_on_colab(nb, number):
    second = nb["cells"][1]
    complaints = [] if is_colab(text(second)) else ["the second cell does not install on Colab"]
    return complaints + ([] if second["metadata"].get("tags") == ["colab"] else ["it is not tagged colab"])


HACKS = {
    "path hack": r"sys\.path|os\.chdir|^\s*%cd|PYTHONPATH",
    "loads or installs": r"^\s*[%!].*\b(load|pip|conda|run)\b|^\s*!|subprocess",
    "absolute path": r"""["'](/\w|~/|[A-Za-z]:[\\/])""",
    "warnings filtered away": r"filterwarnings|simplefilter|%%capture",
    "error swallowed": r"except[^\n]*:\s*(pass|\.\.\.)|except\s*:|suppress\(",
    "breaks Run All": r"raise NotImplementedError",
}


def has_no_hacks(nb, number):
    code = [(i, source) for i, source in code_cells(nb) if not is_colab(source)]
    return [
        f"cell {i}: {name}" for i, source in code for name, p in HACKS.items() if re.search(p, source, re.MULTILINE)
    ]


def links_to_notebooks_that_exist(nb, number):
    return [link for link in re.findall(r"\]\(([^)#:]+\.ipynb)", words(nb)) if not (FOLDER / link).exists()]


def shows_figures_with_words(nb, number):
    """Between the making of a figure and that of the next stands `show`, which wants its alt text."""
    source = "\n".join(source for _, source in code_cells(nb))
    made = re.split(r"plt\.(?:subplots|figure)\(", source)[1:]
    bare = [rest.strip()[:60] for rest in made if not re.search(r"\bshow\(figure, (?:at=\w+,\s+)?alt=", rest)]
    return bare + re.findall(r"plt\.show|display\(figure.*|\w+\.update\(figure.*", source)


def has_headings_in_order(nb, number):
    plain = re.sub(r"^```.*?^```", "", words(nb), flags=re.MULTILINE | re.DOTALL)
    levels = [len(marks) for marks in re.findall(r"^(#+) ", plain, re.MULTILINE)]
    jumps = [f"level {b} follows {a}" for a, b in pairwise([0, *levels]) if b > a + 1]
    return jumps + (["more than one title"] if levels.count(1) > 1 else [])


def numbering(names):
    """Names are NN_lower_case.ipynb, counted from 00 without a hole."""
    complaints = [name for name in names if not re.fullmatch(r"\d\d_[a-z0-9_]+\.ipynb", name)]
    numbers = sorted(name[:2] for name in names)
    return complaints + ([] if numbers == [f"{i:02d}" for i in range(len(names))] else [f"numbers {numbers}"])


def cell(kind, source):
    new = {"cell_type": kind, "id": f"c{abs(hash(source))}", "metadata": {}, "source": source}
    new["metadata"]["slideshow"] = {"slide_type": "slide"}
    return new if kind == "markdown" else {**new, "outputs": [], "execution_count": None}


TITLE = "# 7 A title\nYou will\n- see,\n- think,\n- act.\n\nTime: 3 minutes. Memory: 1.5 GB."
GOOD = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}},
    "cells": [
        cell("markdown", TITLE),
        {**cell("code", COLAB), "metadata": {"slideshow": {"slide_type": "skip"}, "tags": ["colab"]}},
        cell("markdown", "## A question?"),
        cell("code", "theta = 1  # 'a/b'\nassert theta\nfigure, axes = plt.subplots()\nshow(figure, alt='A line')"),
        cell("markdown", "## In this notebook\nA.\n\n## What next\nB, at https://example.org/x.ipynb."),
    ],
}


def at(*keys, value):
    """A change of the good notebook: the value at these keys."""

    def change(nb):
        for key in keys[:-1]:
            nb = nb[key]
        nb[keys[-1]] = value

    return change


def sources(rule, i, *texts):
    return [(rule, at("cells", i, "source", value=text)) for text in texts]


BUDGET, FIGURE = has_title_objectives_budget_and_summary, "figure, axes = plt.subplots()\n"
BAD = [
    (is_valid_with_ids, at("cells", 3, "cell_type", value="prose")),
    (is_valid_with_ids, lambda nb: nb["cells"][0].pop("id")),
    (is_valid_with_ids, lambda nb: nb["cells"].append(nb["cells"][0])),
    (is_stored_without_outputs_for_the_usual_kernel, at("cells", 3, "execution_count", value=1)),
    (is_stored_without_outputs_for_the_usual_kernel, at("cells", 3, "outputs", value=[{"output_type": "stream"}])),
    (is_stored_without_outputs_for_the_usual_kernel, at("metadata", "widgets", value={})),
    (is_stored_without_outputs_for_the_usual_kernel, at("metadata", "kernelspec", "name", value="my-env")),
    (has_words_before_code, lambda nb: nb["cells"].insert(3, nb["cells"][3])),
    (has_words_before_code, lambda nb: nb["cells"].pop(0)),
    *sources(has_short_cells, 3, "x\n" * 21, "x\n" * 16, "x" * 80),
    (BUDGET, lambda nb: nb["cells"].pop(0)),
    *sources(BUDGET, 0, TITLE.replace("# 7", "# 8"), TITLE.replace("You will", "We"), TITLE.replace("- act.", "")),
    *sources(BUDGET, 0, TITLE.replace("3 minutes", "short"), TITLE.replace("GB", "much")),
    *sources(BUDGET, 4, "## What next\nB.", "## In this notebook\nWhat next"),
    (has_slide_types, at("cells", 4, "metadata", value={})),
    (has_slide_types, at("cells", 4, "metadata", "slideshow", "slide_type", value="page")),
    (opens_on_colab, lambda nb: nb["cells"].pop(1)),
    *sources(opens_on_colab, 1, COLAB + " numpy"),
    (opens_on_colab, at("cells", 1, "metadata", "tags", value=[])),
    *sources(has_no_hacks, 1, COLAB.replace("if ", "if not ")),
    *sources(has_no_hacks, 3, "import sys\nsys.path.append('..')", "os.chdir('..')", "%load snippets/a.py"),
    *sources(has_no_hacks, 3, "%pip install petcourse", "!ls", "open('/data/subject.bin')", "open('C:\\\\data')"),
    *sources(has_no_hacks, 3, "warnings.filterwarnings('ignore')", "try:\n    f()\nexcept ValueError:\n    pass"),
    *sources(has_no_hacks, 3, "raise NotImplementedError"),
    *sources(links_to_notebooks_that_exist, 4, "[next](99_nowhere.ipynb)"),
    *sources(shows_figures_with_words, 3, FIGURE, FIGURE * 2 + "show(figure, alt='A line')", FIGURE + "show(figure)"),
    *sources(shows_figures_with_words, 3, FIGURE + "show(figure, alt='A line')\nplt.show()"),
    *sources(has_headings_in_order, 4, "#### In this notebook\n## What next", "# In this notebook\n## What next"),
]
RULES = list(dict.fromkeys(rule for rule, _ in BAD))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_notebook(path, rule):
    assert rule(json.loads(path.read_text(encoding="utf-8")), int(path.name[:2])) == []


def test_a_good_notebook_passes():
    assert {rule.__name__: rule(copy.deepcopy(GOOD), 7) for rule in RULES if rule(copy.deepcopy(GOOD), 7)} == {}


@pytest.mark.parametrize(("rule", "change"), BAD, ids=[f"{rule.__name__}-{i}" for i, (rule, _) in enumerate(BAD)])
def test_a_bad_notebook_is_noticed(rule, change):
    nb = copy.deepcopy(GOOD)
    change(nb)
    assert rule(nb, 7)


def test_notebooks_are_numbered_without_holes():
    assert NOTEBOOKS
    assert numbering([path.name for path in NOTEBOOKS]) == numbering(["00_a.ipynb", "01_b.ipynb"]) == []
    for names in (["01_a.ipynb"], ["00_a.ipynb", "02_b.ipynb"], ["00_a.ipynb", "00_b.ipynb"], ["00 A.ipynb"]):
        assert numbering(names)


def test_colab_installs_from_where_the_readme_says():
    """Only `make address` changes it, in all of them at once."""
    (address,) = {a for path in NOTEBOOKS for a in re.findall(r"github\.com/(\S+/\S+?)\\n", path.read_text("utf-8"))}
    assert f"github/{address}/blob/main/notebooks" in (FOLDER.parent / "README.md").read_text(encoding="utf-8")
