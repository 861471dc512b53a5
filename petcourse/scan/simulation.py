"""From an image to measured counts: ``m ~ Poisson(t + r + s)`` with trues ``t = P @ theta``, randoms ``r``, scatter ``s``."""

import numbers
from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from petcourse.cache import cached, hash_of
from petcourse.hardware.device import as_numpy, module_of, require_array, require_memory
from petcourse.scan.attenuation import Attenuation, attenuation_factors, require_view
from petcourse.scan.normalisation import Normalisation, efficiencies
from petcourse.scan.pairs import sum_over_pairs
from petcourse.scan.psf import PSF


@dataclass(frozen=True, eq=False)
class Scan:
    """What a scanner measured, and the truth behind it.

    Attributes
    ----------
    m : (plane, angle, bin) int16
        Measured counts.
    r : (plane, angle, bin) float32
        Mean randoms.
    A : Attenuation
        Attenuation of the subject.
    truth : (z, y, x) float32
        The activity in the unit that a reconstruction of ``m`` has.
    scale : float32
        What the subject's activity was multiplied with.
    N : Normalisation or None
        How well each bin counts; None: all alike.
    s : (plane, angle, bin) float32, or None
        Mean scatter, as it is counted; None: there is none.
    """

    m: np.ndarray  # or CuPy arrays, if the projector that measured is on the GPU
    r: np.ndarray
    A: Attenuation
    truth: np.ndarray
    scale: np.float32
    N: Normalisation | None = None
    s: np.ndarray | None = None

    @property
    def NA(self):
        """What multiplies each bin: ``P = scan.NA @ X @ H``."""
        return self.A if self.N is None else self.N @ self.A

    @property
    def background(self):
        """Mean counts that are no trues: ``r + s``."""
        return self.r if self.s is None else self.r + self.s


def measure(subject, X, fwhm=4.5, counts=1e8, randoms=0.3, seed=0, components=None, scattered=False, singles=None):
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
        Trues in the sinogram, and how many randoms there are beside them: as a part of both.
    seed : int
        Of the Poisson noise; another subject has other noise of the same seed.
    components : Components, optional
        Of the scanner's efficiencies. Default: all bins count alike, and there is no N.
    scattered : bool
        Whether photons are scattered, once.
    singles : (ring, slot) float32, optional
        Rates, in any unit, that randoms follow. Default: all crystals fire equally often.

    Returns
    -------
    scan : Scan

    Raises
    ------
    ValueError
        If the subject reaches out of the field of view, or as `simulate`, `efficiencies` and `scatter`.
    """
    xp, scanner = X.xp, X.scanner
    pet, mu = xp.asarray(subject.pet), xp.asarray(subject.mu)
    A = Attenuation(attenuation_factors(X, mu))
    require_view(X, pet, "the activity")
    N = None if components is None else Normalisation(xp.asarray(efficiencies(scanner, components)))
    s = None
    if scattered:
        from petcourse.scan.scatter import scatter  # compiles: not where nothing is scattered

        s = xp.asarray(scatter(scanner, subject.pet, subject.mu)) * (1 if N is None else N.factors)
    pairs = scanner.pairs() if singles is None else sum_over_pairs(scanner, singles) * scanner.live()

    def make():
        _require_seed(seed)
        P, noise = (A if N is None else N @ A) @ X @ PSF(scanner, fwhm), [seed, *subject.name.encode()]
        m, _, scale = simulate(P, pet, pairs, counts, randoms, noise, s)
        return {"m": as_numpy(m), "scale": scale}

    model = [
        hash_of(*vars(components).values()) if components else "",
        scattered,
        "" if singles is None else hash_of(singles),
    ]
    made_by = made_of(subject, X, fwhm=fwhm, counts=counts, randoms=randoms, seed=seed, model=model)
    kept = cached("scan", make, **made_by)
    scale = np.float32(kept["scale"])
    r = share_randoms(xp.asarray(pairs), counts, randoms)
    return Scan(xp.asarray(kept["m"]), r, A, pet * scale, scale, N, None if s is None else s * scale)


def made_of(subject, X, **settings):
    """What a result depends on, for `petcourse.cached`: scanner, field of view, the subject's images and the settings."""
    images = {name: hash_of(getattr(subject, name)) for name in ("pet", "mu")}
    return {"scanner": X.scanner, "radius": X.radius, "subject": subject.name, **images, **settings}


