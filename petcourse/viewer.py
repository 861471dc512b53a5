"""Look through volumes slice by slice: in the notebook, in a saved one, in an exported page and on a slide.

The output of `volshow` is one piece of HTML that holds everything: a picture of one slice, the volumes in 8 bits, and
the script (viewer.js) that replaces the picture by linked slices. Without scripts the picture stays.
"""

import base64
import html
import io
import json
import math
import warnings
import zlib
from pathlib import Path

import numpy as np

LIMIT_MB = 12  # a notebook with larger outputs is slow to open and to save

_TEMPLATE = """<div class="petcourse-volshow">
<img alt="{alt}" src="data:image/png;base64,{picture}" style="max-width: 100%">
<script>(() => {{
{script}
const root = document.currentScript?.closest(".petcourse-volshow")
  ?? document.querySelector(".petcourse-volshow:not([data-ready])");
show(root, {data});
}})();</script>
</div>"""


class Viewer:
    """What `volshow` returns: Jupyter shows it as HTML."""

    def __init__(self, page, summary):
        self._page, self._summary = page, summary

    def _repr_html_(self):
        return self._page

    def __repr__(self):
        return f"<volshow: {self._summary}>"


def volshow(volumes, titles=None, cmaps=None, colorbars=None, ncols=None, vmins=None, vmaxs=None, units=None,
            voxel=None, alt=None, sliders=("slice", "frame")):
    """Show volumes side by side, with one slider for the slice of all.

    Every option named in the plural takes one entry per volume, or a single value for all.
    A value is stored in 8 bits between the ends of its range, so what is read under the cursor is within range / 510
    of the array's value (exact for integers that span no more than 255; beyond vmin or vmax it is shown as a bound).

    Parameters
    ----------
    volumes : array, list of arrays or dict of title: array
        Real, integer or boolean. Axes (z, y, x), or (frame, z, y, x) for a second slider (say, iterations).
        All need the same number of slices z; y and x may differ. A list or a dict has one panel for each entry; a
        single 4-D array is one panel, or one for each frame where `ncols` says how to lay them out.
    titles : str, optional
        Shown as text.
    cmaps : str, default "Greys_r"
        Names of Matplotlib's colour maps.
    colorbars : bool, optional
        By default where there is a unit.
    ncols : int, optional
        Panels in a row, by default up to four.
    vmins, vmaxs : float, optional
        Ends of the colour range, by default the smallest and the largest value of the volume. Equal ends for all
        panels make them comparable.
    units : str, optional
        Unit of the values.
    voxel : tuple of float, optional
        Size (dz, dy, dx) of a voxel in mm, by default a cube.
    alt : str, optional
        Describes the picture to those who cannot see it. By default made from titles and ranges.
    sliders : tuple of str, optional
        Names of the sliders, for example ("slice", "iteration") or ("plane",).

    Returns
    -------
    Viewer
        Make it the last line of a cell, without a semicolon.

    Raises
    ------
    ValueError
        If something cannot be shown truly: NaN or infinite values, complex ones, other shapes, an unknown colour map,
        a list of another length, an empty range, or more data than an output should carry (12 MB).
    """
    if isinstance(volumes, dict):
        titles = list(volumes) if titles is None else titles
        volumes = list(volumes.values())
    elif not isinstance(volumes, (list, tuple)):
        single = ncols is None or np.ndim(volumes) != 4
        volumes = [volumes] if single else list(volumes)
    n = len(volumes)
    if n == 0:
        raise ValueError("there are no volumes to show: give at least one 3-D array.")
    ncols = min(n, 4) if ncols is None else ncols
    if ncols != int(ncols) or ncols < 1:
        raise ValueError(f"ncols is {ncols!r}, but a row needs a whole number of panels, 1 or more.")
    voxel = [1.0, 1.0, 1.0] if voxel is None else [float(d) for d in voxel]
    if len(voxel) != 3 or not all(0 < d < math.inf for d in voxel):
        raise ValueError(f"voxel is {voxel}, but three sizes (dz, dy, dx) above 0 mm are wanted.")
    names = [sliders] if isinstance(sliders, str) else list(sliders)
    names += ["slice", "frame"][len(names):]

    options = {"titles": titles, "cmaps": cmaps, "colorbars": colorbars, "vmins": vmins, "vmaxs": vmaxs, "units": units}
    columns = [_for_each(name, value, n) for name, value in options.items()]
    panels = [_panel(i, *entries) for i, entries in enumerate(zip(volumes, *columns, strict=True))]
    slices = {p["shape"][1] for p in panels}
    frames = {p["shape"][0] for p in panels} - {1} or {1}
    if len(slices) > 1 or len(frames) > 1:
        raise ValueError(f"the volumes have shapes {[list(p['volume'].shape) for p in panels]}, but one slider needs "
                         "equal numbers of slices (and frames): cut them to a common range.")
    counts = {"slice": slices.pop(), "frame": frames.pop()}
    # A single volume of many frames opens at the last: of iterations that is the result.
    start = {"slice": counts["slice"] // 2, "frame": counts["frame"] - 1}
    if alt is None:
        alt = f"{names[0]} {start['slice']} of {counts['slice']}: " + "; ".join(
            f"{p['title'] or 'volume'}, {p['lo']:.4g} to {p['hi']:.4g} {p['unit']}".strip() for p in panels)

    picture = _picture(panels, start, int(ncols), voxel)
    _pack(panels)
    data = {"alt": alt, "ncols": int(min(ncols, n)), "voxel": voxel, **start,
            "sliders": [{"key": key, "name": str(name), "count": counts[key]}
                        for key, name in zip(counts, names, strict=False) if counts[key] > 1],
            "panels": [{k: v for k, v in p.items() if k not in ("volume", "cmap")} for p in panels]}
    script = Path(__file__).with_name("viewer.js").read_text("utf-8").rsplit("\nexport ", 1)[0]
    page = _TEMPLATE.format(alt=html.escape(alt), picture=base64.b64encode(picture).decode(), script=script,
                            # in a script, "</script" would end it whatever quotes stand around it
                            data=json.dumps(data).replace("<", "\\u003c"))
    return Viewer(page, f"{n} panel{'s' * (n > 1)}, " + " x ".join(f"{c} {k}s" for k, c in counts.items() if c > 1))


def _for_each(name, value, n):
    """Return a list of n entries."""
    if value is None or isinstance(value, str) or np.ndim(value) == 0 and not hasattr(value, "__iter__"):
        return [value] * n
    value = list(value)
    if len(value) != n:
        raise ValueError(f"{name} has {len(value)} entries for {n} volume{'s' * (n > 1)}: "
                         "give one for each, or a single value for all.")
    return value


def _panel(i, volume, title, cmap, bar, vmin, vmax, unit):
    """Check one volume and gather what the script needs to know about it."""
    import matplotlib
    from matplotlib.ticker import MaxNLocator

    name = f"volume {i}" + (f" ({title})" if title else "")
    volume = np.asarray(volume.get() if hasattr(volume, "__cuda_array_interface__") else volume)
    if volume.dtype.kind not in "biuf":
        raise ValueError(f"{name} holds {volume.dtype} values, but only real ones have a place on a colour bar: "
                         "show its real part or its magnitude.")
    if volume.ndim not in (3, 4) or volume.size == 0:
        raise ValueError(f"{name} has the shape {volume.shape}, but (z, y, x) or (frame, z, y, x) without zeros is "
                         "wanted; a single image is image[None].")
    low, high = float(volume.min()), float(volume.max())
    if not math.isfinite(low) or not math.isfinite(high):  # a NaN anywhere makes both NaN
        bad = ~np.isfinite(volume)
        first = tuple(int(k) for k in np.unravel_index(bad.argmax(), bad.shape))
        raise ValueError(f"{name} has {bad.sum()} values that are NaN or infinite, the first at {first}: no colour "
                         "would be true for them, so mend them or choose one with np.nan_to_num.")
    lo, hi = low if vmin is None else float(vmin), high if vmax is None else float(vmax)
    if lo == hi and None in (vmin, vmax):  # a constant volume: any range that starts there shows it
        hi = lo + (abs(lo) or 1.0)
    if not 0 < hi - lo < math.inf:
        raise ValueError(f"{name} would be coloured from {lo:g} to {hi:g} (its values: {low:g} to {high:g}), but the "
                         "lower end must lie below the upper: change vmins or vmaxs.")
    cmap = "Greys_r" if cmap is None else cmap
    if cmap not in matplotlib.colormaps:
        raise ValueError(f"cmaps names {cmap!r}, which Matplotlib does not have: take for example 'magma', 'Greys_r' "
                         "or 'RdBu_r'.")
    colours = matplotlib.colormaps[cmap](np.linspace(0, 1, 256), bytes=True)[:, :3]
    ticks = [float(t) for t in MaxNLocator(4).tick_values(lo, hi) if lo <= t <= hi]
    exact = volume.dtype.kind in "biu" and hi - lo <= 255
    return {"volume": volume, "cmap": cmap, "title": "" if title is None else str(title), "unit": str(unit or ""),
            "lo": lo, "hi": hi, "below": low < lo, "above": high > hi, "exact": exact,
            "error": float(f"{(hi - lo) / 510:.2g}"),
            "digits": min(15, math.ceil(math.log10(255 * max(abs(lo), abs(hi)) / (hi - lo))) + 1),
            "bar": bool(unit) if bar is None else bool(bar), "ticks": [[t, f"{t:.6g}"] for t in ticks],
            "shape": [1, *volume.shape][-4:], "colours": base64.b64encode(colours.tobytes()).decode()}


def _pack(panels):
    """Add to each panel its voxels: uint8, deflated, base64."""
    total, done, size = sum(p["volume"].size for p in panels), 0, 0
    for p in panels:
        volume, deflate, parts = p["volume"], zlib.compressobj(), []
        for index in np.ndindex(volume.shape[:-2]):  # slice by slice: no second copy of the volume in float64
            level = (volume[index].astype(np.float64) - p["lo"]) / (p["hi"] - p["lo"])
            parts.append(deflate.compress(np.rint(255 * level.clip(0, 1)).astype(np.uint8).tobytes()))
            done += level.size
            size += len(parts[-1]) * 4 / 3e6
            if size > LIMIT_MB:
                raise ValueError(f"the volumes would take about {size * total / done:.0f} MB of the page, more than "
                                 f"the {LIMIT_MB} MB allowed: crop them, take every n-th slice, or show fewer.")
        p["voxels"] = base64.b64encode(b"".join([*parts, deflate.flush()])).decode()


def _picture(panels, start, ncols, voxel):
    """Return a PNG of one slice of each panel, for where no script runs."""
    from matplotlib.figure import Figure  # not pyplot, which keeps figures and shows them

    nrows = math.ceil(len(panels) / ncols)
    ncols = min(ncols, len(panels))
    width = 2.6 if ncols > 2 else 3.6
    tallest = max(p["shape"][2] * voxel[1] / (p["shape"][3] * voxel[2]) for p in panels)
    figure = Figure((width * ncols, (min(width * tallest, 2 * width) + 0.3) * nrows), dpi=100, layout="constrained")
    axes = figure.subplots(nrows, ncols, squeeze=False).ravel()
    for p, ax in zip(panels, axes, strict=False):
        frame = p["volume"].reshape(p["shape"])[min(start["frame"], p["shape"][0] - 1), start["slice"]]
        image = ax.imshow(frame.astype(float), p["cmap"], vmin=p["lo"], vmax=p["hi"], aspect=voxel[1] / voxel[2])
        ax.set_title(p["title"], parse_math=False, fontsize=10)
        if p["bar"]:
            bar = figure.colorbar(image, ax=ax, ticks=[t for t, _ in p["ticks"]])
            bar.set_label(p["unit"], parse_math=False)
    for ax in axes:
        ax.set_axis_off()
    png = io.BytesIO()
    with warnings.catch_warnings():
        # Matplotlib's own font lacks many scripts; the browser's do not, and the title is in the alt text as well.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()
