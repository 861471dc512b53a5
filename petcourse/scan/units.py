"""From counts to kBq/mL: duration, decay, and a calibration by an object whose activity is known.

X adds up lengths in mm and knows neither time nor how many photons a crystal misses, so a reconstruction has a unit of its
own: counts per mm. A cylinder of known activity tells what that is worth.
"""

import math
from dataclasses import dataclass

import numpy as np

from petcourse.hardware.device import require_array
from petcourse.scan.scanner import Scanner

# Half-lives [s]: Table of Radionuclides, Bureau International des Poids et Mesures, Monographie 5
# (http://www.lnhb.fr/nuclear-data/).
HALF_LIFE = {"C-11": 20.361 * 60, "O-15": 2.041 * 60, "F-18": 1.8289 * 3600, "Ga-68": 67.83 * 60}
# Positrons per decay: doi:10.2967/jnumed.121.263506.
POSITRONS = {"C-11": 0.998, "O-15": 0.999, "F-18": 0.969, "Ga-68": 0.889}
# Photon pairs that the mMR counts, for each decay of F-18 per mm of a voxel that a pair of crystals looks through:
# 13.3 kcps/MBq along NEMA's line of 700 mm (Karlberg 2016, doi:10.1186/s40658-016-0142-7), over what X^T adds up along
# the axis, 1.71e6 mm in voxels 2.03 mm deep.
MMR = 13.3e-3 * 700 / (4.0625 / 2 * 1.71e6)  # 1/mm
MOST = 1e15  # counts that 64 bits hold with room to spare


def decay(isotope, duration):
    """Mean activity during a scan, as a part of that at its start.

    Parameters
    ----------
    isotope : str
        Of HALF_LIFE, such as "F-18".
    duration : float
        In s.

    Raises
    ------
    ValueError
        If the isotope is not known, or the duration not positive.
    """
    if isotope not in HALF_LIFE:
        raise ValueError(f"the half-life of {isotope!r} is not known here: give one of {', '.join(HALF_LIFE)}.")
    if not 0 < duration < math.inf:
        raise ValueError(f"a scan of {duration!r} s was given: give a positive number of seconds.")
    constant = math.log(2) / HALF_LIFE[isotope]
    return -math.expm1(-constant * duration) / (constant * duration)


def expected_trues(P, theta, scanner, isotope, duration):
    """Trues that an activity brings in a scan: what `measure` may be given as ``counts``.

    Parameters
    ----------
    P : Operator
        From image to trues, for example ``N @ A @ X @ H``.
    theta : (z, y, x) float32
        Activity when the scan begins [kBq/mL].
    scanner : Scanner
        Taken to count as many of the pairs that reach it as the mMR does.
    isotope : str
        Of HALF_LIFE.
    duration : float
        In s. Dead time is left out (see `petcourse.scan.normalisation`).

    Returns
    -------
    counts : float

    Raises
    ------
    ValueError
        If isotope or duration are as `decay` refuses them, or the counts are 0, or over 1e15.
    """
    decays = math.prod(scanner.voxel) * duration * decay(isotope, duration)  # in a voxel of 1 kBq/mL, or 1 Bq/mm^3
    seen = MMR * POSITRONS[isotope] / POSITRONS["F-18"]
    counts = decays * seen * float((P @ theta).sum(dtype=np.float64))
    if not 0 < counts <= MOST:
        raise ValueError(
            f"an image that reaches {float(theta.max()):g} kBq/mL would bring {counts:g} counts in {duration:g} s: "
            f"give an activity, in kBq/mL, that brings more than 0 and at most {MOST:g}."
        )
    return counts


@dataclass(frozen=True)
class Calibration:
    """What a reconstructed image is worth, for one scanner and one isotope.

    Attributes
    ----------
    scanner : Scanner
    isotope : str
    factor : float
        Image of a scan of one second in which nothing decays away, for 1 kBq/mL.
    """

    scanner: Scanner
    isotope: str
    factor: float

    @classmethod
    def of(cls, scanner, isotope, image, where, activity, duration):
        """Calibrate by an object of even activity.

        Parameters
        ----------
        scanner : Scanner
        isotope : str
        image : (z, y, x) float32
            Reconstructed with all that a patient's image is reconstructed with.
        where : (z, y, x) bool
            Inside the object, away from its edge.
        activity : float
            In kBq/mL, when the scan began.
        duration : float
            In s.

        Raises
        ------
        ValueError
            If nothing is inside, or the activity or the image there is not positive.
        """
        require_array(image, "the image", np)
        if image.shape != where.shape or not where.any():
            raise ValueError(
                f"the image is {image.shape}, the mask {where.shape} with {int(where.sum())} voxels: match them."
            )
        mean = float(image[where].mean(dtype=np.float64))
        if not (0 < activity < math.inf and 0 < mean < math.inf):
            raise ValueError(f"{activity!r} kBq/mL and a mean of {mean:g} were given: both must be positive.")
        return cls(scanner, isotope, mean / (activity * duration * decay(isotope, duration)))

    def activity(self, image, scanner, isotope, duration):
        """An image in kBq/mL at the start of its scan.

        Parameters
        ----------
        image : (z, y, x) float32
            Reconstructed as the calibration's was.
        scanner : Scanner
        isotope : str
        duration : float
            In s.

        Raises
        ------
        ValueError
            If the calibration is of another scanner or isotope.
        """
        if (scanner, isotope) != (self.scanner, self.isotope):
            which = "scanner" if scanner != self.scanner else f"isotope, {self.isotope}, not {isotope}"
            raise ValueError(f"the calibration is of another {which}: calibrate with what the image was measured with.")
        return image / np.float32(self.factor * duration * decay(isotope, duration))


def suv(image, injected, weight):
    """Standardised uptake value: 1 everywhere, had the activity spread evenly in the body [g/mL].

    Parameters
    ----------
    image : (z, y, x) float32
        In kBq/mL.
    injected : float
        Activity [MBq], at the time of the image.
    weight : float
        Of the patient [kg].

    Raises
    ------
    ValueError
        If one of the two is not positive, or the weight is not a person's: below 0.3 or above 700 kg.
    """
    if not 0 < injected < math.inf or not 0.3 <= weight <= 700:
        raise ValueError(
            f"{injected!r} MBq in a body of {weight!r} kg were given: give MBq above 0, and a weight in kg."
        )
    return image * np.float32(weight / injected)  # kg/MBq is g/kBq
