"""A list-mode file from sinograms: what the mMR would have written, for exercises and tests."""

from pathlib import Path

import numpy as np

from petcourse.exchange.files import require_mmr, whole_file
from petcourse.exchange.listmode import BUCKETS, ROW, plane_of_sinogram

POLLING = 2000  # ms between two words on the singles of a bucket
HEADER = """!INTERFILE :=
!originating system := 2008
%SMS-MI header name space := PETLINK bin address
%SMS-MI version number := 3.4
!GENERAL DATA :=
!data offset in bytes := 0
name of data file := {name}
!GENERAL IMAGE DATA :=
!type of data := PET
%patient orientation := {position}
PET data type := Emission
data format := CoincidenceList
image duration (sec) := {seconds:g}
%total listmode word counts := {words}
%LM event and tag words format (bits) := 32
%timing tagwords interval (msec) := 1
%singles polling interval (sec) := 2
%singles scale factor := 8
%total number of singles blocks := 224
%axial compression := 1
%maximum ring difference := 60
%number of projections := 344
%number of views := 252
"""


def write_list(path, scanner, prompts, delayeds, seconds, singles=30_000.0, position="FFS", seed=0):
    """Write events at random times, each in one of the pairs of rings that its plane merges.

    Parameters
    ----------
    path : path-like
        Of the header, ``.l.hdr``; the words lie beside it, ``.l``.
    scanner : Scanner
        The whole mMR.
    prompts, delayeds : (plane, angle, bin) of whole numbers
    seconds : float
        How long was measured, from 1.
    singles : float
        Rate of each bucket [1/s].
    position : str
        Of the patient.
    seed : int

    Raises
    ------
    ValueError
        If counts are negative or of another shape, or the scanner is not the whole mMR.
    """
    require_mmr(scanner)
    rng, time = np.random.default_rng(seed), int(1000 * seconds)
    windows = (prompts, 0x40000000), (delayeds, 0)
    words = np.concatenate([_addresses(counts, scanner, rng) | window for counts, window in windows])
    rng.shuffle(words)
    told = np.repeat(np.arange(0, time, POLLING), BUCKETS)
    buckets = np.tile(np.arange(BUCKETS), len(told) // BUCKETS)
    words = np.concatenate([words, (5 << 29 | buckets << 19 | int(singles / 8)).astype(np.uint32)])
    when = np.concatenate([np.sort(rng.integers(0, time, len(words) - len(told))), told])
    order = np.argsort(when, kind="stable")
    words, when = words[order], when[order]
    out = np.empty(len(words) + time + 1, "<u4")
    tags = np.arange(time + 1)
    out[tags + np.searchsorted(when, tags)] = 4 << 29 | tags
    out[np.arange(len(words)) + when + 1] = words
    path = Path(path)
    name = path.name.removesuffix(".hdr").removesuffix(".l") + ".l"
    with whole_file(path.with_name(name)) as file:
        out.tofile(file)
    with whole_file(path) as file:
        file.write(HEADER.format(name=name, position=position, seconds=seconds, words=len(out)).encode())


def _addresses(counts, scanner, rng):
    """The bin address of each count: uint32."""
    if (
        counts.shape != scanner.sinogram_shape
        or scanner.rings != 64
        or counts.min() < 0
        or counts.dtype.kind not in "ui"
    ):
        raise ValueError(
            f"counts of shape {counts.shape} are no whole counts of the whole mMR: give those of Scanner.mmr()."
        )
    table = plane_of_sinogram(scanner)
    merged = np.argsort(table, kind="stable")[(table < 0).sum() :]  # sinograms of span 1, plane after plane
    many = np.bincount(table[table >= 0], minlength=len(counts))
    first = np.concatenate([[0], many.cumsum()[:-1]])
    flat = np.flatnonzero(counts)
    index = np.repeat(flat, counts.reshape(-1)[flat])
    plane, place = np.divmod(index, ROW)
    chosen = merged[first[plane] + (rng.random(len(plane)) * many[plane]).astype(np.int64)]
    return (chosen * ROW + place).astype(np.uint32)
