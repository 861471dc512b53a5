"""The subject's images against brainweb's own, against anatomy, and the lesions against geometry."""

import os
import subprocess
import sys

import numpy as np
import pytest

from petcourse.data import TISSUES, brainweb, labels, subject
from petcourse.data.subject import EMBEDDED, load_subject
from petcourse.scan.scanner import Scanner

FOLDER = os.environ.get("PETCOURSE_BRAINWEB")


def needs_brainweb(test):
    """`make test` runs without BrainWeb, `make test-full` with it where it is: hence also slow."""
    reason = "PETCOURSE_BRAINWEB names no folder of BrainWeb subjects"
    return pytest.mark.slow(pytest.mark.skipif(not FOLDER, reason=reason)(test))


IMAGES = ("pet", "mu", "t1", "t2")


@pytest.fixture(scope="module")
def head():
    return load_subject("embedded")


@pytest.fixture(scope="module")
def plain():
    return load_subject("embedded", texture=False, lesions=False)


def test_form(head):
    shape = Scanner.mmr().image_shape
    for name in IMAGES:
        image = getattr(head, name)
        assert (image.shape, image.dtype) == (shape, np.float32)
        assert np.isfinite(image).all()
        assert image.min() >= 0
    assert (head.labels.shape, head.labels.dtype) == (shape, np.uint8)
    assert (head.head.shape, head.head.dtype) == (shape, bool)
    assert head.name == "embedded phantom (Colin27)"


def test_embedded_tissue_volumes():
    """In mL; BrainWeb's subject 04 has 964, 647 and 362 of grey and white matter and CSF."""
    with np.load(EMBEDDED) as file:
        volume = dict(zip(TISSUES, np.bincount(file["labels"].ravel(), minlength=12) / 1000, strict=True))
    assert 900 < volume["grey matter"] < 1050
    assert 560 < volume["white matter"] < 680
    assert 320 < volume["CSF"] < 400
    assert 400 < volume["skull"] < 650
    assert 4000 < sum(volume.values()) - volume["background"] < 4300


def test_embedded_anatomy(plain):
    """Tissues at places known in MNI space: (x to the right, y to the front, z to the top) from the commissure, in mm."""
    with np.load(EMBEDDED) as file:
        tissues = file["labels"]

    def share(tissue, x, y, z, r=3):
        box = tissues[z + 71 - r : z + 72 + r, y + 125 - r : y + 126 + r, x + 90 - r : x + 91 + r]
        return (box == TISSUES.index(tissue)).mean()

    for side in (-1, 1):
        assert share("grey matter", 12 * side, -19, 8) > 0.8  # thalamus
        assert share("grey matter", 26 * side, 6, 0) > 0.8  # putamen
        assert share("white matter", 28 * side, -30, 30) > 0.9  # corona radiata
    assert share("background", 0, 20, -35) > 0.9  # air of the sphenoid sinus
    assert share("white matter", 0, -26, -32) > 0.9  # pons


def test_left_to_right_attenuation(plain):
    """Mid-brain: subject 04 has 5.3 to 5.5."""
    voxel = Scanner.mmr().voxel[2]
    line = np.exp(plain.mu[63].sum(axis=1, dtype=float) * voxel)
    assert 5.2 < line[160:184].mean() < 5.6
    assert plain.mu.max() == pytest.approx(0.013)
    assert (plain.mu[plain.head] > 0).all()


def test_front_is_up_and_top_is_last(plain):
    """The sphenoid sinus lies 35 mm below and 20 mm before the commissure; mirrored in y or z that is brain."""
    z, y, x = 36, 154, 171
    top, bottom = 19 + 19 + 88, 120 + 120 + 103  # sums of the first and last index of the box that holds the head
    assert (plain.labels[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2] == 0).all()
    assert (plain.labels[z - 1 : z + 2, bottom - y - 1 : bottom - y + 2, x - 1 : x + 2] > 0).all()
    assert (plain.labels[top - z - 1 : top - z + 2, y - 1 : y + 2, x - 1 : x + 2] > 0).all()
    assert plain.head.any((1, 2)).argmax() == 19  # the neck is cut off by the image that the labels come from


@needs_brainweb
def test_brainweb_agrees_with_the_package_and_its_bug_is_repaired():
    """Its own resampling on labels rounded to multiples of 16: float32 rounding apart, the same images."""
    number = brainweb.local_subjects(FOLDER)[0]
    ours = load_subject(number, folder=FOLDER, texture=False, lesions=False)
    bw = brainweb.silent_brainweb()
    stored = bw.load_file(os.path.join(FOLDER, labels.file_name(number)))
    repaired = (np.rint(stored / 16) * 16).astype(np.uint16)
    theirs = bw.toPetMmr(repaired)[:, :, ::-1]
    for name, reference, scale in zip(IMAGES, theirs, (1, 10, 1, 1), strict=True):
        assert np.abs(getattr(ours, name) * scale - reference).max() < 1e-6 * reference.max()
    broken = bw.toPetMmr(stored, modes=[bw.Mu])[0][:, ::-1]
    assert 1.05 < ours.mu.sum(dtype=float) * 10 / broken.sum() < 1.2
    assert ours.mu[ours.head].min() > 0
    assert set(np.unique(ours.labels)) == set(range(12))


