"""Sinograms as STIR and SIRF read and write them: a header of text beside the values, as they lie in memory.

Sign conventions, checked against STIR 6.5: its views, tangential positions, planes and ring differences are the course's.
"""

import numpy as np

from petcourse.exchange.files import listed, require_mmr, require_values, values_of, write_values
from petcourse.exchange.headers import Header
from petcourse.scan.scanner import Scanner


def write_sinogram(path, values, scanner, position="FFS", seconds=3600):
    """Write a sinogram: ``path`` is the header, ``.hs``, and the values lie beside it, ``.s``.

    Parameters
    ----------
    path : path-like
    values : (plane, angle, bin) float32, int16, uint16 or uint8
        Counts, or anything else that has a value for each bin.
    scanner : Scanner
        An mMR, whole or shorter. Planes that merge no pair of rings (every second one at span 1) are left out, as STIR does.
    position : str
        Of the patient, see `patient_axes`; the course's own heads lie feet first.
    seconds : float
        How long was measured.

    Raises
    ------
    TypeError, ValueError
        If the values are of another kind or shape, or not finite, or the scanner is no mMR.
    """
    require_mmr(scanner)
    require_values(values, scanner.sinogram_shape, "a sinogram")
    kept = scanner.multiplicity() > 0
    found = scanner.segments()
    planes = [int(kept[s.first : s.first + s.planes].sum()) for s in found]
    axes = ("tangential coordinate", scanner.bins), ("view", scanner.angles), ("axial coordinate", listed(planes))
    sizes = [
        f"matrix axis label [{n}] := {name}\n!matrix size [{n}] := {size}" for n, (name, size) in enumerate(axes, 1)
    ]
    sizes = [
        "number of dimensions := 4",
        f"matrix axis label [4] := segment\n!matrix size [4] := {len(found)}",
        *sizes[::-1],
    ]
    sizes += [f"minimum ring difference per segment := {listed(s.lowest for s in found)}"]
    sizes += [f"maximum ring difference per segment := {listed(s.highest for s in found)}"]
    if scanner.rings != Scanner.rings:
        sizes += [
            f"Scanner parameters :=\nScanner type := Siemens mMR\nNumber of rings := {scanner.rings}\nEnd scanner parameters :="
        ]
    values = values if kept.all() else values[kept]
    write_values(
        path,
        ".s",
        values,
        position,
        seconds,
        kind="Emission",
        lines="applied corrections := {None}",
        sizes="\n".join(sizes),
    )


def read_sinogram(path, scanner):
    """Read a sinogram of a scanner.

    Parameters
    ----------
    path : path-like
        Of the header.
    scanner : Scanner

    Returns
    -------
    values : (plane, angle, bin)
        In the course's order, whatever that of the file is.

    Raises
    ------
    ValueError
        If it is another scanner's, arc corrected, or its header and the size of its data contradict each other.
    """
    header = Header.read(path)
    if "arc" in header.text("applied corrections", default="arc_correction").lower():
        raise ValueError(
            f"{header.path.name} is arc corrected, or does not say that it is not: give the bins as they were measured."
        )
    labels = {header.text(f"matrix axis label[{n}]"): header.numbers(f"matrix size[{n}]") for n in (1, 2, 3, 4)}
    pairs = zip(*(header.numbers(f"{end} ring difference per segment") for end in ("minimum", "maximum")), strict=True)
    segments, kept = {(s.lowest, s.highest): s for s in scanner.segments()}, scanner.multiplicity() > 0
    order = [segments.get(pair) for pair in pairs]
    planes = [int(kept[s.first : s.first + s.planes].sum()) if s else 0 for s in order]
    wanted = {
        "tangential coordinate": [scanner.bins],
        "view": [scanner.angles],
        "axial coordinate": planes,
        "segment": [len(segments)],
    }
    if labels != wanted:
        raise ValueError(
            f"{header.path.name} holds {labels}, and this scanner gives {wanted}: choose the scanner it was measured with."
        )
    flat, values = values_of(header, sum(planes) * scanner.angles * scanner.bins), None
    if list(labels)[:2] == ["tangential coordinate", "view"] and order == scanner.segments() and kept.all():
        return flat.reshape(scanner.sinogram_shape)
    values, first = np.zeros(scanner.sinogram_shape, flat.dtype), 0
    by_view = list(labels)[1] == "axial coordinate"  # STIR's own order: (segment, view, axial, tangential)
    for segment, n in zip(order, planes, strict=True):
        part = flat[first : (first := first + n * scanner.angles * scanner.bins)]
        part = part.reshape(scanner.angles, n, -1).swapaxes(0, 1) if by_view else part.reshape(n, scanner.angles, -1)
        own = segment.first + np.flatnonzero(kept[segment.first : segment.first + segment.planes])
        values[own] = part
    return values
