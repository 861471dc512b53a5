"""From an image to measured counts: ``m ~ Poisson(t + r)`` with trues ``t = P @ theta`` and randoms ``r``."""

import hashlib
import numbers
from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from petcourse.cache import cached
from petcourse.hardware.device import as_numpy, module_of, require_array, require_memory
from petcourse.scan.attenuation import Attenuation, attenuation_factors, require_view
from petcourse.scan.psf import PSF


@dataclass(frozen=True, eq=False)
class Scan:
    """What a scanner measured, and the truth behind it.

    Attributes
    ----------
    m : (plane, angle, bin) int16
        Measured counts.
    r : (1, angle, bin) float32
        Mean randoms: what a bin of any plane expects.
    A : Attenuation
        Attenuation of the subject.
    truth : (z, y, x) float32
        The activity in the unit that a reconstruction of ``m`` has.
    scale : float32
        What the subject's activity was multiplied with.
    """

    m: np.ndarray  # or CuPy arrays, if the projector that measured is on the GPU
    r: np.ndarray
    A: Attenuation
    truth: np.ndarray
    scale: np.float32


def measure(subject, X, fwhm=4.5, counts=1e8, randoms=0.3, seed=0):
    """Scan a subject, or take the same scan from the cache.

    The subject's images are copied to X's device, and all that is returned lies there.

    Parameters
    ----------
    subject : Subject
        From `petcourse.load_subject`.
    X : Projector
        Of the same scanner.
    fwhm : float
        Width of the PSF that blurs the data [mm].
    counts, randoms : float
        Trues in the sinogram, and part of all counts that are randoms.
    seed : int
        Of the Poisson noise.

    Returns
    -------
    scan : Scan

    Raises
    ------
    ValueError
        If the subject reaches out of the field of view, or as `simulate`.
    """
    pet, mu = X.xp.asarray(subject.pet), X.xp.asarray(subject.mu)
    A = Attenuation(attenuation_factors(X, mu))
    require_view(X, pet, "the activity")

    def make():
        P = A @ X @ PSF(X.scanner, fwhm)
        m, r, scale = simulate(P, pet, X.scanner.live(), counts, randoms, seed)
        return {"m": as_numpy(m), "r": as_numpy(r), "scale": scale}

    made_by = made_of(subject, X, fwhm=fwhm, counts=counts, randoms=randoms, seed=seed)
    kept = cached("scan", make, **made_by)
    scale = np.float32(kept["scale"])
    return Scan(X.xp.asarray(kept["m"]), X.xp.asarray(kept["r"]), A, pet * scale, scale)


def made_of(subject, X, **settings):
    """What a result depends on, for `petcourse.cached`: scanner, field of view, the subject's images and the settings."""
    images = {name: hashlib.sha256(getattr(subject, name)).hexdigest()[:16] for name in ("pet", "mu")}
    return {"scanner": X.scanner, "radius": X.radius, "subject": subject.name, **images, **settings}


def simulate(P, theta, live, counts=1e8, randoms=0.3, seed=0):
    """Measure an image once.

    The image is scaled such that the *sinogram* holds ``counts`` trues. (Scaling the image's own sum instead gives a
    sinogram with far more, nearly free of noise.) Randoms are the same in every live bin, a simplification: in
    a scanner they follow the rates of the crystals. Noise is drawn by NumPy on the CPU, whichever device projects.

    Parameters
    ----------
    P : Operator
        From image to mean trues, for example ``A @ X @ H``.
    theta : (z, y, x) float32
        Activity, in any unit.
    live : (angle, bin) bool
        Bins that can count: `Scanner.live`.
    counts : float
        Trues expected in the whole sinogram.
    randoms : float
        Part of all counts that are randoms, 0 to less than 1.
    seed : int
        Of the Poisson noise.

    Returns
    -------
    m : (plane, angle, bin) int16 (int32 or int64, where a bin holds more than 32767)
        Measured counts; signed, so that two measurements can be subtracted.
    r : (1, angle, bin) float32
        Mean randoms: what a bin of any plane expects.
    scale : float
        What ``theta`` was multiplied with: compare a reconstruction with ``scale * theta``.

    Raises
    ------
    ValueError
        If the image is negative, empty or not seen, ``counts``, ``randoms`` or ``seed`` is out of range, or ``live`` is
        not of this scanner.
    """
    if (
        isinstance(seed, bool) or not isinstance(seed, numbers.Integral) or seed < 0
    ):  # None would draw other noise each time, and be kept
        raise ValueError(f"the seed of the noise is {seed!r} and a whole number from 0 is wanted: give one, such as 0.")
    if not (isinstance(counts, numbers.Real) and 0 < counts <= 1e15 and 0 <= randoms < 1):
        raise ValueError(
            f"{counts} counts with a part of {randoms} randoms were asked for: "
            "give more than 0 (and up to 1e15) counts, and a part from 0 to less than 1."
        )
    require_array(theta, "the image to measure", P.xp)
    require_array(live, "the set of live bins", np)
    xp = module_of(theta)
    require_memory(6 * np.prod(P.dimsd), "a simulation", xp)
    if theta.min() < 0 or not theta.any():
        raise ValueError(
            f"the image to measure lies between {float(theta.min()):g} and {float(theta.max()):g}: "
            "activity is nowhere negative and somewhere positive."
        )
    if live.dtype != bool or live.shape != P.dimsd[1:] or not live.any():
        raise ValueError(
            f"the live bins are {live.dtype} of shape {live.shape} with {np.count_nonzero(live)} of them live and a plane has shape "
            f"{P.dimsd[1:]}: use Scanner.live() of the scanner that P is made for."
        )
    expected = P @ theta  # (plane, angle, bin)
    trues = float(expected.sum(dtype=np.float64))
    if not trues > 0:
        raise ValueError("the image to measure has activity but no bin sees it: move it into the field of view.")
    scale = counts / trues
    flat = counts * randoms / (1 - randoms) / (len(expected) * np.count_nonzero(live))
    r = (flat * live[np.newaxis]).astype(np.float32)  # (1, angle, bin)
    m = np.empty(expected.shape, np.int16)
    rng = np.random.default_rng(seed)
    for plane in tqdm(range(len(m)), desc="measuring", unit="plane", leave=False):
        drawn = rng.poisson(scale * as_numpy(expected[plane]).astype(float) + r[0])
        if drawn.max() > np.iinfo(m.dtype).max:
            m = m.astype(np.min_scalar_type(-int(drawn.max())))  # the sign asks for a signed type
        m[plane] = drawn
    return xp.asarray(m), xp.asarray(r), scale
