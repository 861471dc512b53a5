"""The layout of petcourse/, read from its imports: a folder for each lesson, which stands on those below it only."""

import ast
import json
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
# What each folder (or file at the top) may import, from the ground up: eight floors, and three rooms beside them.
BELOW = {
    "errors": "",
    "cache": "errors",
    "hardware": "errors cache",
    "scan": "errors cache hardware",
    "data": "errors cache hardware scan",
    "reconstruction": "errors cache hardware scan data",
    "learning": "errors cache hardware scan data reconstruction",
    "ideas": "errors cache hardware scan data reconstruction learning",
    "exchange": "errors cache hardware scan",
    "viewer": "errors hardware",
    "exercises": "errors cache hardware scan data reconstruction learning",
}
PYTHON, JAVASCRIPT, MODULE = 60, 120, 220  # most lines of a function without its docstring, and of a module


def tree(folder):
    """The text of each file under a folder, by its path there; a file that is no text, such as the heads, is empty."""
    paths = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    text = {".py", ".js"}
    return {p.relative_to(folder).as_posix(): p.read_text("utf-8") if p.suffix in text else "" for p in paths}


def dotted(path):
    """The name by which a file is imported: scan/psf.py is petcourse.scan.psf, scan/__init__.py is petcourse.scan."""
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(("petcourse", *(parts[:-1] if parts[-1] == "__init__" else parts)))


class Package:
    """The files of a package; by the dotted name of each Python file its syntax, and what it takes from the others."""

    def __init__(self, files):
        self.files = files
        self.modules = {dotted(path): ast.parse(text) for path, text in files.items() if path.endswith(".py")}
        self.folders = {dotted(path) for path in files if path.endswith("__init__.py")}
        self.taken = {name: names_taken(name, syntax, self.folders) for name, syntax in self.modules.items()}
        self.files_below = {a: {self.home(b) for b in taken} - {a} for a, taken in self.taken.items()}
        self.rooms_below = {}
        for a, targets in self.files_below.items():
            self.rooms_below.setdefault(room(a), set()).update(map(room, targets))
        del self.rooms_below[""]  # petcourse itself hands on names of all floors
        self.rooms_below = {a: targets - {a, ""} for a, targets in self.rooms_below.items()}

    def home(self, name):
        """The file in which a dotted name is looked up: the longest part of it that is a file."""
        while name not in self.modules:
            name = name.rpartition(".")[0]
        return name


def room(name):
    """The folder, or the file at the top: scan of petcourse.scan.psf."""
    return "".join(name.split(".")[1:2])


