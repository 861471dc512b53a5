"""NIfTI: what comes back is what was written, and left is left, told by the patient's own axes."""

import numpy as np
import pytest

from petcourse.exchange.nifti import affine, read_nifti, write_nifti
from petcourse.scan.patient import AXES

nibabel = pytest.importorskip("nibabel")
VOXEL = (2.03125, 2.08626, 2.1)
IMAGE = np.random.default_rng(0).random((5, 6, 7), dtype=np.float32)


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
@pytest.mark.parametrize("position", list(AXES))
def test_they_come_back(tmp_path, position, name):
    write_nifti(tmp_path / name, IMAGE, VOXEL, position)
    image, voxel = read_nifti(tmp_path / name, position)
    np.testing.assert_array_equal(image, IMAGE)
    assert voxel == pytest.approx(VOXEL)


def test_one_hot_voxel_lies_where_it_lay_in_the_patient(tmp_path):
    """Feet first, supine: rows grow to the back, columns to the patient's right. Head first they do not."""
    image = np.zeros((5, 7, 9), np.float32)
    image[4, 0, 8] = 1  # the head's side, in front, on the right
    write_nifti(tmp_path / "x.nii", image, (1, 1, 1), "FFS")
    file = nibabel.load(tmp_path / "x.nii")
    place = np.argwhere(file.get_fdata() == 1)[0]
    np.testing.assert_allclose((file.affine @ [*place, 1])[:3], (4, 3, 2))  # right, front, head: all positive
    assert nibabel.aff2axcodes(file.affine) == ("R", "P", "S")
    turned, _ = read_nifti(tmp_path / "x.nii", "HFS")
    assert turned[0, 0, 0] == 1 and turned.sum() == 1


def test_affine_of_the_mmr():
    """Numbers that were derived by hand: half a grid from its middle."""
    feet = affine((127, 344, 344), (2.03125, 2.08626, 2.08626), "FFS")
    np.testing.assert_allclose(feet[:3, 3], (-357.79359, 357.79359, -127.96875))
    np.testing.assert_allclose(np.diag(feet), (2.08626, -2.08626, 2.03125, 1))
    head = affine((127, 344, 344), (2.03125, 2.08626, 2.08626), "HFS")
    np.testing.assert_allclose(np.diag(head), (-2.08626, -2.08626, -2.03125, 1))


def test_what_is_refused(tmp_path):
    (tmp_path / "x.nii").write_bytes(b"no image")
    with pytest.raises(ValueError, match="no NIfTI file"):
        read_nifti(tmp_path / "x.nii")
    aslant = np.eye(4)
    aslant[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
    nibabel.save(nibabel.Nifti1Image(IMAGE, aslant), tmp_path / "y.nii")
    with pytest.raises(ValueError, match="lies aslant"):
        read_nifti(tmp_path / "y.nii")
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 3, 3, 2), np.float32), np.eye(4)), tmp_path / "z.nii")
    with pytest.raises(ValueError, match="has 4 axes"):
        read_nifti(tmp_path / "z.nii")
    with pytest.raises(ValueError, match="NaN or infinite"):
        write_nifti(tmp_path / "w.nii", IMAGE * np.nan, VOXEL)