@needs_brainweb
def test_whole_heads_are_plausible_and_damaged_ones_are_not():
    for number in brainweb.local_subjects(FOLDER):
        head = brainweb.load_labels(number, FOLDER)
        assert labels.oddity(head) is None
        head[150:200] = 0
        assert labels.oddity(head) == "holds no head in 50 of the planes 18 to 324"


@needs_brainweb
def test_local_brainweb_is_the_default(capsys):
    head = load_subject(scanner=Scanner.mmr(2), folder=FOLDER)
    assert head.name == f"BrainWeb {brainweb.local_subjects(FOLDER)[0]:02d}"
    assert capsys.readouterr().out == ""


@pytest.fixture
def no_brainweb(tmp_path, monkeypatch):
    """No subject on this machine, and no network; the empty cache."""
    monkeypatch.setattr(brainweb, "CACHE", tmp_path)
    monkeypatch.delenv("PETCOURSE_BRAINWEB", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(brainweb.silent_brainweb().LINKS, labels.file_name(6), "http://127.0.0.1:9/")
    return tmp_path


def test_without_network_and_cache_the_embedded_phantom_says_so(no_brainweb, capsys):
    assert load_subject(scanner=Scanner.mmr(2)).name == "embedded phantom (Colin27)"
    assert "embedded phantom (Colin27)" in capsys.readouterr().out
    load_subject("embedded", Scanner.mmr(2))
    assert capsys.readouterr().out == ""  # it was asked for


def test_a_damaged_cache_without_network_falls_back_and_says_why(no_brainweb, capsys):
    (no_brainweb / labels.file_name(6)).write_text("<html>")
    with pytest.warns(UserWarning, match="subject_06.bin.gz .* not used"):
        assert load_subject(scanner=Scanner.mmr(2)).name == "embedded phantom (Colin27)"
    assert "subject 6 could not be downloaded" in capsys.readouterr().out


def test_a_cache_that_may_not_be_read_falls_back_and_says_why(no_brainweb, monkeypatch, capsys):
    def is_in(folder, number):
        raise PermissionError(f"{folder} may not be read")

    monkeypatch.setattr(brainweb, "is_in", is_in)
    assert load_subject(scanner=Scanner.mmr(2)).name == "embedded phantom (Colin27)"
    assert f"{no_brainweb} may not be read" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="homes as on Linux and macOS")
def test_a_user_without_a_home_has_the_embedded_phantom(tmp_path, monkeypatch):
    def nobody(uid):
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", nobody)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("HOME", "PETCOURSE_BRAINWEB"):
        monkeypatch.delenv(name, raising=False)
    assert load_subject(scanner=Scanner.mmr(2)).number == "embedded"
    assert brainweb.cache_folder() == tmp_path / ".brainweb"


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1", EMBEDDED.read_bytes()[:-99]])
def test_a_damaged_embedded_phantom_is_named(tmp_path, monkeypatch, content):
    path = tmp_path / "labels.npz"
    path.write_bytes(content)
    monkeypatch.setattr(subject, "EMBEDDED", path)
    with pytest.raises(ValueError, match="labels.npz is damaged .*: install the course anew.") as error:
        load_subject("embedded", Scanner.mmr(2))
    assert "\n" not in str(error.value) and error.value.__suppress_context__


def test_importing_brainweb_is_silent():
    code = "from petcourse.data import brainweb; brainweb.silent_brainweb()"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_seeds_repeat_and_differ():
    def load(seed):
        return load_subject("embedded", Scanner.mmr(8), seed=seed)

    state = np.random.get_state()[1].copy()
    one, again, other = load(1), load(1), load(2)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # the global one is left alone
    for name in (*IMAGES, "lesion_map"):
        np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
        assert (name == "mu") == np.array_equal(getattr(one, name), getattr(other, name))


def test_texture_differs_between_images_but_keeps_their_mean(plain):
    textured = load_subject("embedded", lesions=False)
    inside = (plain.labels == 2) & (plain.pet == 128) & (plain.t1 == 106) & (plain.t2 == 100)
    ratio = [getattr(textured, n)[inside] / getattr(plain, n)[inside] for n in ("pet", "t1", "t2")]
    for r, amount in zip(ratio, (1, 0.75, 0.75), strict=True):
        assert r.mean() == pytest.approx(1, abs=0.005)
        # 2 r - 1 has deviation 1 / sqrt(3); a Gaussian of one voxel multiplies it by (4 pi) ** (-3 / 4)
        assert r.std() == pytest.approx(amount / np.sqrt(3) * (4 * np.pi) ** -0.75, rel=0.05)
    assert np.abs(np.corrcoef(ratio) - np.eye(3)).max() < 0.05
    np.testing.assert_array_equal(textured.mu, plain.mu)