def names_taken(name, syntax, folders=()):
    """What a file takes from the package, anywhere in it, as dotted names: petcourse.scan.psf.PSF, or a module's own.

    A module that was imported is followed to the names that are taken from it, as in ``psf.FWHM_PER_SIGMA``.
    """
    here = (name if name in folders else name.rpartition(".")[0]).split(".")
    bound, out = {}, []
    for node in ast.walk(syntax):
        if isinstance(node, ast.Import):
            out += [alias.name for alias in node.names]
            bound |= {
                a.asname or a.name.split(".")[0]: a.name if a.asname else a.name.split(".")[0] for a in node.names
            }
        elif isinstance(node, ast.ImportFrom):
            above = here[: len(here) + 1 - node.level] if node.level else []
            names = {alias: ".".join(filter(None, [*above, node.module, alias.name])) for alias in node.names}
            out += names.values()
            bound |= {alias.asname or alias.name: name for alias, name in names.items()}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            out += [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
    for node in ast.walk(syntax):
        if isinstance(node, ast.Attribute):
            first, _, rest = ast.unparse(node).partition(".")
            out += [f"{bound[first]}.{rest}"] if first in bound else []
    return sorted({name for name in out if name.startswith("petcourse.")})


def circle(arrows):
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return [" -> ".join(error.args[1])]
    return []


def a_circle_of_files(package):
    return circle(package.files_below)


def a_circle_of_folders(package):
    return circle(package.rooms_below)


def an_arrow_up(package):
    arrows = [(a, b) for a, rooms in package.rooms_below.items() for b in sorted(rooms)]
    return [f"{a} imports {b}" for a, b in arrows if b not in BELOW.get(a, "").split()]


def a_place_that_the_plan_does_not_have(package):
    rooms = {path.split("/")[0].removesuffix(".py") for path in package.files} - {"__init__"}
    return sorted(rooms - set(BELOW)) + [path for path in package.files if path.count("/") > 1]


def an_import_from_the_top(package):
    """A lazy name of the top hides the floor that it comes from; only the version is there for all."""
    return [
        f"{name} takes {target}"
        for name, taken in package.taken.items()
        for target in taken
        if package.home(target) == "petcourse" != name and not target.startswith("petcourse.__")
    ]


def is_private(name):
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def a_private_name_of_another_file(package):
    return [
        f"{name} takes {target}"
        for name, taken in package.taken.items()
        for target in taken
        if is_private(target) and package.home(target) != name
    ]


def an_init_that_defines(package):
    """It holds a docstring, imports from its own files, and __all__."""
    out = []
    for folder in sorted(package.folders - {"petcourse"}):
        for node in package.modules[folder].body:
            text = ast.unparse(node)
            words = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if not (words or text.startswith((f"from {folder}.", "from .", "__all__ = ", "__all__ += "))):
                out.append(f"{folder}: {text.splitlines()[0]}")
    return out


def a_file_named_like_what_is_handed_on(package):
    """Importing the file would put it in the place of the function of the same name."""
    handed = set()
    for folder in package.folders:
        imports = [node for node in package.modules[folder].body if isinstance(node, ast.ImportFrom)]
        handed |= {f"{folder}.{alias.asname or alias.name}" for node in imports for alias in node.names}
    (lazy,) = re.findall(r"_MODULE_OF = (\{.*?\})", package.files["__init__.py"], re.DOTALL)
    handed |= {f"petcourse.{name}" for name in ast.literal_eval(lazy)}
    return sorted(handed & set(package.modules))


def a_long_module(package):
    return [path for path, text in package.files.items() if path.endswith(".py") and text.count("\n") > MODULE]


def a_long_function(package):
    """In Python by its syntax, in JavaScript from the line that opens it to the brace below."""
    out = []
    for name, syntax in package.modules.items():
        for node in ast.walk(syntax):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                words = node.body[0].end_lineno - node.body[0].lineno + 1 if ast.get_docstring(node) else 0
                out += [f"{name}.{node.name}"] if node.end_lineno - node.lineno + 1 - words > PYTHON else []
    for path, text in package.files.items():
        if path.endswith(".js"):
            functions = re.finditer(r"^( *)(?=\S).*(?:function|=>).*\{\n(?:(?!\1\}).*\n)*", text, re.MULTILINE)
            out += [f"{path}: {f[0].splitlines()[0]}" for f in functions if f[0].count("\n") >= JAVASCRIPT]
    return out


GOOD = {
    "__init__.py": '_MODULE_OF = {"Scanner": "scan.scanner", "PSF": "scan.psf"}\n__version__ = "1"',
    "cache.py": "import petcourse\nprint(petcourse.__version__)",
    "hardware/__init__.py": '"""Notebook 00."""\n\nfrom petcourse.hardware.gpu import name\n\n__all__ = ["name"]',
    "hardware/gpu.py": "from petcourse import cache, __version__\n_x = cache.folder()",
    "scan/__init__.py": "",
    "scan/scanner.py": "import numpy as np",
    "scan/psf.py": "from petcourse.scan import scanner\nfrom petcourse.hardware import gpu\nscanner.__doc__, gpu.name",
    "viewer/__init__.py": "",
    "viewer/page.py": "from ..hardware.gpu import name",
    "viewer/page.js": "function draw() {\n}\n",
}
LATE = "def f():\n    from petcourse.{} import {}"
BAD = [
    (a_circle_of_files, {"scan/rays.py": LATE.format("scan.psf", "x"), "scan/psf.py": "from .rays import y"}),
    (a_circle_of_files, {"scan/scanner.py": "import petcourse.scan.psf"}),
    (a_circle_of_files, {"scan/scanner.py": "def f():\n    import_module('petcourse.scan.psf')"}),
    (a_circle_of_folders, {"hardware/device.py": LATE.format("scan", "scanner")}),
    (an_arrow_up, {"hardware/device.py": "from petcourse.scan.scanner import whole"}),
    (an_arrow_up, {"hardware/device.py": "from ..scan import scanner"}),
    (an_arrow_up, {"cache.py": LATE.format("hardware", "name")}),
    (an_arrow_up, {"viewer/panel.py": "from petcourse.scan.scanner import whole"}),
    (an_arrow_up, {"scan/scanner.py": "import petcourse.exercises.data", "exercises/data.py": ""}),
    (a_place_that_the_plan_does_not_have, {"utils.py": ""}),
    (a_place_that_the_plan_does_not_have, {"extra/psf.py": ""}),
    (a_place_that_the_plan_does_not_have, {"scan/rays/table.py": ""}),
    (an_import_from_the_top, {"scan/size.py": "from petcourse import Scanner"}),
    (an_import_from_the_top, {"scan/size.py": "import petcourse as p\np.Scanner()"}),
    (a_private_name_of_another_file, {"scan/size.py": "from petcourse.hardware.gpu import _x"}),
    (a_private_name_of_another_file, {"scan/size.py": "from ..hardware import gpu as g\ng._x"}),
    (a_private_name_of_another_file, {"scan/size.py": "import petcourse.hardware.gpu\npetcourse.hardware.gpu._x()"}),
    (an_init_that_defines, {"scan/__init__.py": "def whole(x):\n    return x"}),
    (an_init_that_defines, {"scan/__init__.py": "SIZE = 3"}),
    (a_file_named_like_what_is_handed_on, {"hardware/name.py": ""}),
    (a_file_named_like_what_is_handed_on, {"PSF.py": ""}),
    (a_long_module, {"scan/size.py": "x = 1\n" * 221}),
    (a_long_function, {"scan/size.py": "class A:\n    def f():\n" + "        x = 1\n" * 60}),
    (a_long_function, {"viewer/page.js": "function draw() {\n" + "  x = 1;\n" * 119 + "}\n"}),
]
RULES = list(dict.fromkeys(rule for rule, _ in BAD))
PACKAGE = Package(tree(ROOT / "petcourse"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_has_no(rule):
    assert rule(PACKAGE) == []


def test_a_good_layout_passes():
    assert [rule(Package(GOOD)) for rule in RULES] == [[]] * len(RULES)


@pytest.mark.parametrize(("rule", "change"), BAD, ids=[f"{rule.__name__}-{i}" for i, (rule, _) in enumerate(BAD)])
def test_a_bad_layout_is_noticed(rule, change):
    assert rule(Package(GOOD | change))


def taken_from_deeper(source, package):
    """What a notebook imports from deeper than the top or a folder; exercises from their topic's file."""
    code = re.sub(r"^( *)[%!].*", r"\1pass", source, flags=re.MULTILINE)
    taken = names_taken("notebook", ast.parse(code))
    return [
        name
        for name in taken
        if is_private(name) or (package.home(name).count(".") > 1 and not name.startswith("petcourse.exercises."))
    ]


@pytest.mark.parametrize("path", sorted(ROOT.glob("notebooks/*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_import_from_the_top_or_a_folder(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    source = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert taken_from_deeper(source, PACKAGE) == []


def test_a_notebook_that_imports_from_deeper_is_noticed():
    package = Package(GOOD | {"exercises/data.py": "", "exercises/__init__.py": ""})
    for place in (" import Scanner, cache", ".hardware import name", ".exercises.data import lesion"):
        assert taken_from_deeper(f"from petcourse{place}", package) == []
    for place in (".hardware.gpu import name", ".hardware import gpu", ".hardware import _x"):
        assert taken_from_deeper(f"from petcourse{place}", package)
    assert taken_from_deeper("import petcourse\npetcourse.scan.psf.PSF", package)
