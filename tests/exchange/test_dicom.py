"""DICOM: list mode and norm taken out, slices in the patient's own directions."""

import numpy as np
import pytest

from petcourse import Scanner
from petcourse.exchange.dicom import extract, read_slices
from petcourse.exchange.listmode import read_list
from petcourse.exchange.listwriter import write_list

pydicom = pytest.importorskip("pydicom")


def dataset(path, kind, **values):
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = pydicom.uid.RawDataStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    file = pydicom.FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    file.ImageType = ["ORIGINAL", "PRIMARY", kind]
    for name, value in values.items():
        setattr(file, name, value)
    return file


def raw(path, kind, header, data=None, tag=(0x0029, 0x1010)):
    file = dataset(path, kind)
    file.add_new((0x0029, 0x0010), "LO", "SIEMENS CSA HEADER")
    file.add_new((0x0029, 0x0011), "LO", "SIEMENS CSA HEADER 2")
    if tag == (0x0029, 0x1110):
        file.add_new((0x0029, 0x1010), "OB", b"SV10 something else")
    file.add_new(tag, "OB", header.encode())
    if data is not None:
        file.add_new((0x7FE1, 0x0010), "LO", "SIEMENS CSA NON-IMAGE")
        file.add_new((0x7FE1, 0x1010), "OB", data)
    file.save_as(path)


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    """A list of few events: its header and its words."""
    folder, counts = tmp_path_factory.mktemp("list"), np.zeros(Scanner.mmr().sinogram_shape, np.int16)
    counts[:, 100, 172] = 3
    write_list(folder / "x.l.hdr", Scanner.mmr(), counts, 0 * counts, seconds=2)
    return (folder / "x.l.hdr").read_text(), (folder / "x.l").read_bytes(), counts


@pytest.mark.parametrize("tag", [(0x0029, 0x1010), (0x0029, 0x1110)])
@pytest.mark.parametrize("beside", [True, False])
def test_list_mode(tmp_path, listed, tag, beside):
    header, words, counts = listed
    raw(tmp_path / "scan.dcm", "PET_LISTMODE", header, None if beside else words, tag)
    if beside:
        (tmp_path / "scan.bf").write_bytes(words)
    (tmp_path / "out").mkdir()
    path = extract(tmp_path / "scan.dcm", tmp_path / "out")
    assert path.name == "scan.l.hdr"
    np.testing.assert_array_equal(read_list(path).prompts, counts)


def test_what_is_refused(tmp_path, listed):
    header, words, _ = listed
    raw(tmp_path / "a.dcm", "PET_LISTMODE", header)
    with pytest.raises(ValueError, match="comes with 0 bytes of data"):
        extract(tmp_path / "a.dcm", tmp_path)
    raw(tmp_path / "b.dcm", "PET_LISTMODE", header, words[:-8])
    with pytest.raises(ValueError, match="its header wants"):
        extract(tmp_path / "b.dcm", tmp_path)
    raw(tmp_path / "c.dcm", "PET_LISTMODE", "no header", words)
    with pytest.raises(ValueError, match="holds no Interfile header"):
        extract(tmp_path / "c.dcm", tmp_path)
    raw(tmp_path / "d.dcm", "M_FFE", header, words)
    with pytest.raises(ValueError, match="DICOM of the kind"):
        extract(tmp_path / "d.dcm", tmp_path)
    (tmp_path / "e.dcm").write_bytes(b"text")
    with pytest.raises(ValueError, match="no DICOM file"):
        extract(tmp_path / "e.dcm", tmp_path)
    raw(tmp_path / "f.dcm", "PET_NORM", header, b"1234")
    with pytest.raises(ValueError, match="its header wants 323404"):
        extract(tmp_path / "f.dcm", tmp_path)
    assert not list(tmp_path.glob("*.l")) + list(tmp_path.glob("*.n"))


def slices(folder, image, along=(1, 0, 0, 0, 1, 0), heights=None):
    """A series of transaxial slices of an image (slice, row, column) at heights along the patient [mm]."""
    folder.mkdir()
    for n, plane in enumerate(image):
        file = dataset(folder / f"{n}.dcm", "M", Rows=image.shape[1], Columns=image.shape[2], PixelSpacing=[3, 4])
        file.ImageOrientationPatient, file.ImagePositionPatient = (
            list(along),
            [0, 0, 2.0 * n if heights is None else heights[n]],
        )
        file.SamplesPerPixel, file.PhotometricInterpretation, file.PixelRepresentation = 1, "MONOCHROME2", 0
        file.BitsAllocated = file.BitsStored = 16
        file.HighBit, file.PixelData = 15, plane.astype("<u2").tobytes()
        file.save_as(folder / f"{n}.dcm")


def test_slices_lie_as_the_patient_does(tmp_path):
    """DICOM's rows grow to the back, columns to the left, heights to the head; a scan head first sees the head in plane 0."""
    image = np.arange(5 * 6 * 7).reshape(5, 6, 7)
    slices(tmp_path / "a", image)
    found, voxel = read_slices(tmp_path / "a", "HFS")
    np.testing.assert_array_equal(found, image[::-1])
    assert voxel == (2, 3, 4)
    feet, _ = read_slices(tmp_path / "a", "FFS")
    np.testing.assert_array_equal(feet, image[:, :, ::-1])


def test_slices_that_are_no_series(tmp_path):
    image = np.ones((4, 3, 3))
    slices(tmp_path / "a", image, heights=[0, 2, 4, 8])
    with pytest.raises(ValueError, match="2 to 4 mm apart"):
        read_slices(tmp_path / "a")
    slices(tmp_path / "b", image, along=(0.8, 0.6, 0, -0.6, 0.8, 0))
    with pytest.raises(ValueError, match="aslant"):
        read_slices(tmp_path / "b")
    slices(tmp_path / "c", image[:1])
    with pytest.raises(ValueError, match="give one series"):
        read_slices(tmp_path / "c")
