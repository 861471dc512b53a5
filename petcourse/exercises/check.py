"""How a check speaks: what is wrong has a name and a hint, and a second hint the next time.

A check is an ordinary function under the decorator `exercise`: a tiny problem, its right answer, and a table of mistakes.
It raises `Wrong`. A stub that was not touched (``...``) is *not attempted*, so that a notebook always runs.
"""

import functools
import inspect
import textwrap
from dataclasses import dataclass

import numpy as np

from petcourse.errors import first_line


class Wrong(Exception):
    """What is wrong with an answer, in a sentence, and a hint that helps without giving it away."""

    def __init__(self, what, hint):
        super().__init__(what)
        self.what, self.hint = what, hint


class NotAttempted(Exception):
    """The learner's function is still the stub: it returns ``...``."""


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
        The sentence after a right answer, which says what it is good for.

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
            try:
                if any(answer is ... for answer in answers):
                    raise NotAttempted
                if any(answer is None for answer in answers):
                    raise Wrong("the answer is None: was it printed where it should be kept?", "give the value itself.")
                measured = check(*answers)  # what there is to say of this answer, if anything
                return Verdict(name, "right", f"{measured} {right}" if measured else right)
            except NotAttempted:
                return Verdict(name, "not attempted", "replace the ... and run the cell again.")
            except Wrong as error:
                wrong = error
            except (Exception, SystemExit) as error:  # noqa: BLE001  an answer may hold any code: its own __eq__, __len__
                text = f"the check stops with {type(error).__name__}: {first_line(error)}."
                wrong = Wrong(text, "is the answer of the kind that is asked for?")
            tries += 1
            return Verdict(name, "wrong", wrong.what, (wrong.hint, second)[: min(tries, 2)])

        @functools.wraps(check)
        def show(*answers):
            print(verdict(*answers))

        show.verdict = verdict
        return show

    return decorate


def call(function, *arguments):
    """Return what the learner's function makes of copies of the arguments; `Wrong` if it raises or takes others."""
    if not callable(function):
        text = f"a function is wanted, but this is of type {type(function).__name__}."
        raise Wrong(text, "give its name without brackets.")
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        text = f"it takes {inspect.signature(function)}, but {len(arguments)} arguments are wanted."
        raise Wrong(text, "keep the first line of the stub as it was.") from None
    except ValueError:
        pass  # a function of C does not say what it takes
    try:
        with np.errstate(all="ignore"):  # 0 / 0 and the like are among the mistakes that are looked for
            answer = function(*(a.copy() if isinstance(a, np.ndarray) else a for a in arguments))
    except (Exception, SystemExit) as error:
        text = f"it stops with {type(error).__name__}: {first_line(error)}."
        raise Wrong(text, "call it by hand with small arrays and look at the shapes.") from error
    if answer is ...:
        raise NotAttempted
    if answer is None:
        text = "your function returns nothing: does it print where it should return?"
        raise Wrong(text, "its last line is return, and what is to be returned.")
    return answer
