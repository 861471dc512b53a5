"""A head that was scanned, and its images, each reconstructed once.

Late images are by OSEM: after k passes of 14 subsets they are about where MLEM is after 14 k iterations.
"""

from dataclasses import replace
from functools import cached_property

import numpy as np
from tqdm.auto import tqdm

from petcourse.cache import cached, hash_of
from petcourse.hardware.device import as_numpy
from petcourse.learning.cases import make_case
from petcourse.reconstruction.em import last, osem
from petcourse.reconstruction.guidance import Kernel, bowsher
from petcourse.reconstruction.priors import RelativeDifference, even_resolution
from petcourse.reconstruction.protocol import BLUR, MODEL, RANDOMS, middle, on_the_grid
from petcourse.reconstruction.regularised import svrg
from petcourse.scan.psf import PSF
from petcourse.scan.simulation import made_of, measure

SUBSETS = 14  # of OSEM and SVRG
MAP_PASSES, MAP_START = 6, 2  # of SVRG, and of OSEM before it
# Passes of OSEM after which an image is kept, by the FWHM of its PSF [mm], and of kernel EM.
PASSES = {
    MODEL: (1, 2, 3, 4, 5, 6, 7, 8, 10),
    BLUR: (2, 4, 6, 8, 10, 12, 15, 18, 22),
    "kernel": (2, 3, 4, 5, 6, 7, 8, 10, 12, 15),
}


class ScannedHead:
    """One scan of one head, and its images: each is reconstructed when it is first asked for, and kept in the cache.

    Parameters
    ----------
    subject : Subject
        As `cut` gives it.
    X : Projector
    counts : float
        Trues in the sinogram; images are in the unit of a scan with 1e8.
    seed : int
        Of the Poisson noise.
    passes : dict of tuple of int, optional
        After which passes of OSEM to keep an image, as in PASSES, which is the default.
    """

    def __init__(self, subject, X, counts=1e8, seed=0, passes=None):
        self.subject, self.X, self.counts, self.seed = subject, X, counts, seed
        self.passes = PASSES if passes is None else passes

    @cached_property
    def case(self):
        """The talk's image, the truth, T1 and tissues."""
        ScannedHead.forget()  # make_case holds a scan, too
        return make_case(self.subject, self.X, (11,), self.counts, self.seed)

    def with_t1(self, t1):
        """The same scan beside another T1 image."""
        return ScannedHead(replace(self.subject, t1=t1), self.X, self.counts, self.seed, self.passes)

    def with_shifted_t1(self, voxels=1):
        """The same scan beside a T1 image that lies that far off along x."""
        return self.with_t1(np.roll(self.subject.t1, voxels, axis=-1))

    _last = None, None  # whose scan is in memory: counts, randoms and attenuation take 0.8 GB, so one only

    def measured(self):
        """What the scanner measured, and T1, on the whole grid."""
        if ScannedHead._last[0] is not self:
            ScannedHead.forget()
            names = ("pet", "mu", "t1")
            whole = {name: on_the_grid(getattr(self.subject, name), self.X.dims) for name in names}
            subject = replace(self.subject, **whole)
            scan = measure(subject, self.X, BLUR, self.counts, RANDOMS, self.seed)
            ScannedHead._last = self, (scan, subject.t1)
        return ScannedHead._last[1]

    @staticmethod
    def forget():
        """Let go of the scan that is in memory."""
        ScannedHead._last = None, None

    def late(self, fwhm, k):
        """The image after k passes of OSEM whose PSF is that wide [mm]."""
        kept = self.passes[fwhm]
        return self._images("late", self._osem, [SUBSETS * n for n in kept], fwhm=fwhm)[SUBSETS * k]

    def kernel(self, sigma, k):
        """The image after k passes of kernel EM: OSEM with P @ K."""
        kept = self.passes["kernel"]
        settings = {"fwhm": BLUR, "sigma": sigma, "t1": hash_of(self.subject.t1)}
        return self._images("kernel", self._osem, [SUBSETS * n for n in kept], **settings)[SUBSETS * k]

    def penalised(self, beta, guided=False):
        """The image of largest posterior with the relative difference prior; if guided, among Bowsher's pairs only."""
        last = MAP_PASSES * SUBSETS + (MAP_PASSES + 1) // 2
        settings = {"t1": hash_of(self.subject.t1)} if guided else {}
        return self._images("map", self._svrg, [last], beta=beta, start=MAP_START, **settings)[last]

    def _osem(self, fwhm, updates, sigma=None, t1=None):
        scan, mr = self.measured()
        P = scan.A @ self.X @ PSF(self.X.scanner, fwhm)
        if sigma is None:
            return osem(P, scan.m, scan.r, updates // SUBSETS, SUBSETS)
        K = Kernel(mr, self.X.scanner.voxel, sigma)
        images = osem(P @ K, scan.m, scan.r, updates // SUBSETS, SUBSETS)
        return (K @ alpha if n % SUBSETS == 0 else alpha for n, alpha in enumerate(images, 1))

    def _svrg(self, beta, start, updates, t1=None):
        scan, mr = self.measured()
        scanner = self.X.scanner
        P, xp = scan.A @ self.X @ PSF(scanner, BLUR), self.X.xp
        theta = last(osem(P, scan.m, scan.r, start, SUBSETS))
        kappa = even_resolution(P, scan.m, scan.r, theta)
        pairs = None if t1 is None else xp.asarray(bowsher(mr))
        prior = RelativeDifference(scanner, kappa, pairs, eps=float(theta.max()) / 1000)
        return svrg(P, scan.m, scan.r, prior, beta, MAP_PASSES, SUBSETS, theta)

    def _images(self, name, steps, kept, **settings):
        """Images after so many updates, cut as the subject is."""
        size = self.subject.pet.shape[-1]

        def make():
            images = steps(updates=max(kept), **settings)
            bar = tqdm(images, total=max(kept), desc=f"{name}, {self.subject.name}", unit="update", leave=False)
            return {str(n): middle(as_numpy(x), size).copy() for n, x in enumerate(bar, 1) if n in kept}

        made_by = made_of(self.subject, self.X, counts=self.counts, seed=self.seed, size=size, kept=kept, **settings)
        images = cached(name, make, blur=BLUR, randoms=RANDOMS, subsets=SUBSETS, **made_by)
        return {n: np.float32(1e8 / self.counts) * images[str(n)] for n in kept}
