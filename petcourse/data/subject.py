"""A subject: the PET, attenuation, T1 and T2 images of a head on the scanner's grid, and what is known about them.

Anatomy comes from BrainWeb (see labels.py) or, without a network, from the embedded phantom: tissue labels of the Colin27
head (Holmes 1998, doi:10.1097/00004728-199803000-00032; see NOTICE). Intensities are those of the `brainweb` package.
"""

import re
from dataclasses import dataclass, field
from itertools import product
from numbers import Integral
from pathlib import Path

import numpy as np

from petcourse.data import brainweb
from petcourse.data.labels import TISSUES
from petcourse.data.lesions import add_lesions
from petcourse.errors import first_line
from petcourse.scan.patient import patient_axes
from petcourse.scan.scanner import Scanner

EMBEDDED = Path(__file__).parent / "colin27_labels.npz"
TEXTURE = (1.0, 0, 0.75, 0.75)  # random structure of PET, mu, T1, T2, as in brainweb


@dataclass(frozen=True, eq=False)
class Subject:
    """Images of one head, all of the scanner's `image_shape`, axes (z, y, x); row 0 is the front of the head.

    Attributes
    ----------
    number : int or str
        What `load_subject` takes to load the same head again.
    name : str
        "BrainWeb 04", "embedded phantom (Colin27)" or "virtual subject 1 (warped Colin27)".
    pet : float32
        FDG activity in arbitrary units: grey matter 128, white matter 32, skin 16 before texture and lesions.
    mu : float32
        Attenuation at 511 keV [1/mm]: 0.013 in bone, 0.00975 in other tissue.
    t1, t2 : float32
        Magnetic resonance images in arbitrary units.
    labels : uint8
        Index into `petcourse.data.TISSUES` of the tissue at each voxel's centre.
    lesion_map : uint8
        0, or the number of the lesion (from 1) at each voxel's centre.
    lesions : tuple of Lesion
        What was put into `pet`.
    position : str
        In the scanner, by DICOM's name: BrainWeb's heads lie in it feet first, supine.
    """

    number: int | str
    name: str
    pet: np.ndarray = field(repr=False)
    mu: np.ndarray = field(repr=False)
    t1: np.ndarray = field(repr=False)
    t2: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    lesion_map: np.ndarray = field(repr=False)
    lesions: tuple
    position: str = "FFS"

    @property
    def patient_axes(self):
        """Which way (z, y, x) grow in the patient: "SPR", to the head, the back and the right."""
        return patient_axes(self.position)

    @property
    def head(self):
        """Voxels whose centre is inside the head (some tissue, no air): bool, the image's shape."""
        return self.labels > 0


def load_subject(number=None, scanner=None, folder=None, seed=0, texture=True, lesions=True):
    """A head on the scanner's grid.

    Parameters
    ----------
    number : int or str, optional
        A BrainWeb subject (4, 5, 6, 18, 20, 38 or 41 to 54; downloaded if need be), "embedded" for the embedded phantom,
        or "virtual 1", "virtual 2", ... for the embedded phantom under smooth random warps of 3.5 mm. By default the
        first BrainWeb subject that is on this machine, else the embedded phantom. Virtual subjects differ in shape,
        but share one topology: each has the same folds. What a network gains on them says little of another brain.
    scanner : Scanner, optional
        Whose voxel grid to use. Default: `Scanner.mmr()`.
    folder : path-like, optional
        Where BrainWeb's files are. Default: the environment variable PETCOURSE_BRAINWEB, then ``~/.brainweb``.
    seed : int
        Of texture and lesions, which also differ from subject to subject.
    texture : bool
        Multiply PET, T1 and T2 by smooth noise, so that tissues are not flat.
    lesions : bool
        Put six lesions into the PET image only (after the texture): hot and cold spheres inside the brain.

    Returns
    -------
    subject : Subject

    Raises
    ------
    ValueError, TypeError
        If there is no such subject, or its file is damaged; if `scanner` or `seed` is none; if the scanner sees too
        little brain to hold the lesions.
    OSError
        If `folder` lacks the subject or may not be read, or if BrainWeb cannot be reached or its file not be stored.
    """
    scanner = Scanner.mmr() if scanner is None else scanner
    if not isinstance(scanner, Scanner):
        raise TypeError(
            f"scanner is {scanner!r}, but a Scanner is wanted: give one such as Scanner.mmr(), or leave it out."
        )
    if not isinstance(seed, Integral) or seed < 0:
        raise ValueError(f"seed is {seed!r}, but a whole number from 0 up is wanted: change it.")
    number, name, labels, spacing = _anatomy(number, folder)
    rng = np.random.default_rng([seed, *name.encode()])  # with the name, lest two subjects share one texture

    # A box around the head is sampled whole and then cut, so that a short scanner sees what the full one sees there.
    # Its size is rounded to whole voxels and its first voxel rounded down, as the brainweb package does.
    box = np.rint(np.multiply(labels.shape, spacing) / scanner.voxel).astype(int)
    points = [(np.arange(n) + 0.5) * size / n - 0.5 for n, size in zip(box, labels.shape, strict=True)]
    tissue = labels[np.ix_(*(np.rint(p).astype(int) for p in points))]
    images = _intensities(labels, points)
    tissue, images = tissue[:, ::-1], images[:, :, ::-1]  # stored rows run from the back of the head to its front
    if texture:
        images = images * _texture(images.shape, rng)

    first = (np.array(scanner.image_shape) - box) // 2
    where = tuple(slice(max(f, 0), f + n) for f, n in zip(first, box, strict=True))  # the box in the image
    seen = tuple(slice(max(-f, 0), size - f) for f, size in zip(first, scanner.image_shape, strict=True))  # and back
    tissue, images, spheres = tissue[seen], images[:, *seen], ()
    lesion_map = np.zeros(scanner.image_shape, np.uint8)
    if lesions:
        axes = [a[w] for a, w in zip(scanner.axes(), where, strict=True)]
        spheres = add_lesions(images[0], lesion_map, where, tissue, axes, scanner.voxel, rng)

    def place(part):
        image = np.zeros(scanner.image_shape, part.dtype)
        image[where] = part
        return image

    return Subject(number, name, *map(place, images), place(tissue), lesion_map, spheres)