@pytest.mark.parametrize("rings", [1, 8, 33])
def test_a_short_scanner_sees_the_central_planes(plain, rings):
    short = load_subject("embedded", Scanner.mmr(rings), texture=False, lesions=False)
    middle = slice(64 - rings, 63 + rings)
    for name in (*IMAGES, "labels"):
        np.testing.assert_array_equal(getattr(short, name), getattr(plain, name)[middle])


def test_a_coarse_scanner_holds_as_much(plain):
    fine, coarse = Scanner.mmr(), Scanner(columns=172, column_width=2 * Scanner().column_width)
    head = load_subject("embedded", coarse, texture=False, lesions=False)
    assert head.pet.shape == (127, 172, 172)
    amounts = [s.mu.sum(dtype=float) * np.prod(g.voxel) for s, g in ((head, coarse), (plain, fine))]
    assert amounts[0] == pytest.approx(amounts[1], rel=0.02)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_lesions_are_where_and_what_they_say(plain, seed):
    scanner = Scanner.mmr()
    head = load_subject("embedded", texture=False, seed=seed)
    names = ["cold 20 mm", "hot 15 mm", "hot 10 mm", "hot 8 mm", "cold 7 mm", "hot 5 mm"]
    assert [lesion.name for lesion in head.lesions] == names
    union = np.zeros(head.pet.shape, np.uint8)
    for lesion in head.lesions:
        offsets = [axis - centre for axis, centre in zip(scanner.axes(), lesion.centre, strict=True)]
        around = tuple(slice(abs(d).argmin() - 8, abs(d).argmin() + 9) for d in offsets)  # 16 mm at least
        z, y, x = (d[part] for d, part in zip(offsets, around, strict=True))
        distance = np.sqrt((z**2)[:, None, None] + (y**2)[:, None] + x**2)
        pet, background, mask = head.pet[around], plain.pet[around], lesion.mask
        np.testing.assert_array_equal(mask[around], distance <= lesion.diameter / 2)
        assert mask.sum() == mask[around].sum()
        assert np.isin(plain.labels[mask], (2, 3)).all()
        np.testing.assert_allclose(pet[distance < lesion.diameter / 2 - 1.8], lesion.value, rtol=1e-6)
        # What the lesion adds is its contrast times its volume, edge voxels included.
        near = distance < lesion.diameter / 2 + np.sqrt(3) * 2.1 / 2
        share = (pet[near] - background[near]) / (lesion.value - background[near])
        assert share.min() > -1e-5
        volume = share.sum(dtype=float) * np.prod(scanner.voxel)
        assert volume == pytest.approx(np.pi / 6 * lesion.diameter**3, rel=0.03)
        union[around] += near
    assert union.max() == 1  # no two overlap
    np.testing.assert_array_equal(head.pet[union == 0], plain.pet[union == 0])
    planes = {round(lesion.centre[0] / scanner.voxel[0]) for lesion in head.lesions}
    assert len(planes) == 6 and max(planes) - min(planes) > 20
    for name in ("mu", "t1", "t2"):
        np.testing.assert_array_equal(getattr(head, name), getattr(plain, name))


def test_lesions_fit_into_a_short_scanner():
    head = load_subject("embedded", Scanner.mmr(8))
    for lesion in head.lesions:
        volume = lesion.mask.sum() * np.prod(Scanner.mmr().voxel)
        assert volume == pytest.approx(np.pi / 6 * lesion.diameter**3, rel=0.15)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "seed is -1, but a whole number from 0 up is wanted: change"),
        ({"seed": 1.5}, "seed is 1.5, but a whole number"),
        ({"seed": None}, "seed is None, but a whole number"),
        ({"scanner": "mmr"}, "scanner is 'mmr', but a Scanner is wanted: give one such as"),
        ({"number": [4]}, r"no subject \[4\]: choose from 4, 5"),
        *[({"number": name}, f"no subject '{name}': choose from") for name in ("Embedded", "virtual", "virtual -1")],
        ({"number": 4, "folder": 123}, "folder is 123, but a path is wanted: name"),
        ({"number": None, "folder": ""}, "folder is '', but a path is wanted"),
        ({"scanner": Scanner(columns=4)}, "mm finds no place in the brain, .* lesions=False"),
    ],
)
def test_what_is_no_argument_is_refused_in_a_sentence(change, message):
    with pytest.raises((ValueError, TypeError), match=message) as error:
        load_subject(**{"number": "embedded"} | change)
    assert "\n" not in str(error.value)


def test_virtual_subjects_are_other_shapes_of_one_head(head):
    one, two, again = (load_subject(f"virtual {k}", texture=False, lesions=False) for k in (1, 2, 1))
    assert one.name == "virtual subject 1 (warped Colin27)"
    np.testing.assert_array_equal(one.pet, again.pet)
    for k in (2, 3):  # grey and white matter: the same amounts, in other places
        volumes = [np.count_nonzero(s.labels == k) for s in (head, one, two)]
        assert max(volumes) < 1.1 * min(volumes)
        for a, b in ((head, one), (one, two)):
            both = np.count_nonzero((a.labels == k) & (b.labels == k))
            assert 0.4 < both / volumes[0] < 0.9
