"""NIfTI images, through nibabel: the affine says where each voxel lies in the patient, and so what is left and right."""

import numpy as np

from petcourse.exchange.files import require_values, whole_file
from petcourse.scan.patient import patient_axes


def affine(shape, voxel, position):
    """Where voxel (x, y, z) of an image lies in NIfTI's world.

    That grows to the patient's right, to the front and to the head (RAS+); the middle of the image is its origin.

    Parameters
    ----------
    shape, voxel : tuple
        Of the image, along (z, y, x); sizes in mm.
    position : str
        Of the patient in the scanner, see `patient_axes`.

    Returns
    -------
    affine : (4, 4) float64
    """
    letters = patient_axes(position)
    signs = [1 if letter in "RAS" else -1 for letter in letters[::-1]]
    steps = np.multiply(signs, voxel[::-1])
    matrix = np.diag([*steps, 1.0])
    matrix[:3, 3] = -steps * (np.array(shape[::-1]) - 1) / 2
    return matrix


def write_nifti(path, image, voxel, position="FFS"):
    """Write an image.

    Parameters
    ----------
    path : path-like
        Ends on ``.nii`` or ``.nii.gz``.
    image : (z, y, x) float32, int16, uint16 or uint8
    voxel : tuple of float
        Its size along z, y and x [mm].
    position : str
        Of the patient in the scanner; the course's own heads lie feet first, supine.
    """
    import nibabel

    require_values(image, image.shape, "an image")
    file = nibabel.Nifti1Image(image.transpose(2, 1, 0), affine(image.shape, voxel, position))
    file.set_qform(file.affine, code="scanner")
    file.set_sform(file.affine, code="scanner")
    file.header.set_xyzt_units("mm", "sec")
    packed = str(path).endswith(".gz")
    with whole_file(path) as out:
        if packed:
            import gzip

            with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as zipped:
                zipped.write(file.to_bytes())
        else:
            out.write(file.to_bytes())


def read_nifti(path, position="FFS"):
    """Read an image, its axes turned to those of a scan of a patient who lies so.

    Parameters
    ----------
    path : path-like
    position : str
        Of the scan to which the image shall fit.

    Returns
    -------
    image : (z, y, x)
        In the type of the file, or float32 if it is scaled.
    voxel : tuple of float
        Along z, y and x [mm].

    Raises
    ------
    ValueError
        If it is no NIfTI file of three axes, or they are turned against the patient's by more than a permutation.
    """
    import nibabel

    try:
        file = nibabel.load(path)
        values = np.asanyarray(file.dataobj)
    except (nibabel.filebasedimages.ImageFileError, OSError, EOFError, ValueError) as error:
        raise ValueError(f"{path} is no NIfTI file that can be read ({error}): give a .nii or .nii.gz.") from None
    if values.ndim != 3:
        raise ValueError(f"{path} has {values.ndim} axes, and an image of three is wanted: choose a frame.")
    rotation = file.affine[:3, :3] / np.linalg.norm(file.affine[:3, :3], axis=0)
    if np.abs(rotation).max(axis=0).min() < 0.999:
        raise ValueError(f"{path} lies aslant in the patient: resample it first, onto the scanner's grid.")
    here = nibabel.orientations.io_orientation(file.affine)
    there = nibabel.orientations.axcodes2ornt(tuple(patient_axes(position)[::-1]))
    turn = nibabel.orientations.ornt_transform(here, there)
    turned = nibabel.orientations.apply_orientation(values, turn)
    voxel = np.array(nibabel.affines.voxel_sizes(file.affine))[np.argsort(turn[:, 0])]
    image = np.ascontiguousarray(turned.transpose(2, 1, 0))
    return image.astype(np.float32) if image.dtype == np.float64 else image, tuple(float(size) for size in voxel[::-1])
