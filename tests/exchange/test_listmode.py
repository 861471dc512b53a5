"""List mode: every word counted where it belongs, by plain NumPy too; damaged files refused."""

from dataclasses import replace

import numpy as np
import pytest

from petcourse import Scanner
from petcourse.exchange.listmode import ROW, plane_of_sinogram, read_list
from petcourse.exchange.listwriter import write_list

MMR = Scanner.mmr()
RNG = np.random.default_rng(0)


def few(n, seed):
    """A sinogram with a few counts here and there."""
    counts = np.zeros(MMR.sinogram_shape, np.int16)
    np.add.at(counts.reshape(-1), np.random.default_rng(seed).integers(0, counts.size, n), 1)
    return counts


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("list")
    write_list(path / "list.l.hdr", MMR, few(60_000, 1), few(20_000, 2), seconds=4, singles=24_000)
    return path


def test_numbers_of_span_1():
    """The order of Siemens' sinograms: 0, -1, +1, -2, ...; number 64 joins rings 0 and 1."""
    flat = replace(MMR, span=1)
    r0, r1, plane = flat.ring_pairs()
    table, number = plane_of_sinogram(flat), 0
    for d in [0, *(sign * k for k in range(1, 61) for sign in (-1, 1))]:
        for lower in range(64 - abs(d)):
            pair = (lower + max(d, 0), lower + max(-d, 0))
            assert table[number] == plane[(r0 == pair[0]) & (r1 == pair[1])], (d, lower)
            number += 1
    assert number == 4084 and len(set(table.tolist())) == 4084


def test_every_event_is_counted(folder):
    found = read_list(folder / "list.l.hdr")
    np.testing.assert_array_equal(found.prompts, few(60_000, 1))
    np.testing.assert_array_equal(found.delayeds, few(20_000, 2))
    assert found.seconds == pytest.approx(4, abs=0.002)
    np.testing.assert_allclose(found.singles, 24_000)


def test_as_plain_numpy(folder):
    """A frame, at span 1 and few ring differences, word by word."""
    words = np.fromfile(folder / "list.l", "<u4").astype(np.int64)
    time = np.maximum.accumulate(np.where(words >> 29 == 4, words & 0x1FFFFFFF, -1))
    flat = replace(MMR, span=1, max_ring_difference=3)
    table = plane_of_sinogram(flat).astype(np.int64)
    taken = words[(words < 1 << 31) & (time >= 1000) & (time < 2500)]
    taken = taken[table[(taken & 0x3FFFFFFF) // ROW] >= 0]
    number, place = np.divmod(taken & 0x3FFFFFFF, ROW)
    wanted = np.zeros((2, flat.sinogram_shape[0] * ROW), np.int16)
    np.add.at(wanted, (1 - (taken >> 30 & 1), table[number] * ROW + place), 1)
    found = read_list(folder / "list.l.hdr", flat, start=1, stop=2.5)
    np.testing.assert_array_equal(found.prompts.reshape(-1), wanted[0])
    np.testing.assert_array_equal(found.delayeds.reshape(-1), wanted[1])
    assert found.seconds == pytest.approx(1.5)


def test_frames_add_up(folder):
    whole = read_list(folder / "list.l.hdr")
    parts = [read_list(folder / "list.l.hdr", start=a, stop=a + 2) for a in (0, 2)]
    np.testing.assert_array_equal(whole.prompts[::50], sum(part.prompts[::50] for part in parts))


def swapped(words):
    return words.byteswap()


DAMAGES = [
    (lambda words: np.append(words, words[-1]), "cut off"),
    (lambda words: words[:-1], "cut off"),
    (swapped, "no known kind|no mMR has|clock"),
    (lambda words: np.where(np.arange(len(words)) == 5000, np.uint32(0x40000000 + 4084 * ROW), words), "no mMR has"),
    (lambda words: np.where(np.arange(len(words)) == 5000, np.uint32(0xD0000000), words), "no known kind"),
    (lambda words: np.where(np.arange(len(words)) == 5000, np.uint32(0x80000000), words), "clock that goes back"),
    (lambda words: np.where(np.arange(len(words)) == 5000, np.uint32(0x80100000), words), "stands still|goes back"),
    (lambda words: np.where(words < 1 << 31, np.uint32(0x40000000), words), "32767 counts in a bin"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_damaged_lists_are_refused(folder, tmp_path, damage, message):
    words = np.fromfile(folder / "list.l", "<u4")
    damage(words).astype("<u4").tofile(tmp_path / "list.l")
    (tmp_path / "list.l.hdr").write_text((folder / "list.l.hdr").read_text())
    with pytest.raises(ValueError, match=message):
        read_list(tmp_path / "list.l.hdr")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("(bits) := 32", "(bits) := 64", "words of 64 bits"),
        ("PETLINK bin address", "sinogram", "no header of PETLINK"),
        ("axial compression := 1", "axial compression := 11", "span 11"),
        ("list.l", "other.l", "not beside it"),
        ("originating system := 2008", "originating system := 1104", "the mMR's have"),
    ],
)
def test_other_headers_are_refused(folder, tmp_path, old, new, message):
    (tmp_path / "list.l").write_bytes((folder / "list.l").read_bytes())
    (tmp_path / "list.l.hdr").write_text((folder / "list.l.hdr").read_text().replace(old, new), newline="\r\n")
    with pytest.raises(ValueError, match=message):
        read_list(tmp_path / "list.l.hdr")
