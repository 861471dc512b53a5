"""Images as STIR and SIRF read and write them: rows and planes as the course's, mu in 1/cm."""

import numpy as np

from petcourse.exchange.files import POSITIONS, require_values, values_of, write_values
from petcourse.exchange.headers import Header


def write_image(path, image, voxel, position="FFS", seconds=3600):
    """Write an image: ``path`` is the header, ``.hv``, and the values lie beside it, ``.v``.

    STIR has the scanner's axis go through the middle of a voxel, and its projectors refuse anything else: an even number of
    columns would lie half a voxel off.

    Parameters
    ----------
    path : path-like
    image : (z, y, x) float32
        With odd numbers of rows and columns, such as those of ``replace(Scanner.mmr(), columns=343)``; mu in 1/cm.
    voxel : tuple of float
        Its size along z, y and x [mm].
    position, seconds
        As for `write_sinogram`.
    """
    require_values(image, image.shape, "an image")
    if image.ndim != 3 or image.shape[1] % 2 == 0 or image.shape[2] % 2 == 0:
        raise ValueError(
            f"an image of {image.shape} has no voxel on the axis, where STIR wants one: make it with an odd number of columns, "
            "such as those of replace(Scanner.mmr(), columns=343)."
        )
    lines = ["process status := Reconstructed\nnumber of dimensions := 3"]
    for n, (name, size, width) in enumerate(zip("xyz", image.shape[::-1], voxel[::-1], strict=True), 1):
        first = 0 if name == "z" else -(size // 2) * width
        lines.append(
            f"matrix axis label [{n}] := {name}\n!matrix size [{n}] := {size}\nscaling factor (mm/pixel) [{n}] := {width:.9g}\n"
            f"first pixel offset (mm) [{n}] := {first:.9g}"
        )
    write_values(path, ".v", image, position, seconds, kind="Image", lines=lines[0], sizes="\n".join(lines[1:]))


def read_image(path):
    """Read an image.

    Returns
    -------
    image : (z, y, x) float32
    voxel : tuple of float
        Along z, y and x [mm].
    position : str
        Of the patient.
    """
    header = Header.read(path)
    shape = [header.whole(f"matrix size[{n}]") for n in (3, 2, 1)]
    voxel = tuple(header.number(f"scaling factor (mm/pixel)[{n}]", f"scale factor (mm/pixel)[{n}]") for n in (3, 2, 1))
    image = values_of(header, int(np.prod(shape))).reshape(shape).astype(np.float32, copy=False)
    if not np.isfinite(image).all():
        raise ValueError(
            f"{header.path.name} holds NaN or infinite values: it is damaged, or was written with another byte order."
        )
    orientation = (
        header.text("patient orientation", default="head_in").lower(),
        header.text("patient rotation", default="supine").lower(),
    )
    known = {pair: name for name, pair in POSITIONS.items()} | {(name.lower(), "supine"): name for name in POSITIONS}
    return image, voxel, known.get(orientation, "HFS")
