"""Damaged files: every reader gives the cube or an `HsizooError`, whatever the bytes."""

import shutil
from functools import partial

import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hsizoo
from hsizoo.errors import HsizooError
from hsizoo.io import read_cube, read_labels, write_cube, write_mask
from hsizoo.io.tivita import write_spec_cube

CUBE = hsizoo.HyperCube(
    np.random.default_rng(0).random((5, 7, 11), dtype=np.float32), np.linspace(400, 900, 11)
)


def npz(folder):
    np.savez_compressed(folder / "c.npz", cube=CUBE.data, wavelengths=CUBE.wavelengths)
    return folder / "c.npz"


def mat(folder):
    content = {"cube": CUBE.data, "struct": {"a": 1}, "wavelengths": CUBE.wavelengths}
    scipy.io.savemat(folder / "c.mat", content)
    return folder / "c.mat"


def mat_compressed(folder):
    scipy.io.savemat(folder / "c.mat", {"cube": CUBE.data}, do_compression=True)
    return folder / "c.mat"


def hdf5(folder):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "c.h5", "w") as file:
        file.create_dataset("cube", data=CUBE.data, compression="gzip")
    return folder / "c.h5"


def tiff(folder):
    tifffile = pytest.importorskip("tifffile")
    data = CUBE.data.transpose(2, 0, 1)
    tifffile.imwrite(folder / "c.tif", data, photometric="minisblack", compression="zlib")
    return folder / "c.tif"


def tivita(folder):
    write_spec_cube(folder / "a_SpecCube.dat", CUBE.data)
    return folder / "a_SpecCube.dat"


def png(folder):
    return write_mask(folder / "m.png", np.arange(35).reshape(5, 7))


def envi(folder):
    return write_cube(folder / "c.hdr", CUBE)


def npy(folder):
    return write_cube(folder / "c.npy", CUBE)


def zarr(folder):
    pytest.importorskip("zarr")
    write_cube(folder / "c.zarr", CUBE)
    return folder / "c.zarr" / "cube" / "zarr.json"


WRITERS = [envi, npy, npz, mat, mat_compressed, hdf5, tiff, tivita, png, zarr]

# Where, most often near the beginning; what is taken out; what is put in.
changes = st.lists(
    st.tuples(
        st.integers(0, 300) | st.integers(0, 4000),
        st.integers(0, 4),
        st.binary(max_size=4)
        | st.sampled_from([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"9999", b"-1", b"{}=\n"]),
    ),
    min_size=1,
    max_size=4,
)


def read_or_refuse(read, path, named):
    """Read a file, or be told its name."""
    try:
        read(path)
    except HsizooError as error:
        message = str(error)
    else:
        return
    assert named in message


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__)
@pytest.mark.filterwarnings("ignore")  # of the libraries, which may well complain
def test_damaged_files_are_read_or_refused(writer, tmp_path):
    path = writer(tmp_path)
    good = path.read_bytes()
    read = read_labels if writer is png else partial(read_cube, layout="hwb")
    target = tmp_path / "c.zarr" if writer is zarr else path
    read(target)  # undamaged

    @given(changes, st.none() | st.integers(0, 4000))
    @settings(
        max_examples=150,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.differing_executors],
    )
    def damage(edits, cut):
        content = bytearray(good[:cut])
        for at, gone, put in edits:
            content[at : at + gone] = put
        path.unlink()  # a memory map of the last one may be alive
        path.write_bytes(content)
        read_or_refuse(read, target, str(tmp_path))

    damage()
    shutil.rmtree(tmp_path)


def test_a_struct_that_crashes_scipy(tmp_path):
    """With SciPy 1.17 one wrong byte in a struct ended the process; the cube beside it is read."""
    path = mat(tmp_path)
    content = bytearray(path.read_bytes())
    begin = content.index(b"struct")
    for at in range(begin - 40, begin + 60):
        damaged = content.copy()
        damaged[at] ^= 0x40
        path.unlink()
        path.write_bytes(damaged)
        read_or_refuse(read_cube, path, "c.mat")
