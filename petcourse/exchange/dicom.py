"""What an mMR hands out as DICOM: list mode and norm with their headers inside, and slices of an attenuation map.

Needs pydicom: ``pip install petcourse[dicom]``.
"""

import shutil
from pathlib import Path

import numpy as np

from petcourse.exchange.files import whole_file
from petcourse.exchange.headers import plain
from petcourse.scan.patient import patient_axes

KINDS = {
    "PET_LISTMODE": ".l",
    "MRPETLM_LARGE": ".l",
    "PET_EM_SINO": ".s",
    "MRPETSINO": ".s",
    "PET_NORM": ".n",
    "MRPETNORM": ".n",
}
TEXTS, PAYLOAD, TYPE, KIND = ((0x0029, 0x1010), (0x0029, 0x1110)), (0x7FE1, 0x1010), (0x0008, 0x0008), (0x0029, 0x1108)
NORM = 323_404  # bytes of a norm


def extract(path, folder):
    """Take list mode, a sinogram or a norm out of a DICOM file: header and data as files of their own.

    Parameters
    ----------
    path : path-like
        A ``.dcm`` or ``.IMA``; the data are in it, or beside it in a ``.bf`` of the same name.
    folder : path-like
        Where to write.

    Returns
    -------
    header : Path
        ``.l.hdr``, ``.s.hdr`` or ``.n.hdr``, for `read_list` and its like.

    Raises
    ------
    ValueError
        If it is no DICOM file, of another kind, or without data; or the data are shorter than the header says.
    """
    path, folder = Path(path), Path(folder)
    file = _read(path)
    told = [str(part) for part in file.get(TYPE, _Nothing).value] + [_text(file, KIND)]
    kinds = {suffix for name, suffix in KINDS.items() if name in told}
    if len(kinds) != 1:
        raise ValueError(
            f"{path.name} is DICOM of the kind {' '.join(filter(None, told))!r}: give list mode, a sinogram or a norm."
        )
    (suffix,) = kinds
    text = next((found for found in (_text(file, tag) for tag in TEXTS) if "INTERFILE" in found[:200].upper()), None)
    if text is None:
        raise ValueError(f"{path.name} holds no Interfile header: it was made anonymous by a tool that took it out.")
    name = path.stem + suffix
    lines = [
        f"name of data file := {name}" if plain(line.partition(":=")[0]) == "name of data file" else line
        for line in text.splitlines()
    ]
    beside = next((path.with_suffix(end) for end in (".bf", ".BF") if path.with_suffix(end).is_file()), None)
    payload = file[PAYLOAD].value if PAYLOAD in file else b""
    size = beside.stat().st_size if beside else len(payload)
    wanted = _size(lines, suffix)
    if size == 0 or (wanted and size != wanted):
        raise ValueError(
            f"{path.name} comes with {size} bytes of data, and its header wants {wanted or 'some'}: copy the .bf beside it."
        )
    with whole_file(folder / name) as out:
        if beside:
            with open(beside, "rb") as source:
                shutil.copyfileobj(source, out, 1 << 24)
        else:
            out.write(payload)
    header = folder / f"{name}.hdr"
    with whole_file(header) as out:
        out.write("\r\n".join(lines).encode("latin-1"))
    return header


def read_slices(folder, position="HFS"):
    """Read a series of slices, such as an attenuation map, its axes turned to those of a scan of a patient who lies so.

    Parameters
    ----------
    folder : path-like
        That holds one series, and nothing else.
    position : str
        Of the scan to which the image shall fit.

    Returns
    -------
    image : (z, y, x) float32
    voxel : tuple of float
        Along z, y and x [mm].

    Raises
    ------
    ValueError
        If the slices are no series of one shape and direction, some are missing, or they are not transaxial.
    """
    files = [_read(path) for path in sorted(Path(folder).iterdir()) if path.is_file()]
    places = {tuple(map(float, getattr(file, "ImageOrientationPatient", ()))) for file in files}
    sizes = {(file.get("Rows"), file.get("Columns"), *map(float, file.get("PixelSpacing", ()))) for file in files}
    if len(files) < 2 or len(places) != 1 or len(sizes) != 1 or len(next(iter(sizes))) != 4:
        raise ValueError(
            f"{folder} holds {len(files)} slices of {len(sizes)} shapes and {len(places)} directions: give one series."
        )
    (direction,), ((_, _, down, across),) = places, sizes
    along, downward = np.array(direction[:3]), np.array(direction[3:])
    through = np.cross(along, downward)
    if np.abs(through).max() < 0.999 or np.abs(along).max() < 0.999:
        raise ValueError(f"the slices in {folder} lie aslant in the patient: resample them first.")
    files.sort(key=lambda file: np.dot(through, np.array(file.ImagePositionPatient, float)))
    heights = [np.dot(through, np.array(file.ImagePositionPatient, float)) for file in files]
    steps = np.diff(heights)
    if steps.min() <= 0 or np.ptp(steps) > 0.01 * steps.mean():
        raise ValueError(
            f"the slices in {folder} are {steps.min():g} to {steps.max():g} mm apart: some are missing, or there twice."
        )
    image = np.stack([_values(file) for file in files])
    letters = "".join(_letter(vector) for vector in (through, downward, along))
    order = [next(n for n, letter in enumerate(letters) if letter in pair) for pair in ("SI", "AP", "LR")]
    image, voxel = image.transpose(order), np.array([steps.mean(), down, across])[order]
    flips = [n for n, (i, wanted) in enumerate(zip(order, patient_axes(position), strict=True)) if letters[i] != wanted]
    return np.ascontiguousarray(np.flip(image, flips)), tuple(float(size) for size in voxel)


class _Nothing:
    value = ()


def _read(path):
    import pydicom

    try:
        return pydicom.dcmread(path)
    except (pydicom.errors.InvalidDicomError, OSError, EOFError, ValueError) as error:
        raise ValueError(f"{path.name} is no DICOM file that can be read ({error}): give another.") from None


def _text(file, tag):
    value = file[tag].value if tag in file else ""
    return value.decode("latin-1").rstrip("\0 ") if isinstance(value, bytes) else str(value)


def _size(lines, suffix):
    """Bytes that a header promises, or 0 if it does not say."""
    if suffix == ".n":
        return NORM
    values = {plain(line.partition(":=")[0]): line.partition(":=")[2].strip() for line in lines}
    return 4 * int(values.get("total listmode word counts", 0)) if suffix == ".l" else 0


def _values(file):
    stored = file.pixel_array.astype(np.float32)
    return stored * np.float32(file.get("RescaleSlope", 1)) + np.float32(file.get("RescaleIntercept", 0))


def _letter(vector):
    """Where a direction of DICOM's world points, which grows to the left, to the back and to the head."""
    n = int(np.abs(vector).argmax())
    return ("RL", "AP", "IS")[n][int(vector[n] > 0)]
