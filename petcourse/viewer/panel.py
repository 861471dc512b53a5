"""One volume of a viewer: its checks, its range of colours, its voxels in 8 bits."""

import base64
import math
import re
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from matplotlib import colormaps

from petcourse.hardware.device import as_numpy

# Matplotlib's maps with a neutral middle: their range is even about zero unless another one is asked for.
DIVERGING = "(PiYG|PRGn|BrBG|PuOr|RdGy|RdBu|RdYlBu|RdYlGn|coolwarm|bwr|seismic|berlin|managua|vanimo)(_r)?"


@dataclass(frozen=True, eq=False)
class Panel:
    """A volume and how it is shown.

    Attributes
    ----------
    name : str
        What errors call it.
    volume : array, shape (frame, z, y, x)
        Real, integer or boolean, without a NaN or an infinite value: see `as_volume`.
    title, unit, cmap : str
        Title and unit, empty if there is none, and the name of Matplotlib's colour map.
    vmin, vmax : float or None
        Ends of the colour range; `with_ranges` chooses where there is none.
    contour : array of uint8, shape (z, y, x), or None
        Labels, whose borders are drawn over the volume.
    bar : bool
        Whether there is a colour bar.
    group : int
        Number of the first panel with this unit and range: a reader who changes one range changes all.
    """

    name: str
    volume: np.ndarray
    title: str
    unit: str
    cmap: str
    vmin: float | None = None
    vmax: float | None = None
    contour: np.ndarray | None = None
    bar: bool = True
    group: int = 0

    def __post_init__(self):
        if not isinstance(self.cmap, str) or self.cmap not in colormaps:
            raise ValueError(f"cmaps names {self.cmap!r}, which Matplotlib does not have: try 'inferno' or 'RdBu_r'.")

    @cached_property
    def extremes(self):
        """Smallest and largest value of the volume."""
        return float(self.volume.min()), float(self.volume.max())

    @property
    def diverging(self):
        """Whether the colour map has a neutral middle."""
        return bool(re.fullmatch(DIVERGING, self.cmap))

    def codes(self, image):
        """Return an image or a volume as uint8: 0 at `vmin`, 255 at `vmax`, and the nearest step between."""
        level = image.astype(float)
        level -= self.vmin
        level /= self.vmax - self.vmin
        level *= 255
        return np.rint(level, out=level).clip(0, 255, out=level).astype(np.uint8)

    def entries(self, contour=None):
        """Return what the script needs to know, with the number of the contour; `volumes.js` lists the entries."""
        lowest, highest = self.extremes
        span, largest = self.vmax - self.vmin, max(abs(self.vmin), abs(self.vmax))
        integers = self.volume.dtype.kind in "biu" and self.vmin.is_integer() and self.vmax.is_integer()
        return {
            "title": self.title,
            "unit": self.unit,
            "group": self.group,
            "vmin": self.vmin,
            "vmax": self.vmax,
            "below": lowest < self.vmin,
            "above": highest > self.vmax,
            "exact": integers and span <= 255 and largest < 2**53,
            # enough to tell one of 255 steps from the next
            "digits": min(15, math.ceil(math.log10(255 * (largest / span))) + 1),
            "error": float(f"{span / 510:.2g}"),
            "bar": self.bar,
            "contour": contour,
            "shape": list(self.volume.shape),
            "colours": base64.b64encode(colormaps[self.cmap](range(256), bytes=True)[:, :3].tobytes()).decode(),
        }


def as_array(name, values):
    """Return values as a NumPy array, fetched from a GPU if they are there; ValueError if some are masked."""
    if np.ma.is_masked(values):
        raise ValueError(
            f"{name} has masked values, and no colour would be true for them: fill them, say by .filled(0)."
        )
    return np.asarray(as_numpy(values))


def as_volume(name, volume):
    """Return (z, y, x) or (frame, z, y, x) as a NumPy array (frame, z, y, x); ValueError if it cannot be shown."""
    volume = as_array(name, volume)
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


