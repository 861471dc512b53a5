"""Answers read and compared: a mistake that has a name is named, of another one it is said how the answer differs."""

import math
from numbers import Real
from reprlib import repr as shown

import numpy as np

from petcourse.exercises.check import Wrong, call
from petcourse.hardware.device import as_numpy


def as_array(answer, what="the answer"):
    """Return an answer as an array of float; `Wrong` if it is none."""
    try:
        return np.asarray(as_numpy(answer), float)
    except Exception:  # noqa: BLE001  whatever an object's own __array__ or __float__ raises
        text = f"{what} is of type {type(answer).__name__}, but an array of numbers is wanted."
        raise Wrong(text, "return the array itself.") from None


def call_array(function, *arguments):
    """Return what the learner's function makes of copies of the arguments as an array of float; `Wrong` if it is none."""
    return as_array(call(function, *arguments))


def number(answer, what="the answer"):
    """Return a learner's number as a float; `Wrong` if it is none."""
    value = as_numpy(answer)
    if isinstance(value, (np.generic, np.ndarray)) and value.ndim == 0:
        value = value.item()
    try:
        if isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    except OverflowError:
        pass  # a whole number beyond the largest float
    text = f"{what} is {shown(answer)}, but a number is wanted."
    raise Wrong(text, "give one number, without quotes or brackets.")


def choice(answer, options, what="the answer"):
    """Return a learner's choice; `Wrong` if it is none of the options, a list of str."""
    if not isinstance(answer, str) or answer not in options:
        text = f"{what} is {shown(answer)}, but one of {', '.join(map(repr, options))} is wanted."
        raise Wrong(text, "copy one of them.")
    return answer


def compare(answer, right, mistakes=(), what="the answer", axes=None, tolerance=1e-5, prefix=""):
    """Raise `Wrong` unless an answer is right: with the first mistake in the table that fits, or else with how it differs.

    Parameters
    ----------
    answer : float, array or set
        The learner's answer.
    right : float, array, set or bool
        The right answer; or whether the answer is right.
    mistakes : list of (wrong, what, hint)
        The answer that this mistake gives (float, array or set), or whether it was made (bool); the sentence; the hint.
    what : str
        What the answer is called where no mistake fits.
    axes : tuple of str, optional
        What the axes of the right answer are, for the message on a wrong shape.
    tolerance : float
        Largest difference, relative to the largest value of the right answer, or of the wrong one.
    prefix : str
        What the sentence of a mistake begins with.
    """
    if not isinstance(right, (bool, np.bool_, set)):
        answer, right = as_array(answer, what), np.asarray(right, float)
    if _fits(answer, right, tolerance):
        return
    named(answer, mistakes, tolerance, prefix)
    if not isinstance(right, np.ndarray):
        raise Wrong(f"{what} is not right.", "read the question once more, word by word.")
    _raise_difference(answer, right, what, axes, tolerance)


def named(answer, mistakes, tolerance=1e-5, prefix=""):
    """Raise `Wrong` with the first mistake that fits, if one does; the arguments are those of `compare`."""
    for wrong, what, hint in mistakes:
        if _fits(answer, wrong, tolerance):
            raise Wrong(prefix + what, hint)


def _fits(answer, other, tolerance):
    """Whether the answer is the other one; a bool knows already."""
    if isinstance(other, (bool, np.bool_)):
        return bool(other)
    if isinstance(other, set):
        return answer == other
    if np.shape(answer) != np.shape(other):
        return False
    with np.errstate(all="ignore"):
        return bool(np.abs(np.subtract(answer, other)).max() <= tolerance * np.abs(other).max() < np.inf)


def _raise_difference(answer, right, what, axes, tolerance):
    """Say in which way an array is not the right one."""
    if answer.shape != right.shape:
        names = f" ({', '.join(axes)})" if axes else ""
        order = "its axes are in the other order: which index comes first?"
        hint = order if answer.shape == right.shape[::-1] else "print the shape after each step."
        raise Wrong(f"{what} has shape {answer.shape}, but {right.shape}{names} is wanted.", hint)
    with np.errstate(all="ignore"):
        factor = np.vdot(right, answer) / (np.vdot(right, right) or 1.0)
        difference = np.abs(answer - right).max() / (np.abs(right).max() or 1.0)
    differs = f"{what} differs from the reference by up to {difference:.2g} of its largest value."
    mistakes = [
        (np.isnan(answer).any(), f"{what} has {np.isnan(answer).sum()} NaN.", "where is 0 divided by 0?"),
        (np.isinf(answer).any(), f"{what} has {np.isinf(answer).sum()} infinite values.", "what is divided by 0?"),
        (not answer.any(), f"{what} is zero everywhere.", "is something multiplied by 0, or never added up?"),
        (factor * right, f"{what} is {factor:.4g} times what it should be.", "a factor is missing or too much."),
        (_fits(answer.T, right, tolerance), f"{what} is transposed.", "which axis comes first?"),
        (True, differs, "compare it with the formula, term by term."),
    ]
    named(answer, mistakes, tolerance)
