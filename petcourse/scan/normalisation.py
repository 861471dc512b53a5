"""N: how well each bin counts, composed of what is known of crystals and rings.

Badawi & Marsden 1999 (doi:10.1088/0031-9155/44/2/020). Dead time is not modelled: a real mMR's file names 1.1e-6 s for it;
with a head's 8e6 singles a second in the scanner's 224 groups of blocks that is 4 % of the photons, and 8 % of the pairs.
"""

from dataclasses import dataclass

import numpy as np
from tqdm.auto import tqdm

from petcourse.hardware.device import require_array
from petcourse.scan.factors import Factors
from petcourse.scan.pairs import sum_over_pairs, sum_over_partners


@dataclass(frozen=True, eq=False)
class Components:
    """What the efficiency of a bin is a product of; all are float32, and 1 is average.

    Attributes
    ----------
    crystals : (ring, slot)
        Efficiency of each crystal; that of a gap is not looked at.
    geometric : (ring sum, bin)
        Effect of the angle between crystal and line, for each sum of two ring numbers, 0 to ``2 rings - 2``.
    interference : (bin, angle modulo slots of a block)
        Of a crystal's place in its block with the line's angle.
    axial : (plane,)
        What each plane is *divided* by.

    Raises
    ------
    TypeError, ValueError
        If one is no float32 array, negative, not finite, or zero everywhere; or an axial factor is zero.
    """

    crystals: np.ndarray
    geometric: np.ndarray
    interference: np.ndarray
    axial: np.ndarray

    def __post_init__(self):
        for name, values in vars(self).items():
            require_array(values, f"the set of {name} factors", np)
            low, high = float(values.min()), float(values.max())
            if values.dtype != np.float32:
                raise TypeError(
                    f"the {name} factors are {values.dtype} and float32 is wanted: use .astype(np.float32)."
                )
            if not 0 <= low <= high < np.inf or high == 0 or (name == "axial" and low == 0):
                raise ValueError(
                    f"the {name} factors reach from {low:g} to {high:g} and are finite, nowhere negative and somewhere "
                    "positive (axial ones everywhere): look for a damaged file, or for logarithms."
                )

    @classmethod
    def drawn(cls, scanner, spread=0.03, dead_block=(3, 20), seed=0):
        """Components of a scanner that does not exist, as uneven as those of a real mMR, and with a dead block.

        There crystals differ by 3 %, lines far from the axis count twice as well as those near it, and interference and
        planes differ by 10 and 6 %.

        Parameters
        ----------
        scanner : Scanner
        spread : float
            Standard deviation of the logarithm of a crystal's efficiency.
        dead_block : (int, int), optional
            Which block of detectors counts nothing: along the axis, in blocks as deep as they are wide, and around it.
            None for no block.
        seed : int
        """
        rng, bins, slots = np.random.default_rng(seed), scanner.bins, scanner.block_slots
        crystals = np.exp(rng.normal(-(spread**2) / 2, spread, (scanner.rings, scanner.slots)))
        if dead_block is not None:
            deep, around = (n * k for n, k in zip(dead_block, (scanner.block_crystals, slots), strict=True))
            if not crystals[deep : deep + scanner.block_crystals, around : around + slots].size:
                raise ValueError(
                    f"block {dead_block} was to be dead and this scanner has none there: count from (0, 0)."
                )
            crystals[deep : deep + scanner.block_crystals, around : around + slots] = 0
        geometric = np.tile(1 + np.linspace(-1, 1, bins) ** 2, (2 * scanner.rings - 1, 1))
        interference = 1 + 0.1 * rng.standard_normal((bins, slots))
        axial = 1 + 0.05 * rng.standard_normal(scanner.sinogram_shape[0])
        return cls(*(values.astype(np.float32) for values in (crystals, geometric, interference, axial)))


