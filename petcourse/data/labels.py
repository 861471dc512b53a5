"""The raw files of BrainWeb's twenty subjects: their names, their sums, and the tissue labels that they hold.

The subjects: Aubert-Broche 2006 (doi:10.1109/TMI.2006.883453) and Collins 1998 (doi:10.1109/42.712135); the server:
Cocosco 1997, "BrainWeb: Online interface to a 3D MRI simulated brain database", NeuroImage 5(4) part 2, S425.
"""

import gzip
import hashlib
import warnings
import zlib
from pathlib import Path

import numpy as np

from petcourse.errors import first_line

TISSUES = ("background", "CSF", "grey matter", "white matter", "fat", "muscle", "muscle/skin", "skull", "vessels")
TISSUES += ("around fat", "dura", "marrow")
SHAPE = (362, 434, 362)  # (z, y, x) of a raw file, 0.5 mm apart, two bytes each
SIZE = 2 * SHAPE[0] * SHAPE[1] * SHAPE[2]

# SHA-256 of the uncompressed files (the server's gzip bytes differ from day to day). Subject 04 was summed from a
# download; the others were made from BrainWeb's MINC files by a rule that reproduces 04 bit for bit.
_LINES = (Path(__file__).parent / "brainweb.sha256").read_text().splitlines()
SUMS = {int(name[8:10]): digest for digest, name in map(str.split, _LINES)}
# Least and most [mL] in subjects 4, 5, 6, 18, 20, 38, 42, 44, 45, 47, 49 and 54.
MEASURED = {"CSF": (254, 441), "grey matter": (925, 1053), "white matter": (573, 743), "skull": (233, 506)}
VOXEL_ML = 0.5**3 / 1000


def file_name(number):
    """Name of a subject's raw file: ``subject_04.bin.gz`` for 4."""
    return f"subject_{number:02d}.bin.gz"


def read_labels(path, number):
    """Tissue labels of a raw file, (362, 434, 362) uint8, indices into TISSUES.

    ValueError says that it is not, or not wholly, the subject of that number. A raw file stores rint(label * 4095 / 255).
    The brainweb package expects 16 * label and so misses labels 9 to 11 (its issue 18); this reads them.
    """
    try:
        with gzip.open(path) as file:
            raw = file.read(SIZE + 1)  # one more, if there is one, to see the end
    except (OSError, EOFError, zlib.error) as error:
        fault = getattr(error, "strerror", None) or first_line(error)
        raise ValueError(f"{path} is truncated, no gzip file or not readable ({fault})") from None
    if len(raw) != SIZE:
        size = f"{len(raw)} bytes" if len(raw) < SIZE else "more"
        raise ValueError(f"{path} inflates to {size} instead of {SIZE} bytes")
    label_of = np.full(256, 255, np.uint8)
    label_of[np.rint(np.arange(12) * 4095 / 255).astype(int)] = np.arange(12)
    labels = label_of[np.minimum(np.frombuffer(raw, "<u2"), 255)].reshape(SHAPE)
    digest = hashlib.sha256(raw).hexdigest()
    if digest != SUMS[number]:
        facts = f"{path} has SHA-256 {digest} uncompressed, but {SUMS[number]} was expected"
        if number == 4 or digest in SUMS.values() or labels.max() > 11:
            raise ValueError(facts)
        if fault := oddity(labels):
            raise ValueError(f"{facts}, and it {fault}")
        warnings.warn(
            f"{facts}: its tissues are plausible, and the sum comes from BrainWeb's MINC files rather than from a "
            "download, so it is used; look at it before you trust it.",
            stacklevel=2,
        )
    return labels


def oddity(labels):
    """What shows that `labels` are no whole head, in words, or None: empty planes, or a tissue far from MEASURED."""
    first, last = len(labels) // 20, 9 * len(labels) // 10  # measured heads fill 0 to 343 of 362 at least
    if empty := np.count_nonzero(~labels[first:last].any((1, 2))):
        return f"holds no head in {empty} of the planes {first} to {last - 1}"
    volumes = np.bincount(labels.ravel(), minlength=len(TISSUES)) * VOXEL_ML
    for tissue, (least, most) in MEASURED.items():
        if not least / 2 < (volume := volumes[TISSUES.index(tissue)]) < 2 * most:
            return f"holds {volume:.0f} mL of {tissue}, where {least} to {most} are usual"
    return None
