"""Scatter of a head that is not known: simulated from the image that it spoils, again and again.

Watson 2000 (doi:10.1109/23.873020).
"""

from petcourse.hardware.device import as_numpy
from petcourse.reconstruction.em import last, osem
from petcourse.scan.scatter import scatter, tail_scale


def estimate_scatter(scanner, P, A, m, r, mu, N=None, rounds=2, passes=2, subsets=14):
    """Mean scatter in a measurement: reconstruct, simulate what is scattered of it, fit that beside the body, and again.

    Parameters
    ----------
    scanner : Scanner
    P : Operator
        From image to trues, for example ``N @ A @ X @ H``.
    A : Attenuation
        Which tells where lines pass the body.
    m : (plane, angle, bin)
        Counts.
    r : (plane, angle, bin) float32
        Mean randoms.
    mu : (z, y, x) float32
        Attenuation map [1/mm].
    N : Normalisation, optional
        Also a part of P. Default: all bins count alike.
    rounds, passes, subsets : int
        How often scatter is simulated, and of what: an image of OSEM. After two rounds it changes no more.

    Returns
    -------
    s : (plane, angle, bin) float32
        As it is counted.

    Raises
    ------
    ValueError
        As `osem`, `scatter` and `tail_scale`.
    """
    s = 0
    for _ in range(rounds):
        theta = last(osem(P, m, r + s, passes, subsets))
        s = scatter(scanner, as_numpy(theta), mu)
        if N is not None:
            s *= as_numpy(N.factors)
        s *= tail_scale(s, as_numpy(m), as_numpy(r), as_numpy(A.factors))[:, None, None]
        s = P.xp.asarray(s)
    return s
