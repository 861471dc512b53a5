"""Sinograms as Siemens' own tools leave them: prompts, and behind them delayeds, uncompressed."""

from pathlib import Path

import numpy as np

from petcourse.exchange.files import require_mmr, require_values, whole_file
from petcourse.exchange.headers import Header
from petcourse.exchange.listmode import plane_of_sinogram

HEADER = """!INTERFILE :=
!originating system := 2008
%SMS-MI header name space := sinogram subheader
%SMS-MI version number := 3.4
%compression := off
!name of data file := {name}
!GENERAL IMAGE DATA :=
!type of data := PET
image data byte order := LITTLEENDIAN
%patient orientation := {position}
!PET data type := emission
number format := signed integer
!number of bytes per pixel := 2
number of dimensions := 3
matrix axis label [1] := sinogram projections
matrix axis label [2] := sinogram views
matrix axis label [3] := number of sinograms
matrix size [1] := {bins}
matrix size [2] := {angles}
matrix size [3] := {planes}
%axial compression := {span}
%maximum ring difference := {largest}
number of scan data types := 2
scan data type description [1] := prompts
scan data type description [2] := randoms
data offset in bytes [1] := 0
data offset in bytes [2] := {second}
!image duration (sec) := {seconds:g}
"""


def write_siemens_sinogram(path, scanner, prompts, delayeds, seconds, position="HFS"):
    """Write prompts and delayeds: ``path`` is the header, ``.s.hdr``, and the counts lie beside it, ``.s``.

    Parameters
    ----------
    path : path-like
    scanner : Scanner
        The whole mMR, of span 11 or 1.
    prompts, delayeds : (plane, angle, bin) int16
    seconds : float
    position : str
        Of the patient.
    """
    order, path = _order(scanner), Path(path)
    for counts in (prompts, delayeds):
        require_values(counts, scanner.sinogram_shape, "a sinogram")
        if counts.dtype != np.int16:
            raise TypeError(
                f"counts of type {counts.dtype} were given, and Siemens' have 16 bits: use .astype(np.int16)."
            )
    name = path.name.removesuffix(".hdr").removesuffix(".s") + ".s"
    text = HEADER.format(
        name=name, position=position, bins=scanner.bins, angles=scanner.angles, planes=len(order), span=scanner.span,
        largest=scanner.max_ring_difference, second=2 * len(order) * scanner.angles * scanner.bins, seconds=seconds,
    )  # fmt: skip
    with whole_file(path.with_name(name)) as file:
        for counts in (prompts, delayeds):
            for plane in order:
                file.write(counts[plane].astype("<i2", copy=False).tobytes())
    with whole_file(path) as file:
        file.write(text.encode())


def read_siemens_sinogram(path, scanner):
    """Read prompts and delayeds.

    Parameters
    ----------
    path : path-like
        Of the header, ``.s.hdr``.
    scanner : Scanner
        The whole mMR, of the span of the file.

    Returns
    -------
    prompts, delayeds : (plane, angle, bin) int16
    header : Header

    Raises
    ------
    ValueError
        If they are compressed, another span's, or header and data contradict each other.
    """
    header, order = Header.read(path), _order(scanner)
    if header.text("compression", default="off").lower() == "on":
        raise ValueError(
            f"{header.path.name} is compressed, in a way that only Siemens knows: undo it on the scanner's computer, with "
            "intfcompr -e in.s.hdr --oe out.s.hdr, or read the list mode."
        )
    span, found = header.whole("axial compression"), tuple(header.whole(f"matrix size[{n}]") for n in (3, 2, 1))
    shape = (len(order), scanner.angles, scanner.bins)
    if (span, *found) != (scanner.span, *shape):
        raise ValueError(
            f"{header.path.name} holds {found} bins of span {span}, and this scanner gives {shape} of span {scanner.span}."
        )
    big = header.text("image data byte order", default="LITTLEENDIAN").upper() == "BIGENDIAN"
    if header.text("number format").lower() != "signed integer" or header.whole("number of bytes per pixel") != 2:
        raise ValueError(f"{header.path.name} holds no integers of 16 bits: it is another kind of sinogram.")
    data, count = header.data(), int(np.prod(shape))
    kinds = header.whole("number of scan data types", default="2")
    ends = [header.whole(f"data offset in bytes[{n}]") + 2 * count for n in range(1, kinds + 1)]
    if kinds != 2 or data.stat().st_size != max(ends):
        raise ValueError(
            f"{data.name} holds {data.stat().st_size} bytes and its header describes {kinds} sinograms up to byte {max(ends)}: it is "
            "cut off, or belongs to another header."
        )
    sinograms = []
    for end in ends:
        flat = np.fromfile(data, ">i2" if big else "<i2", count, offset=end - 2 * count).reshape(shape)
        if flat.min() < 0:
            raise ValueError(
                f"{data.name} holds negative counts: its byte order is another, or randoms were subtracted."
            )
        counts = np.zeros(scanner.sinogram_shape, np.int16)
        counts[order] = flat
        sinograms.append(counts)
    return *sinograms, header


def _order(scanner):
    """The course's plane of each sinogram in the file."""
    require_mmr(scanner)
    if (scanner.rings, scanner.max_ring_difference) != (64, 60) or scanner.span not in (1, 11):
        raise ValueError(
            f"Siemens' sinograms are those of 64 rings, span 11 or 1, and not {scanner.rings}, {scanner.span}."
        )
    if scanner.span == 1:
        return plane_of_sinogram(scanner)
    return np.arange(scanner.sinogram_shape[0])
