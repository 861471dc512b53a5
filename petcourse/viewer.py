"""Look through volumes slice by slice: in the notebook, in a saved one, in an exported page and on a slide.

The output of `volshow` is one piece of HTML that holds everything: a picture of one slice, the volumes in 8 bits, and
the script (viewer.js) that replaces the picture by linked slices. Without scripts the picture stays.
"""

import base64
import html
import json
import math
import zlib
from numbers import Real
from pathlib import Path

import numpy as np

from petcourse.picture import picture
from petcourse.scanner import whole

LIMIT_MB = 12  # a notebook with larger outputs is slow to open and to save

_PAGE = """<div class="pv-root">
<img alt="{alt}" src="data:image/png;base64,{picture}" style="max-width: 100%">
<script>(() => {{{script}
const root = document.currentScript?.closest(".pv-root") ?? document.querySelector(".pv-root:not([data-ready])");
show(root, {data});
}})();</script></div>"""


class Viewer:
    """What `volshow` returns: Jupyter shows it as HTML."""

    def __init__(self, page, summary):
        self._page, self._summary = page, summary

    def _repr_html_(self):
        return self._page

    def __repr__(self):
        return f"<volshow: {self._summary}>"


def volshow(
    volumes,
    titles=None,
    cmaps=None,
    colorbars=None,
    ncols=None,
    vmins=None,
    vmaxs=None,
    units=None,
    alt=None,
    voxel=(1, 1, 1),
    slices="slice",
    frames="frame",
):
    """Show volumes side by side, with one slider for the slice of all.

    Options named in the plural take a list with one entry per volume, or a single value for all. Values are stored
    in 8 bits between the ends of the colour range: what is read under the cursor is within range / 510 of the array's
    value (exact for integers that span at most 255), and shown as a bound where it lies beyond vmin or vmax.

    Parameters
    ----------
    volumes : array, list of arrays or dict of title: array
        Real, integer or boolean, axes (z, y, x), or (frame, z, y, x) for a second slider (say, iterations). All have
        the same number of slices z; y and x may differ. A list or a dict has one panel for each entry; a single
        4-D array is one panel, or one for each frame where `ncols` says how to lay them out.
    titles, units, alt : str, optional
        Title of each panel, unit of its values, and what the whole picture shows, for those who cannot see it.
    cmaps : str, default "Greys_r"
        Names of Matplotlib's colour maps.
    colorbars : bool, optional
        By default where there is a unit.
    ncols : int, optional
        Panels in a row, by default up to four.
    vmins, vmaxs : float, optional
        Ends of the colour range, by default smallest and largest value; equal ones make panels comparable.
    voxel : tuple of float, optional
        Size (dz, dy, dx) of a voxel in mm, by default a cube.
    slices, frames : str, optional
        What the sliders are called, for example "plane" and "iteration".

    Returns
    -------
    Viewer
        Shown where it is the last line of a cell, without a semicolon.

    Raises
    ------
    ValueError
        If it cannot be shown truly: values that are NaN, infinite or complex; shapes, lists, ranges or colour maps that
        do not fit; more data than an output should carry (12 MB).
    """
    if isinstance(volumes, dict):
        titles, volumes = list(volumes) if titles is None else titles, list(volumes.values())
    elif not isinstance(volumes, (list, tuple)):
        volumes = list(volumes) if np.ndim(volumes) == 4 and ncols is not None else [volumes]
    n = len(volumes)
    ncols = min(n, 4 if ncols is None else whole("ncols", ncols))
    if ncols < 1:
        raise ValueError(f"{n} volumes in rows of {ncols} leave nothing to show: give at least one of each.")
    if np.shape(voxel) != (3,) or not all(isinstance(d, Real) and 0 < d < math.inf for d in voxel):
        raise ValueError(f"voxel is {voxel!r}, but three sizes (dz, dy, dx) above 0 mm are wanted: try scanner.voxel.")
    options = {"titles": titles, "cmaps": cmaps, "colorbars": colorbars, "vmins": vmins, "vmaxs": vmaxs, "units": units}
    columns = [_for_each(name, value, n) for name, value in options.items()]
    panels = [_panel(*entries) for entries in zip(range(n), volumes, *columns, strict=True)]
    counts = {"slice": panels[0]["shape"][1], "frame": max(p["shape"][0] for p in panels)}
    if any(p["shape"][1] != counts["slice"] or p["shape"][0] not in (1, counts["frame"]) for p in panels):
        raise ValueError(
            f"the volumes have (frames, slices) {[tuple(p['shape'][:2]) for p in panels]}, but one slider "
            "for all needs equal numbers: cut them to a common range."
        )
    start = {"slice": counts["slice"] // 2, "frame": counts["frame"] - 1}  # the last frame: of iterations the result
    shown = "; ".join(f"{p['title'] or 'volume'}, {p['lo']:.4g} to {p['hi']:.4g} {p['unit']}".strip() for p in panels)
    alt = alt or f"{slices} {start['slice']} of {counts['slice']}: {shown}"
    still = base64.b64encode(picture(panels, start, ncols, voxel)).decode()
    _pack(panels)
    data = {
        "alt": alt,
        "ncols": ncols,
        "voxel": [float(d) for d in voxel],
        **start,
        "sliders": [[*item, name] for item, name in zip(counts.items(), (slices, frames), strict=True)],
        "panels": [{k: v for k, v in p.items() if k not in ("volume", "cmap")} for p in panels],
    }
    script = Path(__file__).with_name("viewer.js").read_text("utf-8").rsplit("\nexport ", 1)[0]
    # inside a script "</script" would end it, even between quotes
    page = _PAGE.format(
        alt=html.escape(alt), picture=still, script=script, data=json.dumps(data).replace("<", "\\u003c")
    )
    return Viewer(page, f"panels={n}, slices={counts['slice']}, frames={counts['frame']}")


def _for_each(name, value, n):
    """Return n entries: those of a list, or n times the same."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return [value] * n
    value = list(value)
    if len(value) != n:
        raise ValueError(f"{name} has {len(value)} entries for {n} volumes: give one for each, or one value for all.")
    return value


def _panel(i, volume, title, cmap, bar, vmin, vmax, unit):
    """Check one volume and gather what the script needs to know about it."""
    from matplotlib import colormaps
    from matplotlib.ticker import MaxNLocator

    name = f"volume {i}" + (f" ({title})" if title else "")
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
    volume = volume if ndim == 4 else volume[None]
    low, high = float(volume.min()), float(volume.max())
    if not (math.isfinite(low) and math.isfinite(high)):  # a NaN anywhere makes both NaN
        bad = ~np.isfinite(volume)
        first = [int(k) for k in np.unravel_index(bad.argmax(), bad.shape)][4 - ndim :]
        raise ValueError(
            f"{name} has {bad.sum()} values that are NaN or infinite, the first at {first}, and no colour "
            "would be true for them: find out why, or replace them with np.nan_to_num."
        )
    lo = low if vmin is None else whole("vmins", vmin, Real, "finite")
    hi = high if vmax is None else whole("vmaxs", vmax, Real, "finite")
    if lo == hi and None in (vmin, vmax):  # a constant volume: any range that starts there shows it
        hi = lo + (abs(lo) or 1.0)
    if not 0 < hi - lo < math.inf:
        raise ValueError(
            f"{name} with values from {low:g} to {high:g} would be coloured from {lo:g} to {hi:g}, but "
            "the upper end must lie above the lower: change vmins or vmaxs."
        )
    cmap = "Greys_r" if cmap is None else cmap
    if cmap not in colormaps:
        raise ValueError(f"cmaps names {cmap!r}, which Matplotlib does not have: try 'magma', 'Greys_r' or 'RdBu_r'.")
    colours = colormaps[cmap](np.linspace(0, 1, 256), bytes=True)[:, :3]
    ticks = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(lo, hi)
    digits = min(15, math.ceil(math.log10(255 * max(abs(lo), abs(hi)) / (hi - lo))) + 1)  # resolve one of 255 steps
    return {
        "volume": volume,
        "cmap": cmap,
        "title": "" if title is None else str(title),
        "unit": str(unit or ""),
        "lo": lo,
        "hi": hi,
        "below": low < lo,
        "above": high > hi,
        "digits": digits,
        "exact": volume.dtype.kind in "biu" and hi - lo <= 255,
        "error": float(f"{(hi - lo) / 510:.2g}"),
        "bar": bool(unit) if bar is None else bool(bar),
        "shape": volume.shape,
        "ticks": [[float(t), f"{t:.{digits}g}"] for t in ticks if lo <= t <= hi],
        "colours": base64.b64encode(colours.tobytes()).decode(),
    }


def _pack(panels):
    """Add to each panel its voxels: uint8, deflated, base64."""
    total, done, size = sum(p["volume"].size for p in panels), 0, 0
    for p in panels:
        volume, deflate, parts = p["volume"], zlib.compressobj(), []
        for index in np.ndindex(volume.shape[:-2]):  # slice by slice: no second copy of the volume in float64
            level = (volume[index].astype(float) - p["lo"]) / (p["hi"] - p["lo"])
            parts.append(deflate.compress(np.rint(255 * level.clip(0, 1)).astype(np.uint8).tobytes()))
            done += level.size
            size += len(parts[-1]) * 4 / 3e6
            if size > LIMIT_MB:
                raise ValueError(
                    f"the volumes would take about {size * total / done:.0f} MB of the notebook, more "
                    f"than the {LIMIT_MB} MB allowed: crop them, take every n-th slice, or show fewer."
                )
        p["voxels"] = base64.b64encode(b"".join([*parts, deflate.flush()])).decode()
