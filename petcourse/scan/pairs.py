"""Sums over the pairs of crystals that are merged into a bin, of numbers that each crystal has."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from petcourse.hardware.machine import available_cores


def sum_over_pairs(scanner, values):
    """For each bin, the sum over its pairs of crystals of the product of the crystals' values.

    Parameters
    ----------
    scanner : Scanner
    values : (ring, slot) float32
        Efficiencies, or rates of singles.

    Returns
    -------
    sums : (plane, angle, bin) float32
        Bins that end in a gap hold the gap's value as well.
    """
    r0, r1, plane = scanner.ring_pairs()
    order = np.argsort(plane, kind="stable")
    r0, r1, plane = r0[order], r1[order], plane[order]
    planes, first = np.unique(plane, return_index=True)
    sums = np.zeros(scanner.sinogram_shape, np.float32)
    c0, c1 = scanner.bin_crystals()

    def one_angle(angle):
        pairs = values[:, c0[angle]][r0] * values[:, c1[angle]][r1]  # (ring pair, bin)
        sums[planes, angle] = np.add.reduceat(pairs, first)

    with ThreadPoolExecutor(available_cores()) as pool:
        list(pool.map(one_angle, range(len(c0))))
    return sums


def sum_over_partners(scanner, sinogram, values):
    """For each crystal, the sum over its partners of the pair's bin times the partner's value.

    Parameters
    ----------
    scanner : Scanner
    sinogram : (plane, angle, bin) float32
        What each single pair of a bin's is given.
    values : (ring, slot)
        Of the partners.

    Returns
    -------
    sums : (ring, slot) float64
        0 in gaps.
    """
    planes, live, (c0, c1) = len(sinogram), scanner.live(), scanner.bin_crystals()
    r0, r1, plane = scanner.ring_pairs()
    plane_of = np.full((scanner.rings, scanner.rings), planes)  # of pairs that are not kept: one more, which is empty
    plane_of[r0, r1] = plane

    def some_angles(first):
        sums = np.zeros((scanner.rings, scanner.slots))
        for a in range(first, len(live), available_cores()):
            lines = np.zeros((planes + 1, scanner.bins), np.float32)
            lines[:-1] = sinogram[:, a] * live[a]
            lines = lines[plane_of]  # (ring of c0, ring of c1, bin)
            at0 = np.einsum("ijb,jb->ib", lines, values[:, c1[a]])
            at1 = np.einsum("ijb,ib->jb", lines, values[:, c0[a]])
            for half in (np.s_[::2], np.s_[1::2]):  # neighbouring bins share a crystal, every other bin none
                sums[:, c0[a, half]] += at0[:, half]
                sums[:, c1[a, half]] += at1[:, half]
        return sums

    with ThreadPoolExecutor(available_cores()) as pool:
        return sum(pool.map(some_angles, range(available_cores())))
