"""Axes of a patient: right-handed as NIfTI's, whatever the position; a course's head lies feet first."""

import numpy as np
import pytest

from petcourse import Scanner, load_subject
from petcourse.scan.patient import AXES, patient_axes

WAYS = {"R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}


@pytest.mark.parametrize("position", AXES)
def test_a_patient_is_turned_not_mirrored(position):
    """The scanner's own x, y and z (down the rows) are one rotation away from every position."""
    z, y, x = (np.array(WAYS[letter]) for letter in patient_axes(position))
    reference = [np.array(WAYS[letter]) for letter in "IPL"]  # of the mMR's commonest position
    turned = np.linalg.det([z, y, x]) * np.linalg.det(reference)
    assert turned == 1


def test_a_head_of_the_course():
    """Row 0 is the front: the mirror image of a head is like the head, but not so from front to back or upside down."""
    subject = load_subject("embedded", Scanner.mmr())
    assert (subject.position, subject.patient_axes) == ("FFS", "SPR")
    z, y, _ = np.nonzero(subject.head)
    top, bottom = (y[z == k] for k in (z.max(), z.min()))
    assert len(top) < len(bottom)  # the crown is at the end of z, the neck at its beginning


def test_no_position():
    with pytest.raises(ValueError, match="position is 'HFL' and HFS, FFS, HFP, FFP are known"):
        patient_axes("HFL")
