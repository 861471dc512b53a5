"""One volume of a viewer: its checks, its colour scale, its voxels in 8 bits."""

import base64
import math
from numbers import Integral, Real

import numpy as np

from petcourse.scan.scanner import whole

# Matplotlib's maps with a neutral middle: their scale is even about zero unless it is told another one.
DIVERGING = [
    "PiYG",
    "PRGn",
    "BrBG",
    "PuOr",
    "RdGy",
    "RdBu",
    "RdYlBu",
    "RdYlGn",
    "coolwarm",
    "bwr",
    "seismic",
    "berlin",
    "managua",
    "vanimo",
]


def for_each(name, value, n):
    """Return n entries: those of a list, or n times the same."""
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        value = list(value) if np.ndim(value) == 1 and not isinstance(value, str) else [value] * n
    if len(value) != n:
        raise ValueError(f"{name} has {len(value)} entries for {n} volumes: give one for each, or one value for all.")
    return list(value)


def as_volume(name, volume):
    """Return a volume as a NumPy array (frame, z, y, x); ValueError says why it cannot be shown.

    Parameters
    ----------
    name : str
        What errors call it.
    volume : array, shape (z, y, x) or (frame, z, y, x)
        Real, integer or boolean; one on a GPU is fetched.
    """
    volume = np.asarray(volume.get() if hasattr(volume, "__cuda_array_interface__") else volume)
    if volume.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} holds values of type {volume.dtype}, but a colour bar has room for real ones only: "
            "show the real part or the magnitude."
        )
    if (ndim := volume.ndim) not in (3, 4) or volume.size == 0:
        raise ValueError(
            f"{name} has shape {volume.shape}, but (z, y, x) or (frame, z, y, x) with at least one voxel "
            "is wanted; show a single image as image[None]."
        )
    if not (math.isfinite(float(volume.min())) and math.isfinite(float(volume.max()))):  # a NaN makes both NaN
        bad = ~np.isfinite(volume)
        first = [int(k) for k in np.unravel_index(bad.argmax(), bad.shape)]
        raise ValueError(
            f"{name} has {bad.sum()} values that are NaN or infinite, the first at {first}, and no colour "
            "would be true for them: find out why, or replace them with np.nan_to_num."
        )
    return volume if ndim == 4 else volume[None]


def scales(volumes, names, cmaps, units, vmins, vmaxs):
    """Ends (lo, hi) of each panel's colour range: as asked for, else one range for all panels of one unit.

    A diverging colour map gets a range of its own, even about zero.
    """
    found = [(float(v.min()), float(v.max())) for v in volumes]
    diverging = [str(cmap).removesuffix("_r") in DIVERGING for cmap in cmaps]
    out = []
    for i, (low, high) in enumerate(found):
        lo, hi = (
            None if end is None else whole(name, end, Real, "finite")
            for name, end in (("vmins", vmins[i]), ("vmaxs", vmaxs[i]))
        )
        if diverging[i]:
            most = max(abs(low), abs(high)) if lo is None and hi is None else abs(hi if lo is None else lo)
            lo, hi = -most if lo is None else lo, most if hi is None else hi
        else:
            like = [k for k in range(len(found)) if k == i or (units[k] and units[k] == units[i] and not diverging[k])]
            lo = min(found[k][0] for k in like if vmins[k] is None) if lo is None else lo
            hi = max(found[k][1] for k in like if vmaxs[k] is None) if hi is None else hi
        if lo == hi and None in (vmins[i], vmaxs[i]):  # a constant volume: any range that starts there shows it
            hi = lo + (abs(lo) or 1.0)
        if not 0 < hi - lo < math.inf:
            raise ValueError(
                f"{names[i]} with values from {low:g} to {high:g} would be coloured from {lo:g} to {hi:g}, but "
                "the upper end must lie above the lower: change vmins or vmaxs."
            )
        out.append((lo, hi))
    return out


