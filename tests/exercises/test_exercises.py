"""Exercises: every solution in a notebook passes its check; typical mistakes fail with the hint that fits them."""

import importlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

from petcourse.exercises import Wrong, call, choice, compare, exercise, number

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def cells_of(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def text(cell):
    return "".join(cell["source"])


def tagged(cell, tag):
    return tag in cell["metadata"].get("tags", [])


def exercises():
    """(notebook, stub, solution) of each exercise: a code cell with the tag, and the next cell with a solution."""
    for path in NOTEBOOKS:
        cells = cells_of(path)
        stubs = [i for i, cell in enumerate(cells) if tagged(cell, "exercise")]
        for n, i in enumerate(stubs, 1):
            yield pytest.param(path, text(cells[i]), text(cells[i + 1]), id=f"{path.stem}-{n}")


def outcome(stub, solution=""):
    """Run a stub as far as its last line, then a solution, then that line; return what the check says."""
    *before, last = stub.rstrip().split("\n")
    name, answers = re.fullmatch(r"(\w+)\((.*)\)", last).groups()
    space = {"np": np}
    exec("\n".join(before), space)  # noqa: S102  as the notebook does, and the texts are ours
    exec(solution, space)  # noqa: S102
    return eval(f"{name}.verdict({answers})", space)


@pytest.mark.parametrize(("path", "stub", "solution"), list(exercises()))
def test_a_stub_is_not_attempted_and_its_solution_is_right(path, stub, solution):
    assert outcome(stub).status == "not attempted"
    assert re.match(r"<details>\s*<summary>Solution", solution)
    code = re.search(r"```python\n(.*?)```", solution, re.DOTALL)[1]
    verdict = outcome(stub, code)
    assert verdict.status == "right", str(verdict)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_has_exercises(path):
    cells = cells_of(path)
    assert sum(tagged(cell, "exercise") for cell in cells) == sum(tagged(cell, "solution") for cell in cells) >= 3


def faults(quiz):
    """What a quiz lacks: three to five questions, each with answers of which one is right and all teach."""
    questions = re.split(r"^\*\*\d+\. ", quiz, flags=re.MULTILINE)[1:]
    found = [] if 3 <= len(questions) <= 5 else [f"{len(questions)} questions"]
    for question in questions:
        answers = re.findall(r"<details>\s*<summary>(.*?)</summary>\n\n(.*?)\n\n</details>", question, re.DOTALL)
        if len(answers) < 2 or len(answers) != question.count("<summary>"):
            found.append(f"{len(answers)} answers in form: {question[:60]}")
        if sum(feedback.startswith("Yes") for _, feedback in answers) != 1:
            found.append(f"not one right answer: {question[:60]}")
        found += [f"teaches little: {answer}" for answer, feedback in answers if len(feedback.split()) < 8]
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_has_a_quiz_that_teaches(path):
    [quiz] = [text(cell) for cell in cells_of(path) if tagged(cell, "quiz")]
    assert faults(quiz) == []


def test_a_bad_quiz_is_noticed():
    answer = "<details><summary>{}</summary>\n\n{}, because this is how the thing works in a scanner.\n\n</details>\n"
    good = "".join(f"**{k}. Why?**\n\n" + answer.format("a", "Yes") + answer.format("b", "No") for k in (1, 2, 3))
    assert faults(good) == []
    for bad in (
        good[: good.index("**3.")],
        good.replace("Yes", "No"),
        good.replace("No,", "Yes,"),
        good.replace(", because this is how the thing works in a scanner", ""),
        good.replace("\n\n</d", "</d"),
    ):
        assert faults(bad)


# petcourse.exercises.*; their mistakes are in tests/exercises/mistakes_*.py
MODULES = ["data", "evaluation", "hardware", "mlem", "simulation", "unet"]


@pytest.mark.parametrize("module", MODULES)
def test_mistakes_fail_with_the_hint_that_fits(module):
    checks = importlib.import_module(f"petcourse.exercises.{module}")
    mistakes = importlib.import_module(f"mistakes_{module}").MISTAKES
    names = {n for n, v in vars(checks).items() if hasattr(v, "verdict")}
    assert set(mistakes) == names
    for name, cases in mistakes.items():
        assert len(cases) >= 3
        for answers, message in cases:
            verdict = getattr(checks, name).verdict(*answers)
            said = " ".join(str(verdict).split())
            assert verdict.status == "wrong" and re.search(message, said), f"{name}: {said}"


WANT = np.arange(1, 7.0).reshape(2, 3)
SQUARE = np.arange(9.0).reshape(3, 3)


@pytest.mark.parametrize(
    ("got", "want", "what", "hint"),
    [
        (WANT.T, WANT, r"shape \(3, 2\), but \(2, 3\) \(row, column\) is wanted", "other order"),
        (WANT[:1], WANT, r"shape \(1, 3\)", "print the shape"),
        (WANT * np.nan, WANT, "6 NaN", "0 divided by 0"),
        (WANT * np.inf, WANT, "6 infinite", "divided by 0"),
        (WANT * 0, WANT, "zero everywhere", "multiplied by 0"),
        (WANT * 3, WANT, "3 times", "factor"),
        (-WANT, WANT, "-1 times", "factor"),
        (SQUARE.T, SQUARE, "transposed", "axis comes first"),
        (WANT + [0, 0, 0.6], WANT, "up to 0.1 of", "term by term"),
        ("abc", WANT, "of type str", "array itself"),
        ([[1, 2], [3]], WANT, "of type list", "array itself"),
    ],
)
def test_comparing_names_what_is_wrong(got, want, what, hint):
    with pytest.raises(Wrong, match=what) as error:
        compare(got, want, axes=("row", "column"))
    assert hint in error.value.hint


def test_comparing_accepts_what_is_right():
    compare(WANT + 1e-7, WANT)
    compare(WANT.tolist(), WANT)
    compare(np.zeros(3), np.zeros(3))


@pytest.mark.parametrize("wrong", ["3", True, [3], np.nan, np.ones(2), 1j])
def test_a_number_is_wanted(wrong):
    with pytest.raises(Wrong, match="a number is wanted"):
        number(wrong)
    assert number(np.float32(3)) == number(np.array(3)) == 3.0


def test_a_choice_is_one_of_its_options():
    assert choice("a", ["a", "b"]) == "a"
    with pytest.raises(Wrong, match="'c', but one of 'a', 'b'"):
        choice("c", ["a", "b"])


def test_hints_come_one_after_the_other_and_the_answer_is_never_changed():
    given = np.ones(2)

    def spoil(x):
        x[:] = 7
        return x

    @exercise(second="look again.", right="well done.")
    def adding(function):
        """Add one."""
        compare(call(function, given), given + 1)

    assert adding.verdict(lambda x: None).status == adding.verdict(...).status == "not attempted"
    first, second = adding.verdict(spoil), adding.verdict(spoil)
    assert (len(first.hints), len(second.hints)) == (1, 2) and second.hints[1] == "look again."
    assert (given == 1).all()
    assert str(adding.verdict(lambda x: x + 1)) == "[right] adding: well done."


def test_what_the_learners_code_raises_is_said(capsys):
    @exercise(second="...", right="...")
    def dividing(function):
        """Divide."""
        call(function, 1)

    dividing(lambda x: x / 0)
    assert "it stops with ZeroDivisionError: division by zero." in capsys.readouterr().out


NONSENSE = [
    "text",
    3,
    1j,
    True,
    [],
    {},
    {"a": 1},
    set(),
    [[1, 2], [3]],
    ([1], [1, 2]),
    np.ones(0),
    np.ones((2, 3, 4, 5)),
    np.array(["a"]),
    np.array([None, 1], object),
    range(3),
    (x for x in "ab"),
    np.nan,
    np.inf,
    -1e300,
    print,
    max,
    np.add,
    lambda: 1,
    lambda *given: given,
]


@pytest.mark.parametrize("module", MODULES)
def test_no_answer_ends_in_a_traceback(module):
    checks = importlib.import_module(f"petcourse.exercises.{module}")
    for name, cases in importlib.import_module(f"mistakes_{module}").MISTAKES.items():
        example = cases[0][0]
        for k in range({"bin_of_line": 2, "transpose_of_blur": 1}.get(name, 0), len(example)):  # the others are given
            for thing in NONSENSE:
                for answer in (thing, lambda *given, thing=thing: thing):
                    answers = [*example[:k], answer, *example[k + 1 :]]
                    assert getattr(checks, name).verdict(*answers).status in ("wrong", "not attempted"), (name, answer)


BLUR = np.array([0.6, 0.3, 0.1])


def other_back(at, value, n):
    j, row = at.astype(int), np.zeros(n)
    for k, weight in ((j, 1 - (at - j)), (j + 1, at - j)):
        np.add.at(row, k, weight * value)
    return row


def other_split(heads, unseen):
    test = np.isin(heads, sorted(set(heads.tolist()))[-unseen:])
    return np.array([~test, test])


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("hardware.back_projection", [other_back]),
        (
            "hardware.back_projection",
            [
                lambda a, v, n: (
                    np.bincount(a.astype(int), v - a % 1 * v, n) + np.bincount(1 + a.astype(int), a % 1 * v, n)
                )
            ],
        ),
        ("hardware.how_many_fit", [lambda s, d, gb: np.floor(gb * 1e9 / np.zeros(s, d).nbytes)]),
        ("hardware.float32_counter", [2**24]),
        ("data.half_value_layer", [lambda mu: -np.log(0.5) / (mu / 10)]),
        ("data.coronal_plane", [lambda image, y, at: image[:, np.argmin((y - at) ** 2), :].tolist()]),
        ("data.voxels_in_a_lesion", [7]),
        ("simulation.survival_probability", [lambda mu, step: np.exp(-np.trapezoid(mu, dx=step))]),
        ("simulation.survival_probability", [lambda mu, step: float(np.prod(np.exp(-mu * step)))]),
        (
            "simulation.tiny_measurement",
            [lambda P, u, r, n, rng: rng.poisson(P @ (u * n / (P @ u).sum()) + r).tolist()],
        ),
        ("simulation.transpose_of_blur", [lambda u: np.convolve(u, BLUR), lambda v: np.correlate(v, BLUR, "valid")]),
        ("mlem.mlem_update", [lambda u, P, m, r: (u * (P.T @ (m / np.maximum(P @ u + r, 1e-30))) / P.sum(0)).tolist()]),
        ("mlem.choose_the_iteration", [lambda c, e: [1 + int((c >= 0.9 * c[-1]).argmax()), 1 + list(e).index(min(e))]]),
        ("unet.parameters", [lambda c, f, s: float(f * c * s**2 + f)]),
        ("unet.error_lowered", [20]),
        ("unet.scaling", [lambda *all: [(v / all[0].mean()).astype(np.float32) for v in all]]),
        ("evaluation.leak", [lambda a, b: frozenset(dict(a)) & frozenset(dict(b))]),
        ("evaluation.leak", [lambda a, b: np.intersect1d([h for h, _ in a], [h for h, _ in b])]),
        ("evaluation.split_by_head", [other_split]),
        ("evaluation.error_in_the_head", [lambda u, t, h: np.linalg.norm((u - t)[h]) / np.linalg.norm(t[h])]),
        ("evaluation.same_noise", [lambda p, c: float(p[1] - np.interp(p[0], *c.T))]),
    ],
)
def test_right_answers_in_other_words(name, answers):
    module, check = name.split(".")
    verdict = getattr(importlib.import_module(f"petcourse.exercises.{module}"), check).verdict(*answers)
    assert verdict.status == "right", str(verdict)
