"""Slices of a head, each as a ring would see it: planes of one scanner, through which a network can learn in minutes.

A step of learning through the whole mMR takes seconds for each head. A slice that is seen by its own ring alone is a problem
of two dimensions with the same angles, bins and blur; the rings of `slice_scanner` lie a metre apart.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from types import SimpleNamespace

import numpy as np

from petcourse.hardware.device import module_of
from petcourse.ideas.step import relative, typical
from petcourse.ideas.thinning import thin
from petcourse.reconstruction.em import last, osem
from petcourse.reconstruction.protocol import BLUR
from petcourse.scan.attenuation import Attenuation
from petcourse.scan.operator import Operator
from petcourse.scan.projector import Projector
from petcourse.scan.psf import PSF
from petcourse.scan.scanner import Scanner
from petcourse.scan.simulation import measure

RADIUS = 140  # of the slices' field of view [mm]; a head fits into it


def slice_scanner(slices):
    """The mMR's rings a metre apart, each with itself only: every second plane of its images is a slice of its own."""
    return replace(Scanner.mmr(), rings=slices, ring_pitch=1000.0, span=1, max_ring_difference=0)


class EverySecond(Operator):
    """From slices (slice, ., .) to planes of which every second one is a slice, and the others are 0.

    Parameters
    ----------
    slices, rest : int, (int, int)
        How many, and of what shape.
    """

    xp = None

    def __init__(self, slices, rest):
        super().__init__((slices, *rest), (2 * slices - 1, *rest), "slices")

    def forward(self, x):
        planes = module_of(x).zeros(self.dimsd, np.float32)
        planes[::2] = x
        return planes

    def back(self, y):
        return y[::2].copy()


def of_slices(X, H):
    """``X @ H`` of a `slice_scanner`, from (slice, y, x) inside the box that X sees to (slice, angle, bin)."""
    box, (planes, angles, bins) = (X @ H).box, X.dimsd
    slices, size = (planes + 1) // 2, box.stop - box.start
    return (
        EverySecond(slices, (angles, bins)).T
        @ X.inside_box(box)
        @ H.inside_box(box)
        @ EverySecond(slices, (size, size))
    )


@dataclass(frozen=True, eq=False)
class Slices:
    """Scanned slices of one head.

    Attributes
    ----------
    P : Operator
        From slices to trues without attenuation, as `of_slices` gives it.
    m, r, A : (slice, angle, bin)
        Counts, mean randoms, attenuation factors.
    theta : (slice, y, x) float32
        The image of some passes of OSEM, inside the box of P.
    truth, t1 : (slice, y, x) float32
        The truth in theta's unit, and T1 divided by its mean.
    head : (slice, y, x) bool
        Where the head is.
    """

    P: Operator
    m: np.ndarray = field(repr=False)
    r: np.ndarray = field(repr=False)
    A: np.ndarray = field(repr=False)
    theta: np.ndarray = field(repr=False)
    truth: np.ndarray = field(repr=False)
    t1: np.ndarray = field(repr=False)
    head: np.ndarray = field(repr=False)

    @cached_property
    def unit(self):
        """See `typical`."""
        return typical(self.theta)

    def given(self, mr=False):
        """What `unrolled` takes: one scan, by name."""
        values = {"theta": self.theta / self.unit, "m": self.m, "r": self.r, "A": self.A}
        values |= {"t1": self.t1} if mr else {}
        given = {name: np.asarray(value, np.float32)[None] for name, value in values.items()}
        return given | {"unit": np.full((1, 1, 1, 1), self.unit, np.float32)}

    def channels(self, mr=False):
        """What a network sees that works slice by slice: (slice, y, x, channel)."""
        return np.stack([self.theta / self.unit, self.t1][: 1 + mr], axis=-1)

    def target(self):
        """The truth in the network's unit, as one scan."""
        return (self.truth / self.unit)[None]

    def reconstructed(self, m, r, passes):
        """Other counts of the same slices, and their image after so many passes of OSEM."""
        theta = last(osem(Attenuation(self.A) @ self.P, m, r, 14 * passes, 1))
        return replace(self, m=m, r=r, theta=theta)


def scan_slices(subject, slices=32, counts=1e8, passes=1, seed=0):
    """Scan some slices of a head, evenly spaced, with as many counts in all as they would have in a scan of the whole.

    Parameters
    ----------
    subject : Subject
        On the mMR's grid.
    slices : int
    counts : float
        Trues in a scan of the whole head.
    passes : int
        Of OSEM, for the first image.
    seed : int
        Of the Poisson noise.

    Returns
    -------
    Slices
    """
    scanner = slice_scanner(slices)
    X, H = Projector(scanner, RADIUS, device="cpu"), PSF(scanner, BLUR)
    box, planes = (X @ H).box, np.linspace(0, len(subject.pet) - 1, slices + 2).round().astype(int)[1:-1]

    def spread(image):
        put = np.zeros(scanner.image_shape, np.float32)
        put[::2] = image[planes]
        return put

    def inside(image):
        return np.ascontiguousarray(image[::2, box, box])

    head = SimpleNamespace(name=subject.name, pet=spread(subject.pet), mu=spread(subject.mu))
    scan = measure(head, X, BLUR, counts * float(head.pet.sum(dtype=float) / subject.pet.sum(dtype=float)), seed=seed)
    theta = last(osem(scan.A @ X @ H, scan.m, scan.r, passes, 14))
    m, r, A = (np.ascontiguousarray(values[::2]) for values in (scan.m, scan.r, scan.A.factors))
    t1 = spread(relative(subject.t1))
    mask = spread(subject.labels > 0) > 0
    return Slices(of_slices(X, H), m, r, A, inside(theta), inside(scan.truth), inside(t1), inside(mask))


def thinned(scan, passes=1, part=0.5, seed=0):
    """Two scans from one, see `thin`, each with its own image."""
    halves = []
    for m, share in zip(thin(scan.m, part, seed), np.float32((part, 1 - part)), strict=True):
        halves.append(replace(scan.reconstructed(m, share * scan.r, passes), truth=share * scan.truth))
    return halves
