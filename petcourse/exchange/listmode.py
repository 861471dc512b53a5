"""List mode of the mMR: every event and every millisecond as a word of 32 bits (PETLINK), read into sinograms.

A file of gigabytes is read block by block. Each thread looks at all words of a block and counts those of its own bins, so no
two threads write to the same place.
"""

from dataclasses import dataclass, field

import numba
import numpy as np
from tqdm.auto import tqdm

from petcourse.exchange.files import require_mmr
from petcourse.exchange.headers import Header
from petcourse.scan.scanner import Scanner

BLOCK = 1 << 22  # words at a time: 16 MB
SINOGRAMS, ROW = 4084, 252 * 344  # of span 1, and bins of each
BUCKETS = 224  # groups of blocks whose singles are told
TIME, SINGLES, MOTION, GATES, CONTROL = range(5)  # kinds of words that are no events
LONGEST_GAP = 1000  # ms between two time words


@dataclass(frozen=True, eq=False)
class Events:
    """What a list holds, from ``start`` to ``stop``.

    Attributes
    ----------
    prompts, delayeds : (plane, angle, bin) int16
        Counts of both windows: delayeds are a measurement of randoms.
    seconds : float
        Between the first and the last time word that were taken.
    singles : (224,) float64
        Mean rate of each bucket [1/s].
    header : Header
    """

    prompts: np.ndarray = field(repr=False)
    delayeds: np.ndarray = field(repr=False)
    seconds: float
    singles: np.ndarray = field(repr=False)
    header: Header = field(repr=False)


def read_list(path, scanner=None, start=0.0, stop=np.inf):
    """Read a list into sinograms.

    Parameters
    ----------
    path : path-like
        Of the header, ``.l.hdr``.
    scanner : Scanner, optional
        The mMR with the span that is wanted: 11 by default, or 1.
    start, stop : float
        The frame: seconds since the first time word.

    Returns
    -------
    events : Events

    Raises
    ------
    ValueError
        If the header is another one, file and header contradict each other, a word is of no known kind, a bin is none of the
        mMR's, the clock goes back or stands still for a second, or a bin has more counts than 16 bits hold.
    """
    scanner = Scanner.mmr() if scanner is None else scanner
    require_mmr(scanner)
    header, path = _checked(path)
    words, plane = path.stat().st_size // 4, plane_of_sinogram(scanner)
    sinograms = np.zeros((2, *scanner.sinogram_shape), np.int16)
    flat, threads = sinograms.reshape(2, -1), numba.get_num_threads()
    clock = np.tile(np.array([-1, -1, 0]), (threads, 1))  # of each thread: first and last time word, and what is wrong
    frame = np.array([1000 * start, 1000 * min(stop, 1e9)]).astype(np.int64)
    singles = np.zeros((2, BUCKETS), np.int64)  # sums, and how many
    with open(path, "rb") as file, tqdm(total=words, unit="word", unit_scale=True, desc=path.name, leave=False) as bar:
        while len(block := np.fromfile(file, "<u4", BLOCK)):
            _count(block, plane, flat, clock, frame, singles, np.arange(threads))
            _require_sound(clock, path.name)
            bar.update(len(block))
    first, last, _ = clock[0]
    taken = max(min(last, first + frame[1]) - first - frame[0], 0) / 1000
    rates = float(header.number("singles scale factor", default="8")) * singles[0] / np.maximum(singles[1], 1)
    return Events(sinograms[0], sinograms[1], taken, rates, header)


def plane_of_sinogram(scanner):
    """The plane of each of the 4084 sinograms in which events are numbered (span 1, ring differences 0, -1, +1, ...): int16."""
    ring0, ring1, plane = scanner.ring_pairs()
    difference = ring0 - ring1
    size = abs(difference)
    before = np.where(size > 0, scanner.rings + 2 * (scanner.rings * (size - 1) - size * (size - 1) // 2), 0)
    number = before + np.where(difference > 0, scanner.rings - size, 0) + np.minimum(ring0, ring1)
    table = np.full(SINOGRAMS, -1, np.int16)
    table[number] = plane
    return table


@numba.njit(parallel=True, cache=True)
def _count(words, plane, sinograms, clock, frame, singles, parts):
    """Let each thread go through all words, and count those of its part of the bins."""
    for part in numba.prange(len(parts)):
        first, last, wrong = clock[part]
        for word in words:
            if word < 0x80000000:  # an event
                if last < 0 or wrong:
                    continue
                address = word & 0x3FFFFFFF
                number = address // ROW
                place = address - number * ROW
                if number >= SINOGRAMS:
                    wrong = 1
                elif (place >> 5) % len(parts) == part and frame[0] <= last - first < frame[1] and plane[number] >= 0:
                    which = 0 if word & 0x40000000 else 1
                    index = np.int64(plane[number]) * ROW + place
                    sinograms[which, index] += 1
                    if sinograms[which, index] < 0:
                        wrong = 2
            elif word >> 29 == 4:  # elapsed time
                now = np.int64(word & 0x1FFFFFFF)
                if last >= 0 and now < last:
                    wrong = 3
                elif last >= 0 and now - last > LONGEST_GAP:
                    wrong = 4
                first, last = now if first < 0 else first, now
            elif word >> 29 == 5:  # singles of a bucket
                bucket = (word >> 19) & 0x3FF
                if part == 0 and bucket < BUCKETS and last >= 0 and frame[0] <= last - first < frame[1]:
                    singles[0, bucket] += word & 0x7FFFF
                    singles[1, bucket] += 1
            elif word >> 28 not in (12, 14, 15):  # bed, gates, control
                wrong = 5
        clock[part] = first, last, wrong


WRONG = {
    1: "holds an event in a bin that no mMR has: it is another scanner's, of another byte order, or damaged",
    2: "has more than 32767 counts in a bin: read it in shorter frames, with start and stop",
    3: "has a clock that goes back: two lists were put together, or it is damaged",
    4: "has a clock that stands still for more than a second: part of it is missing, so read the parts as files of their own",
    5: "holds words of no known kind: it is no 32-bit PETLINK list, or damaged",
}


def _require_sound(clock, name):
    wrong = int(clock[:, 2].max())
    if wrong:
        raise ValueError(f"{name} {WRONG[wrong]}.")


def _checked(path):
    """The header of a list of an mMR, and the path of its data."""
    header = Header.read(path)
    if header.text("sms-mi header name space", default="").lower() != "petlink bin address":
        raise ValueError(f"{header.path.name} is no header of PETLINK list mode: give the .l.hdr file.")
    bits = header.whole("lm event and tag words format (bits)", default="32")
    span = header.whole("axial compression", default="1")
    if bits != 32 or span != 1 or header.text("originating system", default="2008") != "2008":
        raise ValueError(
            f"{header.path.name} has words of {bits} bits and span {span}: the mMR's have 32 bits, and span 1."
        )
    data = header.data()
    words = header.whole("total listmode word counts", default=str(data.stat().st_size // 4))
    if data.stat().st_size != 4 * words:
        raise ValueError(
            f"{data.name} holds {data.stat().st_size} bytes and its header counts {words} words of 4: it is cut off."
        )
    return header, data