def efficiencies(scanner, components):
    """How well an average pair of crystals of each bin counts: the product of all that it is subject to.

    Parameters
    ----------
    scanner : Scanner
    components : Components

    Returns
    -------
    factors : (plane, angle, bin) float32
        For `Normalisation`: 0 in dead bins, 1 in the others if all components are 1.

    Raises
    ------
    ValueError
        If the components are not of this scanner.
    """
    planes, angles, bins = scanner.sinogram_shape
    modulo = scanner.block_slots
    wanted = {"crystals": (scanner.rings, scanner.slots), "geometric": (2 * scanner.rings - 1, bins)}
    wanted |= {"interference": (bins, modulo), "axial": (planes,)}
    for name, shape in wanted.items():
        if getattr(components, name).shape != shape:
            raise ValueError(
                f"the {name} factors are of shape {getattr(components, name).shape} and those of this scanner of {shape}: "
                "take scanner and components that belong together."
            )
    factors = sum_over_pairs(scanner, components.crystals)
    ring_sums = np.concatenate([s.offset + np.arange(s.planes) for s in scanner.segments()])
    by_plane = components.geometric[ring_sums] / (components.axial * np.maximum(scanner.multiplicity(), 1))[:, None]
    live = scanner.live()
    for angle in range(angles):
        factors[:, angle] *= by_plane * components.interference[:, angle % modulo] * live[angle]
    return factors


class Normalisation(Factors):
    """N: each bin times how well it counts. In ``N @ A @ X`` the projector multiplies by both on the way.

    Parameters
    ----------
    factors : (plane, angle, bin) float32
        `efficiencies` of a scanner, on X's device.

    Raises
    ------
    TypeError, ValueError
        If the factors are not float32, or not between 0 and 1000.
    """

    def __init__(self, factors):
        super().__init__(
            factors, 1000, "normalisation", "N", "give efficiencies, not the factors that correct for them"
        )


def estimate_crystals(scanner, m, expected, r=0, rounds=30):
    """Efficiencies of crystals that explain the scan of an object that is known, such as a cylinder.

    As for randoms, all crystals at once would oscillate: each round takes the geometric mean of the old efficiency and
    the new one, as in `petcourse.scan.randoms.estimate_singles`.

    Parameters
    ----------
    scanner : Scanner
    m : (plane, angle, bin)
        Counts.
    expected : (plane, angle, bin) float32
        Trues and scatter, in any unit, if all crystals counted alike.
    r : (plane, angle, bin) float32, optional
        Mean randoms.
    rounds : int

    Returns
    -------
    crystals : (ring, slot) float32
        For `Components`: 1 on the average of those that count at all, 0 in gaps.

    Raises
    ------
    ValueError
        If the counts or what was expected are of another scanner, negative, or 0 everywhere.
    """
    for values, what in ((m, "the counts"), (expected, "the expected counts")):
        if values.shape != scanner.sinogram_shape or not values.min() >= 0 or not 0 < values.sum(dtype=float) < np.inf:
            raise ValueError(
                f"{what} are of shape {values.shape} from {float(values.min()):g} to {float(values.max()):g}: give sinograms of "
                f"shape {scanner.sinogram_shape}, nowhere negative and somewhere positive."
            )
    per_pair = expected / np.maximum(scanner.multiplicity(), 1).astype(np.float32)[:, None, None]
    per_pair = per_pair * np.float32(m.sum(dtype=float) / expected.sum(dtype=float))
    crystals = (sum_over_partners(scanner, per_pair, np.ones((scanner.rings, scanner.slots))) > 0).astype(np.float32)
    for _ in tqdm(range(rounds), desc="crystals", unit="round", leave=False):
        mean = per_pair * sum_over_pairs(scanner, crystals) + r
        ratio = np.divide(m, mean, out=np.zeros_like(mean), where=mean > 0)
        seen = sum_over_partners(scanner, per_pair, crystals)
        change = np.divide(sum_over_partners(scanner, per_pair * ratio, crystals), seen, out=0 * seen, where=seen > 0)
        crystals = (crystals * np.sqrt(change)).astype(np.float32)
    return crystals / crystals[crystals > 0].mean()
