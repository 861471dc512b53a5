"""Of what checks are made: comparing, numbers and choices, verdicts, and answers that are code of any kind."""

import re
import sys
from decimal import Decimal
from fractions import Fraction
from types import ModuleType

import numpy as np
import pytest

from petcourse.exercises import Wrong, as_array, call, choice, compare, exercise, named, number
from petcourse.exercises.hardware import float32_counter

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


@pytest.mark.parametrize(
    ("answer", "right", "wrong", "text"),
    [
        (5 * WANT, WANT, 5 * WANT, "now: a mistake"),
        (6 * WANT, WANT, 5 * WANT, "6 times"),
        (WANT, WANT, WANT, None),
        (4.0, 5, 4, "now: a mistake"),
        ({1}, {2}, {1}, "now: a mistake"),
        ({3}, {2}, {1}, "is not right"),
        ({2}, {2}, {2}, None),
        ("text", False, True, "now: a mistake"),
        ("text", False, False, "is not right"),
        ("text", True, True, None),
    ],
)
def test_a_mistake_is_a_wrong_answer_or_was_looked_for(answer, right, wrong, text):
    table = [(wrong, "a mistake.", "hint")]
    if text is None:
        compare(answer, right, table)
        return
    with pytest.raises(Wrong, match=text):
        compare(answer, right, table, prefix="now: ")


def test_the_first_mistake_that_fits_is_named():
    table = [(2.0, "two.", ""), (3.0, "three.", ""), (True, "any.", "")]
    for answer, text in ((2, "two"), (3, "three"), (4, "any")):
        with pytest.raises(Wrong, match=text):
            named(answer, table)
    named(4, table[:2])


@pytest.mark.parametrize("wrong", ["3", True, [3], np.nan, np.ones(2), 1j, 10**400, Decimal(3), None])
def test_a_number_is_wanted(wrong):
    with pytest.raises(Wrong, match="a number is wanted"):
        number(wrong)


@pytest.mark.parametrize("right", [3, np.float32(3), np.array(3), Fraction(6, 2), np.longdouble(3)])
def test_a_number_of_any_type(right):
    assert number(right) == 3.0 and type(number(right)) is float


def test_a_float32_counter_knows_whole_numbers_of_any_size_and_fractions():
    assert "largest float32" in float32_counter.verdict(2**128).text
    assert "earlier than at 33554432.5" in float32_counter.verdict(Fraction(2**26 + 1, 2)).text


def test_a_choice_is_one_of_its_options():
    assert choice("a", ["a", "b"]) == "a"
    with pytest.raises(Wrong, match="'c', but one of 'a', 'b'"):
        choice("c", ["a", "b"])


def test_an_answer_on_the_gpu_is_brought_from_there(monkeypatch):
    class OnTheGpu:
        def get(self):
            return np.array(3.0)

    monkeypatch.setitem(sys.modules, "cupy", ModuleType("cupy"))
    sys.modules["cupy"].ndarray = OnTheGpu
    assert number(OnTheGpu()) == as_array(OnTheGpu()) == 3


ONES = np.ones(2)


@pytest.fixture
def adding():
    @exercise(second="look again.", right="well done.")
    def adding(function):
        """Add one."""
        compare(call(function, ONES), ONES + 1)

    return adding


def test_hints_come_one_after_the_other_and_the_answer_is_never_changed(adding):
    def spoil(x):
        x[:] = 7
        return x

    first, second = adding.verdict(spoil), adding.verdict(spoil)
    assert (len(first.hints), len(second.hints)) == (1, 2) and second.hints[1] == "look again."
    assert (ONES == 1).all()
    assert str(adding.verdict(lambda x: x + 1)) == "[right] adding: well done."


def test_what_a_check_measures_is_said():
    @exercise(second="", right="well done.")
    def weighing(answer):
        return f"{answer} kg."

    assert str(weighing.verdict(3)) == "[right] weighing: 3 kg. well done."


def test_only_a_stub_is_not_attempted(adding):
    assert adding.verdict(lambda x: ...).status == adding.verdict(...).status == "not attempted"
    printed = adding.verdict(lambda x: print(x + 1))
    assert printed.status == "wrong"
    assert printed.text == "your function returns nothing: does it print where it should return?"
    assert adding.verdict(None).status == "wrong" and "None" in adding.verdict(None).text


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def stopping(error):
    def function(x):
        raise error

    return function


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (lambda x: x / "2", "it stops with .*TypeError: ufunc"),
        (stopping(ZeroDivisionError("division by zero.")), "it stops with ZeroDivisionError: division by zero."),
        (lambda x: sys.exit(), "it stops with SystemExit"),
        (stopping(Mute()), "no words"),
        (lambda: 1, r"it takes \(\), but 1 arguments are wanted"),
        (3, "a function is wanted, but this is of type int"),
    ],
)
def test_what_the_learners_code_raises_is_a_verdict(adding, answer, text, capsys):
    adding(answer)
    assert re.search(rf"\[wrong\] adding: .*{text}", " ".join(capsys.readouterr().out.split()))


def test_an_interrupt_is_no_verdict(adding):
    with pytest.raises(KeyboardInterrupt):
        adding.verdict(stopping(KeyboardInterrupt()))
