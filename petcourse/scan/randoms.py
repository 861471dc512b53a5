"""r: pairs of photons that do not belong together, from how often each crystal fires.

Two crystals that fire S_i and S_j times a second do so within the coincidence window by chance ``window S_i S_j`` times a
second. A second, delayed window counts such pairs alone: *delayeds*. Variance reduction as Casey & Hoffman (J. Comput.
Assist. Tomogr. 10, 845, 1986).
"""

import numpy as np
from tqdm.auto import tqdm

from petcourse.hardware.device import require_array
from petcourse.scan.pairs import sum_over_pairs, sum_over_partners

WINDOW = 5.859e-9  # s, the mMR's: the whole of it, 2 tau


def singles(scanner, sinogram, total):
    """Rates of singles of a scanner whose crystals fire in proportion to what all lines that end on them bring.

    Parameters
    ----------
    scanner : Scanner
    sinogram : (plane, angle, bin) float32
        Line integrals of the activity, times efficiencies if they differ.
    total : float
        Singles of all crystals together [1/s]; a head on the mMR has some 8e6.

    Returns
    -------
    rates : (ring, slot) float32
        In 1/s; 0 in gaps.

    Raises
    ------
    ValueError
        If the sinogram is not this scanner's, negative or empty, or ``total`` is not positive.
    """
    require_array(sinogram, "the sinogram", np)
    if (
        sinogram.shape != scanner.sinogram_shape
        or not sinogram.min() >= 0
        or not 0 < sinogram.sum(dtype=float) < np.inf
    ):
        raise ValueError(
            f"the sinogram is of shape {sinogram.shape} and reaches from {float(sinogram.min()):g} to "
            f"{float(sinogram.max()):g}: give line integrals of shape {scanner.sinogram_shape}, somewhere positive."
        )
    if not 0 < total < np.inf:
        raise ValueError(f"{total!r} singles per second were asked for: give a positive number, such as 8e6.")
    per_pair = sinogram / np.maximum(scanner.multiplicity(), 1).astype(np.float32)[:, None, None]
    rates = sum_over_partners(scanner, per_pair, np.ones((scanner.rings, scanner.slots), np.float32))
    return (rates * (total / rates.sum())).astype(np.float32)


def mean_randoms(scanner, rates, duration, window=WINDOW):
    """Mean randoms of each bin: ``r = window duration sum_ij S_i S_j`` over its pairs of crystals.

    Parameters
    ----------
    scanner : Scanner
    rates : (ring, slot) float32
        Singles of each crystal [1/s].
    duration, window : float
        Of the scan and for coincidences [s].

    Returns
    -------
    r : (plane, angle, bin) float32
        0 in dead bins.

    Raises
    ------
    ValueError
        If the rates are not this scanner's or negative, or a time is not positive.
    """
    _require(scanner, rates, duration, window)
    r = sum_over_pairs(scanner, rates)
    r *= np.float32(window * duration) * scanner.live()
    return r


def measure_delayeds(scanner, rates, duration, window=WINDOW, seed=0):
    """Count delayed coincidences, pair of crystals by pair of crystals.

    Parameters
    ----------
    scanner, rates, duration, window
        As for `mean_randoms`.
    seed : int
        Of the Poisson noise.

    Returns
    -------
    d : (plane, angle, bin) int32
        Delayeds in each bin: a noisy measurement of r.
    fans : (ring, slot) int64
        Delayeds that each crystal took part in, with all others it forms bins with.
    """
    _require(scanner, rates, duration, window)
    rng, live, (c0, c1) = np.random.default_rng(seed), scanner.live(), scanner.bin_crystals()
    d, (r0, r1, plane) = np.zeros(scanner.sinogram_shape, np.int32), scanner.ring_pairs()
    lines, fans = rates * np.float32(np.sqrt(window * duration)), np.zeros(rates.shape)
    for a, b, p in zip(tqdm(r0, desc="delayeds", unit="ring pair", leave=False), r1, plane, strict=True):
        drawn = rng.poisson(lines[a][c0] * lines[b][c1] * live)
        d[p] += drawn
        fans[a] += np.bincount(c0[live], drawn[live], scanner.slots)
        fans[b] += np.bincount(c1[live], drawn[live], scanner.slots)
    return d, fans.astype(np.int64)


def estimate_singles(scanner, fans, duration, window=WINDOW, rounds=10):
    """Rates of singles that explain how many delayeds each crystal took part in.

    Solves ``F_i = window duration S_i sum_j S_j``. All crystals at once would oscillate for ever: each round takes the
    geometric mean of the old rate and of the new one.

    Parameters
    ----------
    scanner : Scanner
    fans : (ring, slot) int
        As `measure_delayeds` gives them.
    duration, window : float
        As for `mean_randoms`.
    rounds : int

    Returns
    -------
    rates : (ring, slot) float32
        For `mean_randoms`, whose relative variance is then about ``1/F_i + 1/F_j``, not ``1/d_ij``.
    """
    _require(scanner, fans, duration, window)
    near = abs(np.subtract.outer(np.arange(scanner.rings), np.arange(scanner.rings))) <= scanner.max_ring_difference
    live, (c0, c1) = scanner.live(), scanner.bin_crystals()
    opposite = np.zeros((scanner.slots, scanner.slots))
    opposite[c0[live], c1[live]] = opposite[c1[live], c0[live]] = 1
    wanted = fans / (window * duration)
    rates = np.full(fans.shape, np.sqrt(wanted.max() / opposite.sum(axis=0).max())) * (fans > 0)
    for _ in range(rounds):
        others = near @ rates @ opposite
        rates = np.sqrt(rates * np.divide(wanted, others, out=np.zeros(fans.shape), where=others > 0))
    return rates.astype(np.float32)


def _require(scanner, rates, duration, window):
    require_array(rates, "the set of rates", np)
    if rates.shape != (scanner.rings, scanner.slots) or not 0 <= rates.min() <= rates.max() < np.inf or not rates.any():
        raise ValueError(
            f"rates of shape {rates.shape} from {float(rates.min()):g} to {float(rates.max()):g} were given: give one for "
            f"each crystal of this scanner, {(scanner.rings, scanner.slots)}, nowhere negative and somewhere positive."
        )
    if not (0 < duration < np.inf and 0 < window < 1):
        raise ValueError(f"a scan of {duration!r} s with a window of {window!r} s was asked for: give positive times.")