def panel(volume, scale, title, cmap, bar, unit, group, outline=None):
    """Gather what the script needs to know about one volume; `volumes.js` lists the entries."""
    from matplotlib import colormaps

    if not isinstance(cmap, str) or cmap not in colormaps:
        raise ValueError(f"cmaps names {cmap!r}, which Matplotlib does not have: try 'magma', 'Greys_r' or 'RdBu_r'.")
    lo, hi = scale
    low, high = float(volume.min()), float(volume.max())
    big = max(abs(lo), abs(hi))
    return {
        "title": "" if title is None else str(title),
        "unit": str(unit or ""),
        "group": group,
        "vmin": lo,
        "vmax": hi,
        "below": low < lo,
        "above": high > hi,
        # enough to tell one of 255 steps from the next
        "digits": min(15, math.ceil(math.log10(255 * (big / (hi - lo)))) + 1),
        "exact": volume.dtype.kind in "biu" and hi - lo <= 255 and lo.is_integer() and hi.is_integer() and big < 2**53,
        "error": float(f"{(hi - lo) / 510:.2g}"),
        "bar": bool(unit) if bar is None else bool(bar),
        "contour": outline,
        "shape": list(volume.shape),
        "colours": base64.b64encode(colormaps[cmap](np.linspace(0, 1, 256), bytes=True)[:, :3].tobytes()).decode(),
    }


def subtract(pair, volumes, columns):
    """Return the difference of two volumes, and append its title, unit, colours and range to the columns."""
    titles = [str(title) for title in columns["titles"]]
    pair = [titles.index(k) if isinstance(k, str) and k in titles else k for k in pair] if np.ndim(pair) == 1 else []
    numbers = [int(k) for k in pair if isinstance(k, Integral) and 0 <= k < len(volumes)]
    if len(pair) != 2 or len(set(numbers)) != 2:
        raise ValueError(
            f"difference names {len(set(numbers))} of the {len(volumes)} volumes, but two different ones are wanted: "
            "give their numbers or titles, such as difference=(0, 1)."
        )
    first, second = (volumes[k] for k in numbers)
    units, masks = ([columns[name][k] for k in numbers] for name in ("units", "contours"))
    frames = {len(first), len(second)}
    if first.shape[1:] != second.shape[1:] or units[0] != units[1] or (len(frames) > 1 and 1 not in frames):
        raise ValueError(
            f"the volumes of the difference have shapes {first.shape} and {second.shape} and units {units[0]!r} and "
            f"{units[1]!r}, but equal ones are wanted: choose volumes that can be subtracted."
        )
    a, b = (columns["titles"][k] or f"volume {k}" for k in numbers)
    new = {"titles": f"{a} − {b}", "cmaps": "RdBu_r", "units": units[0], "colorbars": True, "contours": masks[0]}
    out = np.subtract(first, second, dtype=np.result_type(first, second, np.float32))
    ends = [columns[name][k] for name in ("vmins", "vmaxs") for k in numbers]
    if None not in ends and np.abs(out).max() > max(ends) - min(ends):  # what is cut in the two is cut here as well
        new |= {"vmins": min(ends) - max(ends), "vmaxs": max(ends) - min(ends)}
    for name, column in columns.items():
        column.append(new.get(name))
    return out


def outline(name, mask, volume, masks):
    """Check a mask and return its number among the masks; one that several panels share is kept once."""
    mask = np.asarray(mask.get() if hasattr(mask, "__cuda_array_interface__") else mask)
    if mask.dtype.kind not in "biu" or mask.shape != volume.shape[1:] or mask.min() < 0 or mask.max() > 255:
        raise ValueError(
            f"the contour over {name} is of type {mask.dtype} and shape {mask.shape}, but booleans or labels 0 to 255 "
            f"of shape {volume.shape[1:]} are wanted: give a mask such as lesion.mask, or labels > 0."
        )
    mask = mask.astype(np.uint8)
    for number, known in enumerate(masks):
        if np.array_equal(known, mask):
            return number
    masks.append(mask)
    return len(masks) - 1


def codes(image, lo, hi):
    """Return an image or a volume as uint8: 0 at `lo`, 255 at `hi`, and the nearest step between."""
    level = image.astype(float)
    level -= lo
    level /= hi - lo
    level *= 255
    return np.rint(level, out=level).clip(0, 255, out=level).astype(np.uint8)
