"""Which way the axes of an image point in a patient.

Letters as in NIfTI, for the way in which an index grows: left or right (L, R), anterior or posterior (A, P), superior or
inferior (S, I).
"""

# Positions by DICOM's names (PS3.3, C.7.3.1.1.2), head or feet first, supine or prone; axes (z, y, x) of an image in which
# the mMR's planes are counted as STIR and NiftyPET count them (stir::DiscretisedDensity).
AXES = {"HFS": "IPL", "FFS": "SPR", "HFP": "IAR", "FFP": "SAL"}


def patient_axes(position):
    """Which way z, y and x grow in a patient.

    Parameters
    ----------
    position : str
        "HFS", "FFS", "HFP" or "FFP".

    Returns
    -------
    letters : str
        Three, such as "SPR": z to the head, y to the back, x to the right.

    Raises
    ------
    ValueError
        If the position is another.
    """
    if position not in AXES:
        raise ValueError(f"the patient's position is {position!r} and {', '.join(AXES)} are known: give one of them.")
    return AXES[position]