def _anatomy(number, folder):
    """Number, name, labels (uint8, rows from the back of the head to its front) and their spacing in mm."""
    if number is None:
        reason = "There is no BrainWeb subject on this machine."
        try:
            if local := brainweb.local_subjects(folder):
                return _anatomy(local[0], folder)
        except (ConnectionError, PermissionError) as error:  # damaged, with no network to replace it, or not readable
            reason = str(error)
        print(f"{reason}\nThis is the embedded phantom (Colin27); load_subject(4) fetches BrainWeb 04.")
    elif number != "embedded" and not (virtual := re.fullmatch(r"virtual (\d{1,9})", str(number))):
        labels = brainweb.load_labels(number, folder)
        return int(number), f"BrainWeb {int(number):02d}", labels, 0.5
    try:
        with np.load(EMBEDDED) as file:
            labels = file["labels"]
    except Exception as error:  # noqa: BLE001  whatever damage makes zipfile or NumPy raise, it is named
        fault = f"{type(error).__name__}: {first_line(error)}"
        raise ValueError(f"{EMBEDDED} is damaged ({fault}): install the course anew.") from None
    if number in (None, "embedded"):
        return "embedded", "embedded phantom (Colin27)", labels, 1.0
    which = int(virtual[1])
    return number, f"virtual subject {which} (warped Colin27)", _warp(labels, np.random.default_rng(which)), 1.0


def _warp(labels, rng, shift=3.5, smooth=15):
    """Move every voxel of 1 mm by ``shift`` mm (root mean square) along a field that ``smooth`` mm make smooth."""
    from scipy.ndimage import gaussian_filter, map_coordinates, zoom

    coarse = [-(-n // 5) for n in labels.shape]  # a field this smooth needs a number every 5 mm only
    field = np.stack([gaussian_filter(rng.standard_normal(coarse, np.float32), smooth / 5) for _ in range(3)])
    field *= shift / np.sqrt((field**2).sum(axis=0).mean())
    axes = np.meshgrid(*map(np.arange, labels.shape), indexing="ij", sparse=True)
    fine = [zoom(f, 5, order=1)[tuple(map(slice, labels.shape))] for f in field]
    return map_coordinates(labels, [a + f for a, f in zip(axes, fine, strict=True)], order=0, mode="nearest")


def _intensities(labels, points):
    """PET, mu, T1 and T2 at `points`: (4, z, y, x) float32, each linear between the eight nearest labels' intensities."""
    bw = brainweb.silent_brainweb()
    table = np.zeros((4, len(TISSUES)), np.float32)
    for row, kind in zip(table, (bw.FDG, bw.Mu, bw.T1, bw.T2), strict=True):
        for tissue in kind.attrs:
            row[bw.Act.indices(16 * np.arange(len(TISSUES)), tissue)] = getattr(kind, tissue)
    table[1] /= 10  # 1/cm to 1/mm
    low = [np.clip(np.floor(p).astype(int), 0, n - 2) for p, n in zip(points, labels.shape, strict=True)]
    high = [(p - n).astype(np.float32) for p, n in zip(points, low, strict=True)]  # weight of the upper neighbour
    out = np.zeros((4, *map(len, points)), np.float32)
    for corner in product((0, 1), repeat=3):
        near = labels[np.ix_(*(n + c for n, c in zip(low, corner, strict=True)))]
        z, y, x = (w if c else 1 - w for w, c in zip(high, corner, strict=True))
        weight = z[:, None, None] * y[:, None] * x
        for image, row in zip(out, table, strict=True):
            image += weight * row[near]
    return out


def _texture(shape, rng):
    """Factors 1 + amount * (2 r - 1), with r uniform in [0, 1) smoothed by one voxel: brainweb's random structure."""
    from scipy.ndimage import gaussian_filter

    out = np.ones(shape, np.float32)
    for image, amount in zip(out, TEXTURE, strict=True):
        if amount:
            image += amount * (2 * gaussian_filter(rng.random(shape[1:], np.float32), 1) - 1)
    return out
