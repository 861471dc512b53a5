"""A viewer as one piece of HTML: a picture, the data and the script that replaces the picture by what can be moved."""

import base64
import html
import json
import re
import zlib
from pathlib import Path

from petcourse.viewer.panel import codes
from petcourse.viewer.still import picture

SCRIPTS = "draw.js", "measure.js", "volumes.js"
LIMIT_MB = 12  # a notebook with larger outputs is slow to open and to save

_PAGE = """<div class="pv-root">
<img alt="{alt}" src="data:image/png;base64,{picture}" style="max-width: 100%">
<script>(() => {{{script}
const root = document.currentScript?.closest(".pv-root") ?? document.querySelector(".pv-root:not([data-ready])");
{call}(root, {data});
}})();</script></div>"""


class Viewer:
    """What `volshow` returns: Jupyter shows it as HTML."""

    def __init__(self, page, summary):
        self._page, self._summary = page, summary

    def _repr_html_(self):
        return self._page

    def __repr__(self):
        return f"<volshow: {self._summary}, {len(self._page) / 1e6:.1f} MB>"


def page(data, volumes, contours, cmaps):
    """Return the viewer that needs no kernel: a picture, the voxels and the script in one piece of HTML."""
    stacks = [v.reshape(-1, *v.shape[2:]) for v in volumes]
    ends = [(p["vmin"], p["vmax"]) for p in data["panels"]]
    voxels = deflated([*zip(stacks, ends, strict=True), *((mask, None) for mask in contours)], LIMIT_MB)
    still = picture(data, volumes, contours, cmaps)
    packed = [{**p, "voxels": v} for p, v in zip(data["panels"], voxels[: len(volumes)], strict=True)]
    shown = {**data, "panels": packed, "contours": [{"voxels": v} for v in voxels[len(volumes) :]]}
    summary = f"panels={len(volumes)}, slices={volumes[0].shape[1]}, frames={max(len(v) for v in volumes)}"
    return Viewer(as_page("show", script(*SCRIPTS), shown, still), summary)


def as_page(call, code, data, still):
    """Return HTML with a picture (the bytes of a PNG) that a script replaces, by calling `call(root, data)`."""
    return _PAGE.format(
        alt=html.escape(data["alt"]),
        picture=base64.b64encode(still).decode(),
        script=code,
        call=call,
        data=json.dumps(data).replace("<", "\\u003c"),  # inside a script "</script" would end it, even between quotes
    )


def script(*names):
    """Return some of the package's ES modules as one script: without imports and exports."""
    text = "\n".join(Path(__file__).with_name(name).read_text("utf-8") for name in names)
    return re.sub(r"^(import|export) [^;]*;\n", "", text, flags=re.MULTILINE)


def deflated(stacks, limit_mb):
    """Return each stack in 8 bits, deflated, in base64.

    Parameters
    ----------
    stacks : list of (array, (lo, hi) or None)
        Arrays (slice, row, column) with their colour range, or None where they are uint8 already.
    limit_mb : float
        What all together may take.

    Raises
    ------
    ValueError
        As soon as it is clear that the limit will be passed.
    """
    out, size, done, total = [], 0.0, 0, sum(len(stack) for stack, _ in stacks)
    for stack, ends in stacks:
        deflate, parts = zlib.compressobj(), []
        for image in stack:  # slice by slice: no second copy of the volume
            parts.append(deflate.compress((image if ends is None else codes(image, *ends)).tobytes()))
            done += 1
            size += len(parts[-1]) * 4 / 3e6
            if size > limit_mb:
                raise ValueError(
                    f"the volumes would take about {size * total / done:.0f} MB of the notebook, more "
                    f"than the {limit_mb} MB allowed: crop them, take every n-th slice, or show fewer."
                )
        out.append(base64.b64encode(b"".join([*parts, deflate.flush()])).decode())
    return out