def as_contour(name, labels, shape):
    """Return labels as uint8; ValueError where they are none of that shape, (z, y, x)."""
    labels = as_array(f"the contour over {name}", labels)
    if labels.dtype.kind not in "biu" or labels.shape != shape or labels.min() < 0 or labels.max() > 255:
        raise ValueError(
            f"the contour over {name} is of type {labels.dtype} and shape {labels.shape}, but booleans or labels 0 to "
            f"255 of shape {shape} are wanted: give a mask such as lesion.mask, or labels > 0."
        )
    return labels.astype(np.uint8)


def for_each(name, value, n):
    """Return n entries: those of a list, or n times the same."""
    entries = list(value) if isinstance(value, (list, tuple)) or np.ndim(value) == 1 else [value] * n
    if len(entries) != n:
        raise ValueError(f"{name} has {len(entries)} entries for {n} volumes: give one for each, or one value for all.")
    return entries


def subtract(pair, panels):
    """Return a panel with the first minus the second of two panels, named by number or title."""
    titles = [panel.title for panel in panels]
    first, second = (panels[titles.index(k) if isinstance(k, str) else k] for k in pair)
    shapes = [panel.volume.shape for panel in (first, second)]
    frames = {len(panel.volume) for panel in (first, second)}
    if shapes[0][1:] != shapes[1][1:] or first.unit != second.unit or (len(frames) > 1 and 1 not in frames):
        raise ValueError(
            f"the volumes of the difference have shapes {shapes[0]} and {shapes[1]} and units {first.unit!r} and "
            f"{second.unit!r}, but equal ones are wanted: choose volumes that can be subtracted."
        )
    change = np.subtract(first.volume, second.volume, dtype=np.result_type(first.volume, second.volume, np.float32))
    ends = [end for panel in (first, second) for end in (panel.vmin, panel.vmax)]
    vmax = None
    if None not in ends and np.abs(change).max() > max(ends) - min(ends):
        vmax = max(ends) - min(ends)  # what is cut in the two is cut here as well
    title = " − ".join(panel.title or panel.name for panel in (first, second))
    return Panel("the difference", change, title, first.unit, "RdBu_r", None, vmax, first.contour)


def with_ranges(panels):
    """Return panels with the ends of their ranges, and with the group of those that share unit and range."""
    out = []
    for i, panel in enumerate(panels):
        vmin, vmax = _range(panel, panels)
        alike = [p.group for p in out if panel.unit and (p.unit, p.vmin, p.vmax) == (panel.unit, vmin, vmax)]
        out.append(replace(panel, vmin=vmin, vmax=vmax, group=min(alike, default=i)))
    return out


def _range(panel, panels):
    """Ends of a panel's range: as asked for, else one range for all panels of its unit.

    A diverging colour map gets a range of its own, even about zero.
    """
    vmin, vmax = (end if end is None else float(end) for end in (panel.vmin, panel.vmax))
    if panel.diverging:
        largest = max(map(abs, [end for end in (vmin, vmax) if end is not None] or panel.extremes))
        vmin, vmax = -largest if vmin is None else vmin, largest if vmax is None else vmax
    else:
        alike = [p for p in panels if p is panel or (p.unit and p.unit == panel.unit and not p.diverging)]
        vmin = min(p.extremes[0] for p in alike if p.vmin is None) if vmin is None else vmin
        vmax = max(p.extremes[1] for p in alike if p.vmax is None) if vmax is None else vmax
    if vmin == vmax and None in (panel.vmin, panel.vmax):  # a constant volume: any range that starts there shows it
        vmax = vmin + (abs(vmin) or 1.0)
    if not 0 < vmax - vmin < math.inf:
        lowest, highest = panel.extremes
        raise ValueError(
            f"{panel.name} with values from {lowest:g} to {highest:g} would be coloured from {vmin:g} to {vmax:g}, but "
            "two finite ends are wanted, the upper above the lower: change vmins or vmaxs."
        )
    return vmin, vmax
