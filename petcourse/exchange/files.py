"""What all files of the exchange share: values beside a header, and files that are whole or not there."""

import os
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from petcourse.hardware.device import require_array
from petcourse.scan.scanner import Scanner

FORMATS = {"float32": "float", "uint8": "unsigned integer", "uint16": "unsigned integer", "int16": "signed integer"}
KINDS = {"float": "f", "signed integer": "i", "unsigned integer": "u"}
POSITIONS = {
    "HFS": ("head_in", "supine"),
    "FFS": ("feet_in", "supine"),
    "HFP": ("head_in", "prone"),
    "FFP": ("feet_in", "prone"),
}
HEAD = """!INTERFILE :=
!imaging modality := PT
name of data file := {data}
originating system := Siemens mMR
!version of keys := STIR6.0
!GENERAL DATA :=
!GENERAL IMAGE DATA :=
!type of data := PET
patient orientation := {orientation}
patient rotation := {rotation}
imagedata byte order := LITTLEENDIAN
!PET STUDY (General) :=
!PET data type := {kind}
{lines}
!number format := {format}
!number of bytes per pixel := {bytes}
{sizes}
number of time frames := 1
image duration (sec)[1] := {seconds:g}
image relative start time (sec)[1] := 0
number of energy windows := 1
energy window lower level[1] := 430
energy window upper level[1] := 610
data offset in bytes[1] := 0
!END OF INTERFILE :=
"""


def require_mmr(scanner):
    """Refuse a scanner that is no mMR, whole or short: STIR's header names a model."""
    same = replace(
        Scanner.mmr(), rings=scanner.rings, span=scanner.span, max_ring_difference=scanner.max_ring_difference,
        columns=scanner.columns, fov_radius=scanner.fov_radius,
    )  # fmt: skip
    if scanner != same:
        raise ValueError(
            "the files are those of an mMR, and this scanner has other crystals or voxels: give Scanner.mmr()."
        )


def require_values(values, shape, what):
    """Refuse arrays of another kind or shape, or with values that are not finite."""
    require_array(values, what, np)
    if values.dtype.name not in FORMATS:
        raise TypeError(f"{what} of type {values.dtype} cannot be written: give {', '.join(FORMATS)}.")
    if values.shape != tuple(shape):
        raise ValueError(
            f"{what} of shape {values.shape} was given, and {tuple(shape)} is wanted: choose the right scanner."
        )
    if values.dtype.kind == "f" and not np.isfinite(values.sum(dtype=np.float64)):
        raise ValueError(f"{what} holds NaN or infinite values: mend it before it is written.")


@contextmanager
def whole_file(path):
    """A file that is there when it is complete, or not at all."""
    path = Path(path)
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "wb") as file:
            yield file
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_values(path, suffix, values, position, seconds, **parts):
    """Write values, and the header that describes them."""
    path, (orientation, rotation) = Path(path), POSITIONS[position]
    data = path.with_suffix(suffix)
    text = HEAD.format(
        data=data.name, orientation=orientation, rotation=rotation, format=FORMATS[values.dtype.name],
        bytes=values.dtype.itemsize, seconds=seconds, **parts,
    )  # fmt: skip
    with whole_file(data) as file:
        np.ascontiguousarray(values).tofile(file)
    with whole_file(path) as file:
        file.write(text.encode())


def values_of(header, count):
    """The values that a header describes, flat, in this machine's byte order."""
    path, size = header.data(), header.whole("number of bytes per pixel")
    kind = header.text("number format").lower()
    big = header.text("imagedata byte order", "image data byte order", default="BIGENDIAN").upper() == "BIGENDIAN"
    offset = header.whole("data offset in bytes[1]", "data offset in bytes", default="0")
    if kind not in KINDS or size not in (1, 2, 4, 8):
        raise ValueError(f"{header.path.name} holds '{kind}' of {size} bytes: write it anew as float of 4 bytes.")
    if path.stat().st_size != offset + count * size:
        raise ValueError(
            f"{path.name} holds {path.stat().st_size} bytes and its header describes {offset + count * size}: it is cut off, or "
            "belongs to another header."
        )
    values = np.fromfile(path, np.dtype(f"{'>' if big else '<'}{KINDS[kind]}{size}"), offset=offset)
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    scale = header.number("image scaling factor[1]", default="1")
    return values if scale == 1 else values * np.float32(scale)


def listed(numbers):
    """Numbers as a header has them."""
    return "{" + ",".join(map(str, numbers)) + "}"
