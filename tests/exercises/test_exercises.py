"""Exercises: every solution in a notebook passes its check; typical mistakes fail with the hint that fits them."""

import importlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import petcourse.learning
import petcourse.reconstruction
from petcourse import PSF, osem
from petcourse.exercises import faster, mlem

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


# A file of exercises for each notebook; its mistakes and its right answers are in mistakes_<topic>.py beside this file.
TOPICS = sorted({path.stem for path in Path(mlem.__file__).parent.glob("*.py")} - {"__init__", "answers", "check"})


def checks(topic):
    """The verdicts of a file of exercises, by name."""
    return {
        name: check.verdict
        for name, check in vars(importlib.import_module(f"petcourse.exercises.{topic}")).items()
        if hasattr(check, "verdict")
    }


def specification(topic):
    return importlib.import_module(f"mistakes_{topic}")


def test_no_exercise_takes_the_name_of_another_or_of_the_package():
    names = [name for topic in TOPICS for name in checks(topic)]
    assert len(set(names)) == len(names)
    assert not set(names) & {*petcourse.__all__, *petcourse.learning.__all__, *petcourse.reconstruction.__all__}


@pytest.mark.parametrize("topic", TOPICS)
def test_mistakes_fail_with_the_hint_that_fits(topic):
    mistakes = specification(topic).MISTAKES
    assert set(mistakes) == set(checks(topic))
    for name, cases in mistakes.items():
        assert len(cases) >= 3
        for answers, message in cases:
            verdict = checks(topic)[name](*answers)
            sentence = " ".join(str(verdict).split())
            assert verdict.status == "wrong" and re.search(message, sentence), f"{name}: {sentence}"


@pytest.mark.parametrize("topic", TOPICS)
def test_right_answers_in_other_words(topic):
    for name, answers in specification(topic).RIGHT:
        verdict = checks(topic)[name](*answers)
        assert verdict.status == "right", str(verdict)


class Refusing:
    """An answer that cannot be read in any way."""

    def fail(self, *arguments):
        raise RuntimeError("no")

    __array__ = __repr__ = __eq__ = __len__ = __iter__ = __float__ = fail
    __hash__ = None


NONSENSE = ["text", 3, 1j, True, np.nan, np.inf, -1e300, [], {}, {"a": 1}, set(), range(3), (x for x in "ab"), None]
NONSENSE += [[[1, 2], [3]], ([1], [1, 2]), np.ones(0), np.ones((2, 3, 4, 5)), np.array(["a"]), np.array([None, 1])]
NONSENSE += [print, max, np.add, lambda: 1, lambda *arguments: arguments, sys.exit, Refusing()]


@pytest.mark.parametrize("topic", TOPICS)
def test_no_answer_ends_in_a_traceback(topic):
    for name, cases in specification(topic).MISTAKES.items():
        example = cases[0][0]
        for k in range({"bin_of_line": 2, "transpose_of_blur": 1}.get(name, 0), len(example)):  # the others are given
            for thing in NONSENSE:
                for answer in (thing, lambda *arguments, thing=thing: thing):
                    verdict = checks(topic)[name](*example[:k], answer, *example[k + 1 :])
                    assert verdict.status == "wrong", (name, thing)
                    assert isinstance(thing, Refusing) or "the check stops" not in verdict.text, verdict.text


def test_the_sentences_on_right_answers_of_notebook_03_hold():
    P, _, m, r = mlem.spoiled_scan()
    assert P.shape == (304, 97) and 9000 < m.sum() < 11000
    matched, spoiled = (np.diff(mlem.likelihoods_with(shift)[1:]) for shift in (0, 1))
    assert (matched > 0).all() and (spoiled[:5] > 0).all() and (spoiled[6:] < 0).all()
    theta = mlem.disc()[1]
    high = mlem.disc_mlem(P @ theta + r, 0 * r) / mlem.disc_mlem(P @ theta + r, r) - 1
    assert (high[theta > 0] > 0).all() and high[theta == 1].mean() > 4 * high[theta == 12].mean()
    (few, few_error), (many, many_error) = map(mlem.curves, (mlem.FEW, mlem.MANY))
    assert few_error.argmin() < (few < 0.9 * few[-1]).sum() and many_error.argmin() > (many >= 0.9 * many[-1]).argmax()


def test_no_early_stop_reaches_the_goal_of_the_open_exercise():
    """With the true blur or the usual one, in 7 or 14 subsets; kernel EM, and a model of too much blur, do."""

    def first_to_recover(subsets, fwhm):
        scans, X, *_ = faster.lesion_scans()
        for images in zip(
            *(osem(s.A @ X @ PSF(X.scanner, fwhm), s.m, s.r, 42 // subsets, subsets) for s in scans), strict=True
        ):
            recovery, noise = faster.recovery_and_noise(images)
            if recovery >= faster.ENOUGH:
                return noise

    for subsets, fwhm in ((1, 4.5), (7, 4.5), (14, 4.5), (14, 2.5)):
        assert first_to_recover(subsets, fwhm) > faster.LIMIT
