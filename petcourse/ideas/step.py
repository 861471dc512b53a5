"""What a network that takes turns with EM knows of a scan: EM's answer to an image, and the unit of its images."""

import numpy as np

from petcourse.hardware.device import module_of
from petcourse.reconstruction.em import check, in_parts, whole
from petcourse.reconstruction.ratio import divide
from petcourse.reconstruction.regularised import surrogate_root


def typical(theta):
    """The unit of an image: networks want numbers of about 1, whatever the counts and however much air is around a head.

    It is the mean of all voxels that are above half of it. ValueError if there are none, or a value is not finite.
    """
    unit = theta.mean()
    if not unit > 0 or not np.isfinite(float(unit)):
        raise ValueError(f"the mean of an image for a network is {unit:g}: give one of a scan with counts.")
    for _ in range(5):
        unit = theta[theta > unit / 2].mean()
    return np.float32(unit)


def relative(t1):
    """T1 as networks see it: over the mean of what is above 0. ValueError if nothing is."""
    if not (t1 > 0).any():
        raise ValueError("the T1 image is 0 everywhere: give one of this head, or take a network that does not see T1.")
    return t1 / t1[t1 > 0].mean()


class Scanned:
    """A scan, and the image that is on its way, inside the box that P sees.

    Parameters
    ----------
    P, m, r
        As for `mlem`.
    theta : (z, y, x) float32
        Where to start, such as an image of OSEM.

    Raises
    ------
    TypeError, ValueError
        As `mlem`; if the start is 0 wherever P sees, so that it has no unit (`typical`).
    """

    def __init__(self, P, m, r, theta):
        check(P, m, r, 1, theta)
        self.P, self.xp = P, module_of(m)
        self.box, ((self.P_box, self.m, self.r, self.sensitivity),) = in_parts(P, m, r, 1)
        self.seen = self.sensitivity > 0
        self.theta = self.cut(theta) * self.seen
        self.unit = typical(self.theta)

    def cut(self, image):
        """The part of an image that P sees."""
        return self.xp.ascontiguousarray(image[:, self.box, self.box])

    def fuse(self, u, c):
        """Go to the image of largest surrogate likelihood less ``c/2 |theta - u|^2``: one step of EM, drawn towards u."""
        y = self.P_box.forward(self.theta)
        divide(self.m, y, self.r)  # y is now m / (P @ theta + r)
        em = self.theta * self.P_box.back(y) / self.xp.where(self.seen, self.sensitivity, 1)
        self.theta = surrogate_root(em, self.sensitivity, u, c) * self.seen

    def whole(self):
        """The image on the whole grid."""
        return whole(self.theta, self.P, self.box)