def share_randoms(pairs, counts, randoms):
    """Mean randoms (plane, angle, bin) float32, in proportion to ``pairs``: a part of trues and randoms together."""
    xp = module_of(pairs)
    level = counts * randoms / (1 - randoms) / float(pairs.sum(dtype=np.float64))
    return xp.multiply(pairs, np.float32(level), dtype=np.float32)


def simulate(P, theta, pairs, counts=1e8, randoms=0.3, seed=0, s=None):
    """Measure an image once.

    The image is scaled such that the *sinogram* holds ``counts`` trues. (To scale the image's own sum instead would let
    the unit of P decide how many there are.) Noise is drawn by NumPy on the CPU, whichever
    device projects.

    Parameters
    ----------
    P : Operator
        From image to mean trues, for example ``A @ X @ H``.
    theta : (z, y, x) float32
        Activity, in any unit.
    pairs : (plane, angle, bin) uint8 or float32
        What randoms are in proportion to, 0 where no bin can count: the pairs of crystals, `Scanner.pairs`.
    counts : float
        Trues expected in the whole sinogram.
    randoms : float
        Part of all counts that are randoms, 0 to less than 1.
    seed : int, or sequence of int
        Of the Poisson noise.
    s : (plane, angle, bin) float32, optional
        Mean scatter, in the unit of ``P @ theta``.

    Returns
    -------
    m : (plane, angle, bin) int16 (int32 or int64, where a bin holds more than 32767)
        Measured counts; signed, so that two measurements can be subtracted.
    r : (plane, angle, bin) float32
        Mean randoms.
    scale : float
        What ``theta`` was multiplied with: compare a reconstruction with ``scale * theta``.

    Raises
    ------
    ValueError
        If the image is negative, empty or not seen, ``counts``, ``randoms`` or ``seed`` is out of range, or ``pairs``
        is not of this scanner.
    """
    for number in seed if isinstance(seed, list | tuple) and len(seed) else [seed]:
        _require_seed(number)
    if not (isinstance(counts, numbers.Real) and 0 < counts <= 1e15 and 0 <= randoms < 1):
        raise ValueError(
            f"{counts} counts with a part of {randoms} randoms were asked for: "
            "give more than 0 (and up to 1e15) counts, and a part from 0 to less than 1."
        )
    require_array(theta, "the image to measure", P.xp)
    require_array(pairs, "the set of pairs", np)
    xp = module_of(theta)
    require_memory(10 * np.prod(P.dimsd), "a simulation", xp)
    if theta.min() < 0 or not theta.any():
        raise ValueError(
            f"the image to measure lies between {float(theta.min()):g} and {float(theta.max()):g}: "
            "activity is nowhere negative and somewhere positive."
        )
    if (
        pairs.dtype not in (np.uint8, np.float32)
        or pairs.shape != P.dimsd
        or not pairs.max() > 0
        or not pairs.min() >= 0
    ):
        raise ValueError(
            f"the pairs of crystals are {pairs.dtype} of shape {pairs.shape}, at most {pairs.max(initial=0)} in a bin, and P gives "
            f"{P.dimsd}: use Scanner.pairs() of the scanner that P is made for."
        )
    expected = P @ theta  # (plane, angle, bin)
    trues = float(expected.sum(dtype=np.float64))
    if not trues > 0:
        raise ValueError("the image to measure has activity but no bin sees it: move it into the field of view.")
    scale = counts / trues
    r = share_randoms(pairs, counts, randoms)
    if s is not None:
        expected += s
    m = np.empty(expected.shape, np.int16)
    rng = np.random.default_rng(seed)
    for plane in tqdm(range(len(m)), desc="measuring", unit="plane", leave=False):
        drawn = rng.poisson(scale * as_numpy(expected[plane]).astype(float) + r[plane])
        if drawn.max() > np.iinfo(m.dtype).max:
            m = m.astype(np.min_scalar_type(-int(drawn.max())))  # the sign asks for a signed type
        m[plane] = drawn
    return xp.asarray(m), xp.asarray(r), scale


def _require_seed(seed):
    """Refuse what is no seed: None would draw other noise each time, and be kept."""
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral) or seed < 0:
        raise ValueError(f"the seed of the noise is {seed!r} and a whole number from 0 is wanted: give one, such as 0.")
