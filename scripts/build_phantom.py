"""Builds petcourse/data/colin27_labels.npz: tissue labels of the Colin27 head, 1 mm, in BrainWeb's numbering.

    python scripts/build_phantom.py ch2.nii.gz ch2bet.nii.gz petcourse/data/colin27_labels.npz

Colin27 is one man's head, scanned 27 times (T1-weighted) and averaged: Holmes 1998,
doi:10.1097/00004728-199803000-00032. The two files are in Debian's package mricron-data, under
/usr/share/mricron/templates: ch2 is the head, ch2bet the same with all but the brain removed. The notice in
petcourse/data/NOTICE goes with whatever is made of them. This was run once; nibabel is needed for it only.

What it does, in order: the head and the air inside it; the skull, which is the dark layer around the brain; grey and
white matter and CSF by the image's value after its slow variation has been divided out; fat where it is bright outside
the skull. Numbers below are values of ch2 (white matter about 105, grey 75, CSF 30, bone 10 to 25, air below 15).
It is anatomy to simulate with, not a reference segmentation: the face has no bone apart from what is near the brain,
and muscle, dura and marrow are not told apart from skin and skull.
"""

import sys

import nibabel
import numpy as np
from scipy import ndimage as nd

CSF, GREY, WHITE, FAT, SKIN, SKULL, VESSELS = 1, 2, 3, 4, 6, 7, 8


def within(mask, mm):
    """Voxels at most `mm` from `mask`."""
    return nd.distance_transform_edt(~mask) <= mm


def deeper(mask, mm):
    """Voxels of `mask` more than `mm` from its outside."""
    return nd.distance_transform_edt(np.pad(mask, 1, "edge"))[1:-1, 1:-1, 1:-1] > mm


def closed(mask, mm):
    """`mask` with gaps narrower than twice `mm` filled."""
    wide = np.pad(mask, int(mm) + 2)
    return deeper(within(wide, mm), mm)[(slice(int(mm) + 2, -int(mm) - 2),) * 3]


def opened(mask, mm):
    """`mask` without what is narrower than twice `mm`."""
    return within(deeper(mask, mm), mm) & mask


def largest(mask):
    parts, count = nd.label(mask)
    return parts == 1 + np.argmax(nd.sum(mask, parts, range(1, count + 1)))


def segment(t1, brain):
    """Labels (z, y, x) uint8 from the head and the brain's mask; the axes run to the top, the front and the right."""
    z, y, x = np.ogrid[tuple(slice(0, n) for n in t1.shape)]
    z, y, x = z - 71, y - 125, x - 90  # mm from the anterior commissure, from ch2's affine
    dark = nd.median_filter(t1, 3)

    head = largest(t1 > 0)  # outside the head ch2 is zero
    head |= closed(head, 4)
    # Wide dark places before the ears are the sinuses, the nose and the throat; behind them is bone with small cells.
    air = opened(head & (dark < 15) & (y > -15) & (z < 10) & (np.abs(x) < 50), 2.5)

    brain = largest(opened(brain & (dark > 24) & ~air, 2))
    hull = within(closed(brain, 8), 1.5) & head & ~air
    outside = nd.distance_transform_edt(~hull)
    bone = head & ~hull & ~air & (dark < np.where(outside < 9, 45, 26)) & (outside < 20) & deeper(head, 5)
    bone = closed(bone, 3) & ~hull & ~air & deeper(head, 4)
    bone = largest(bone)

    white = deeper(brain & (t1 > 95), 1)
    slow = nd.gaussian_filter(np.where(white, t1, 0), 15) / np.maximum(nd.gaussian_filter(white.astype("f4"), 15), 1e-6)
    even = t1 / np.maximum(slow, 60)

    # What is left between the brain's hull and the skull is meninges and marrow, and the sinus that runs from the front
    # to the back.
    shell = hull | bone
    gap = closed(shell, 4) & head & ~hull & ~air
    sinus = np.stack([nd.binary_fill_holes(s) for s in shell.swapaxes(0, 1)], 1) & head & ~shell & ~gap & ~air
    labels = np.where(head & ~air, SKIN, 0).astype(np.uint8)
    labels[(labels == SKIN) & (nd.median_filter(even, 3) > 1.15) & deeper(head, 2)] = FAT
    labels[bone | gap] = SKULL
    labels[hull | (gap & (outside < 2))] = CSF
    labels[sinus] = VESSELS

    # The basal ganglia and the thalami are nearly as bright as white matter; they have their own threshold.
    deep = (x / 36) ** 2 + ((y + 3) / 32) ** 2 + ((z - 5) / 16) ** 2 < 1
    labels[brain & (even > 0.50)] = GREY
    labels[brain & (even > np.where(deep, 0.945, 0.905))] = WHITE
    # Where white matter borders on a ventricle, the mixed voxels look like grey matter: a rim, thin where nuclei are not.
    ventricles = opened(labels == CSF, 2) & (outside == 0) & (nd.distance_transform_edt(hull) > 20)
    grey = labels == GREY
    labels[grey & within(ventricles, 3) & ~opened(grey, 1)] = WHITE
    return labels


def main(head, brain, out):
    images = [np.asarray(nibabel.load(path).dataobj).T.astype(np.float32) for path in (head, brain)]
    labels = segment(images[0], images[1] > 0)
    np.savez_compressed(out, labels=labels)
    for label, count in enumerate(np.bincount(labels.ravel())):
        print(f"label {label}: {count / 1000:.0f} mL")


if __name__ == "__main__":
    main(*sys.argv[1:])
