"""Exercises that check themselves: each check names what is wrong, gives a hint, and a second one the next time.

A check is an ordinary function under the decorator `exercise`. It compares the learner's answer with a reference on a
tiny problem and raises `Wrong`. A stub that was not touched (``...``) is *not attempted*, so that a notebook always runs.
"""

import functools
import inspect
import textwrap
from dataclasses import dataclass
from numbers import Real

import numpy as np


class Wrong(Exception):
    """What is wrong with an answer, in a sentence, and a hint that helps without giving it away."""

    def __init__(self, what, hint):
        super().__init__(what)
        self.what, self.hint = what, hint


@dataclass(frozen=True)
class Verdict:
    """What a check says: status is "right", "wrong" or "not attempted"."""

    name: str
    status: str
    text: str
    hints: tuple = ()

    def __str__(self):
        lines = [f"[{self.status}] {self.name}: {self.text}", *(f"    Hint: {hint}" for hint in self.hints)]
        return "\n".join(textwrap.fill(line, 79, subsequent_indent="    ") for line in lines)


def exercise(second, right):
    """Make a check of a function that raises `Wrong`.

    Parameters
    ----------
    second : str
        The hint that is added from the second wrong answer on, whatever is wrong.
    right : str
        What a right answer is told: a sentence that says what it is good for.

    Returns
    -------
    callable
        Called with the learner's answers it prints the verdict; its ``verdict(*answers)`` returns it as a `Verdict`.
    """

    def decorate(check):
        name = check.__name__.replace("_", " ")
        tries = 0

        def verdict(*answers):
            nonlocal tries
            if any(answer is None or answer is ... for answer in answers):
                return Verdict(name, "not attempted", "replace the ... and run the cell again.")
            try:
                check(*answers)
            except NotAttempted:
                return Verdict(name, "not attempted", "replace the ... and run the cell again.")
            except Wrong as wrong:
                tries += 1
                return Verdict(name, "wrong", wrong.what, (wrong.hint, second)[: min(tries, 2)])
            return Verdict(name, "right", right)

        @functools.wraps(check)
        def show(*answers):
            print(verdict(*answers))

        show.verdict = verdict
        return show

    return decorate


class NotAttempted(Exception):
    """The learner's function is still the stub: it returns ``...`` or nothing."""


def call(function, *given):
    """Return what the learner's function makes of copies of the arguments; `Wrong` if it raises or takes others."""
    if not callable(function):
        raise Wrong(f"a function is wanted, but this is {_kind(function)}.", "give its name without brackets.")
    try:
        inspect.signature(function).bind(*given)
    except TypeError:
        text = f"it takes {inspect.signature(function)}, but {len(given)} arguments are wanted."
        raise Wrong(text, "keep the first line of the stub as it was.") from None
    except ValueError:
        pass  # a function of C does not say what it takes
    try:
        out = function(*(g.copy() if isinstance(g, np.ndarray) else g for g in given))
    except Wrong:
        raise
    except Exception as error:
        text = f"it stops with {type(error).__name__}: {str(error).rstrip('.') or 'no message'}."
        raise Wrong(text, "call it by hand with small arrays and look at the shapes.") from error
    if out is None or out is ...:
        raise NotAttempted
    return out


def as_array(got, what):
    """Return an answer as an array of float; `Wrong` if it is none."""
    got = got.get() if hasattr(got, "__cuda_array_interface__") else got
    try:
        return np.asarray(got, float)
    except (TypeError, ValueError):
        text = f"{what} is {_kind(got)}, but an array of numbers is wanted."
        raise Wrong(text, "return the array itself.") from None


def call_array(function, *given):
    """Return what the learner's function makes of copies of the arguments as an array of float; `Wrong` if it is none."""
    with np.errstate(all="ignore"):  # 0 / 0 and the like are among the mistakes that are looked for
        return as_array(call(function, *given), "the answer")


def compare(got, want, what="the result", tolerance=1e-5, axes=None):
    """Raise `Wrong` where an array is not the reference, and say in which way.

    Parameters
    ----------
    got, want : array
        The answer and the reference.
    what : str
        What errors call the answer.
    tolerance : float
        Largest difference, relative to the largest value of the reference.
    axes : tuple of str, optional
        What the axes of the reference are, for the message on a wrong shape.
    """
    got, want = as_array(got, what), np.asarray(want, float)
    if got.shape != want.shape:
        named = f" ({', '.join(axes)})" if axes else ""
        text = f"{what} has shape {got.shape}, but {want.shape}{named} is wanted."
        if got.shape == want.shape[::-1]:
            raise Wrong(text, "its axes are in the other order: which index comes first?")
        raise Wrong(text, "print the shape after each step.")
    if np.isnan(got).any():
        raise Wrong(f"{what} has {np.isnan(got).sum()} NaN.", "where is 0 divided by 0?")
    if np.isinf(got).any():
        raise Wrong(f"{what} has {np.isinf(got).sum()} infinite values.", "where is something divided by 0?")
    scale = np.abs(want).max() or 1.0
    difference = np.abs(got - want).max() / scale
    if difference <= tolerance:
        return
    if not got.any():
        raise Wrong(f"{what} is zero everywhere.", "is something multiplied by 0, or never added up?")
    factor = np.vdot(want, got) / (np.vdot(want, want) or 1.0)
    if factor and np.abs(got - factor * want).max() <= tolerance * scale * abs(factor):
        raise Wrong(f"{what} is {factor:.4g} times what it should be.", "a factor is missing or too much.")
    if want.ndim == 2 and want.shape[0] == want.shape[1] and np.abs(got.T - want).max() <= tolerance * scale:
        raise Wrong(f"{what} is transposed.", "which axis comes first?")
    text = f"{what} differs from the reference by up to {difference:.2g} of its largest value."
    raise Wrong(text, "compare it with the formula, term by term.")


def number(got, what="the answer"):
    """Return a learner's number as a float; `Wrong` if it is none."""
    if isinstance(got, np.generic) or (isinstance(got, np.ndarray) and got.ndim == 0):
        got = got.item()
    if isinstance(got, bool) or not isinstance(got, Real) or not np.isfinite(got):
        raise Wrong(f"{what} is {got!r}, but a number is wanted.", "give one number, without quotes or brackets.")
    return float(got)


def choice(got, options, what="the answer"):
    """Return a learner's choice; `Wrong` if it is none of the options, a list of str."""
    if not isinstance(got, str) or got not in options:
        raise Wrong(f"{what} is {got!r}, but one of {', '.join(map(repr, options))} is wanted.", "copy one of them.")
    return got


def _kind(value):
    return f"of type {type(value).__name__}"
