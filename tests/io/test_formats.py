import io
import json
import pickle
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
import scipy.io

import hsizoo
from hsizoo.errors import DataError, MissingRequirement
from hsizoo.io import format_of, open_raster, read_cube, read_labels, write_cube, write_mask
from hsizoo.io.formats import files_of
from hsizoo.io.limits import memory_limit
from hsizoo.io.tivita import write_spec_cube

CUBE = np.random.default_rng(0).random((5, 7, 11), dtype=np.float32)
LABELS = np.random.default_rng(1).integers(0, 4, (5, 7))
NM = np.linspace(400, 900, 11)


@pytest.mark.parametrize("ending", [".hdr", ".npz", ".npy", ".zarr"])
def test_cubes_come_back(tmp_path, ending):
    if ending == ".zarr":
        pytest.importorskip("zarr")
    path = write_cube(tmp_path / f"c{ending}", hsizoo.HyperCube(CUBE, NM, "c"))
    cube = read_cube(path, layout="hwb" if ending == ".npy" else "auto")  # .npy does not tell it
    np.testing.assert_array_equal(cube.data, CUBE)
    if ending == ".npy":
        assert cube.wavelengths is None
    else:
        assert cube.wavelengths == pytest.approx(NM)
    assert cube.name == "c"


@pytest.mark.parametrize("ending", [".png", ".hdr", ".tif", ".npz"])
@pytest.mark.parametrize("highest", [1, 3, 255, 300])
def test_masks_come_back(tmp_path, ending, highest):
    if ending == ".tif":
        pytest.importorskip("tifffile")
    labels = LABELS.copy() % (highest + 1)
    labels[2, 3] = highest
    path = write_mask(tmp_path / f"m{ending}", labels if highest > 1 else labels.astype(bool))
    np.testing.assert_array_equal(read_labels(path)[0], labels)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["f8", "f4", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"])
def test_matlab_as_scipy_reads_it(tmp_path, dtype, compressed):
    values = (CUBE * 100).astype(dtype)
    path = tmp_path / "c.mat"
    content = {
        "odd": {"a": 1},
        "scene": values,
        "text": "hi",
        "wavelength": NM / 1000,
        "gt": LABELS,
    }
    scipy.io.savemat(path, content, do_compression=compressed)
    raster = open_raster(path, "cube")
    np.testing.assert_array_equal(raster.values, scipy.io.loadmat(path)["scene"])
    assert raster.wavelengths == pytest.approx(NM)
    np.testing.assert_array_equal(read_labels(path)[0], LABELS)


def test_matlab_of_version_4_is_refused(tmp_path):
    scipy.io.savemat(tmp_path / "c.mat", {"gt": LABELS}, format="4")
    with pytest.raises(DataError, match=r"c\.mat is a .* version 4, .*-v7.*savemat") as error:
        read_labels(tmp_path / "c.mat")
    code = str(error.value).partition("in Python: ")[2]
    names = {"OLD": tmp_path / "c.mat", "NEW": tmp_path / "new.mat", "scipy": scipy}
    eval(code, names)  # what the message says does help
    np.testing.assert_array_equal(read_labels(tmp_path / "new.mat")[0], LABELS)
    for content in (b"", b"what is this", b"M" * 200):
        (tmp_path / "c.mat").write_bytes(content)
        with pytest.raises(DataError, match=r"c\.mat is not a MATLAB file"):
            read_labels(tmp_path / "c.mat")


@pytest.mark.parametrize("compressed", [False, True])
def test_matlab_structs_and_cells_are_named(tmp_path, compressed):
    path = tmp_path / "c.mat"
    cells = np.empty(2, object)
    cells[:] = [CUBE, CUBE]
    content = {"scene": {"data": CUBE}, "parts": cells, "fourier": CUBE * 1j}
    scipy.io.savemat(path, content, do_compression=compressed)
    expected = "'scene' is a struct, 'parts' is a cell, 'fourier' is a matrix of complex numbers"
    with pytest.raises(DataError, match=f"no array that can be a cube.*{expected}.*x = s.field"):
        read_cube(path)
    with pytest.raises(DataError, match=f"no numeric array 'scene'.*{expected}"):
        read_cube(path, variable="scene")
    scipy.io.savemat(path, {**content, "cube": CUBE}, do_compression=compressed)
    np.testing.assert_array_equal(read_cube(path, layout="hwb").data, CUBE)


def test_a_struct_of_matlab_73_is_a_group(tmp_path):
    matlab73(tmp_path / "c.mat", "scene/data", CUBE)
    np.testing.assert_array_equal(read_cube(tmp_path / "c.mat", layout="hwb").data, CUBE)


def matlab73(path, name, values):
    """Write as MATLAB does: a user block with a text, and the axes in reverse."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:
        file[name] = values.T
    content = bytearray(path.read_bytes())
    content[:19] = b"MATLAB 7.3 MAT-file"
    path.write_bytes(content)


def test_matlab_73_is_known_by_its_content(tmp_path):
    matlab73(tmp_path / "c.mat", "paviaU", CUBE)
    assert format_of(tmp_path / "c.mat") == "hdf5"
    np.testing.assert_array_equal(read_cube(tmp_path / "c.mat", layout="hwb").data, CUBE)
    matlab73(tmp_path / "g.mat", "paviaU_gt", LABELS)
    np.testing.assert_array_equal(read_labels(tmp_path / "g.mat")[0], LABELS)


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_hdf5(tmp_path, compression):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file.create_dataset("a/cube", data=CUBE, compression=compression)
        file["a/other"] = CUBE
        file["a/wavelengths"] = NM
    cube = read_cube(tmp_path / "c.h5")
    np.testing.assert_array_equal(cube.data, CUBE)
    assert cube.wavelengths == pytest.approx(NM)
    assert isinstance(cube.data, np.memmap) == (compression is None)
    np.testing.assert_array_equal(read_cube(tmp_path / "c.h5", variable="a/other").data, CUBE)


def test_hdf5_does_not_leave_its_file(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["cube"] = CUBE
    (tmp_path / "raw").write_bytes(CUBE.tobytes())
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["cube"] = h5py.ExternalLink("other.h5", "cube")
    with pytest.raises(DataError, match="no array that can be a cube"):
        read_cube(tmp_path / "c.h5")
    with h5py.File(tmp_path / "d.h5", "w") as file:
        outside = [(str(tmp_path / "raw"), 0, CUBE.nbytes)]
        file.create_dataset("cube", CUBE.shape, "f4", external=outside)
    with pytest.raises(DataError, match="is stored in other files"):
        read_cube(tmp_path / "d.h5")
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file.create_dataset("cube", (10**5, 10**5, 100), "f4", chunks=(10, 10, 100))
    with pytest.raises(DataError, match="declared but never written"):
        read_cube(tmp_path / "e.h5")


@pytest.mark.parametrize("version", [2, 3])
def test_zarr(tmp_path, version):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(tmp_path / "c.zarr"), mode="w", zarr_format=version)
    array = group.create_array("cube", shape=CUBE.shape, chunks=(2, 3, 11), dtype="float32")
    array[...] = CUBE
    array.attrs["wavelengths"] = NM.tolist()
    cube = read_cube(tmp_path / "c.zarr")
    np.testing.assert_array_equal(cube.data, CUBE)
    assert cube.wavelengths == pytest.approx(NM)
    lone = zarr.create_array(str(tmp_path / "g.zarr"), data=LABELS, zarr_format=version)
    assert lone.shape == LABELS.shape
    np.testing.assert_array_equal(read_labels(tmp_path / "g.zarr")[0], LABELS)


def test_zarr_that_declares_what_is_not_there(tmp_path):
    pytest.importorskip("zarr")
    path = write_cube(tmp_path / "c.zarr", hsizoo.HyperCube(CUBE))
    meta = path / "cube" / "zarr.json"
    about = json.loads(meta.read_text())
    about["shape"] = [4000, 4000, 11]
    about["chunk_grid"]["configuration"]["chunk_shape"] = [1, 1, 1]
    meta.write_text(json.dumps(about))
    with pytest.raises(DataError, match="176000000 chunks but the store has only 1 file"):
        read_cube(path)


def test_zarr_with_a_link_out_of_it(tmp_path):
    pytest.importorskip("zarr")
    path = write_cube(tmp_path / "c.zarr", hsizoo.HyperCube(CUBE))
    (tmp_path / "secret").write_text("x")
    (path / "cube" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(DataError, match="a link that points outside the store"):
        read_cube(path)


@pytest.mark.parametrize(
    ("how", "axes"),
    [
        ({"planarconfig": "contig"}, (0, 1, 2)),
        ({"planarconfig": "separate"}, (2, 0, 1)),
        ({}, (2, 0, 1)),
        ({"compression": "zlib"}, (2, 0, 1)),
        ({"planarconfig": "contig", "tile": (16, 16)}, (0, 1, 2)),
        ({"byteorder": ">", "planarconfig": "contig"}, (0, 1, 2)),
        ({"bigtiff": True}, (2, 0, 1)),
    ],
    ids=str,
)
def test_tiff_with_bands_anywhere(tmp_path, how, axes):
    tifffile = pytest.importorskip("tifffile")
    cube = CUBE[:, :, :6]  # one per page: not more than there are columns
    tifffile.imwrite(tmp_path / "c.tif", cube.transpose(axes), photometric="minisblack", **how)
    np.testing.assert_array_equal(read_cube(tmp_path / "c.tif").data, cube)


def test_geotiff_keeps_its_place_as_gdal_sees_it(tmp_path):
    rasterio = pytest.importorskip("rasterio", reason="rasterio, the independent oracle, is absent")
    transform = rasterio.Affine(20, 0, 637000.5, 0, -20, 4480000.25)
    with rasterio.open(
        tmp_path / "c.tif", "w", driver="GTiff", height=5, width=7, count=11, dtype="float32",
        crs="EPSG:32616", transform=transform, nodata=-9999,
    ) as file:  # fmt: skip
        values = CUBE.transpose(2, 0, 1).copy()
        values[:, 1, 2] = -9999
        file.write(values)
    raster = open_raster(tmp_path / "c.tif", "cube")
    cube = read_cube(tmp_path / "c.tif")
    assert not cube.valid[1, 2]
    np.testing.assert_array_equal(cube.data[0], CUBE[0])
    write_mask(tmp_path / "m.tif", LABELS, like=raster)
    with rasterio.open(tmp_path / "m.tif") as file:
        assert file.crs.to_epsg() == 32616
        assert file.transform == transform
        np.testing.assert_array_equal(file.read(1), LABELS)


def test_tivita_by_the_formula_of_its_description(tmp_path):
    path = tmp_path / "2021_SpecCube.dat"
    write_spec_cube(path, CUBE)
    assert path.stat().st_size == 12 + CUBE.nbytes
    assert np.fromfile(path, ">i4", 3).tolist() == [7, 5, 11]
    stored = np.fromfile(path, ">f4", offset=12).reshape(7, 5, 11)
    expected = np.swapaxes(np.flip(stored, axis=1), 0, 1)
    np.testing.assert_array_equal(read_cube(path).data, expected)
    np.testing.assert_array_equal(expected, CUBE)
    plain = path.rename(tmp_path / "known-by-its-header.bin")
    np.testing.assert_array_equal(read_cube(plain).data, CUBE)


def test_a_tivita_cube_that_is_cut_off(tmp_path):
    path = tmp_path / "a_SpecCube.dat"
    write_spec_cube(path, CUBE)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"1551 bytes, but its header, 7 × 5 × 11, implies 1552"):
        read_cube(path)


def test_the_right_array_of_several(tmp_path):
    path = tmp_path / "c.npz"
    np.savez(path, one=CUBE, two=CUBE[:, :, :3], flat=LABELS)
    with pytest.raises(DataError, match=r"several arrays.*variable=NAME.*one \(5, 7, 11\), two"):
        read_cube(path)
    assert read_cube(path, variable="two").bands == 3
    with pytest.raises(DataError, match=r"no numeric array 'tow'\. Did you mean 'two'"):
        read_cube(path, variable="tow")
    np.testing.assert_array_equal(read_labels(path)[0], LABELS)


def test_bands_first(tmp_path):
    path = tmp_path / "c.npz"
    np.savez(path, cube=CUBE.transpose(2, 0, 1), wavelengths=NM)
    cube = read_cube(path)
    np.testing.assert_array_equal(cube.data, CUBE)
    assert cube.remarks == ("axes read as bands, rows, columns: there are 11 wavelengths",)
    np.testing.assert_array_equal(read_cube(path, layout="bhw").data, CUBE)


@pytest.mark.parametrize(
    "values", [CUBE * 1j, np.array([[["a"]]]), CUBE[0, 0], np.ones((2, 3, 4, 5))]
)
def test_what_is_no_cube(tmp_path, values):
    np.save(tmp_path / "c.npy", values)
    with pytest.raises(DataError, match=r"c\.npy"):
        read_cube(tmp_path / "c.npy")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[0.5, 1]], "row 0, column 0 is 0.5"),
        ([[1, np.nan]], "row 0, column 1 is nan"),
        ([[1, 2**40]], "fit into 32 bits"),
        ([[[1, 2]]], "a mask must be one band"),
    ],
)
def test_what_is_no_mask(tmp_path, values, message):
    np.save(tmp_path / "m.npy", values)
    with pytest.raises(DataError, match=message):
        read_labels(tmp_path / "m.npy")


def test_a_picture_is_no_mask(tmp_path):
    from PIL import Image

    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"colour image \(RGB\)"):
        read_labels(tmp_path / "a.png")
    with pytest.raises(DataError, match="cannot hold a cube"):
        read_cube(tmp_path / "a.png")


class Harmful:
    def __reduce__(self):
        return exec, ("raise SystemExit('a pickle was run')",)


def test_no_pickle_is_run(tmp_path):
    array = np.array([Harmful()], dtype=object)
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    np.savez(tmp_path / "a.npz", cube=array)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Harmful()))
    for name in ("a.npy", "a.npz", "a.pkl"):
        with pytest.raises(DataError):
            read_cube(tmp_path / name)


def npy(shape, content=b""):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    return file.getvalue() + content


def test_an_archive_whose_names_lead_out(tmp_path):
    for name in ("../cube.npy", "/cube.npy", "a/../../cube.npy", "..\\cube.npy"):
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr(name, npy((1, 1, 1), b"1234"))
        with pytest.raises(DataError, match="points outside the archive"):
            read_cube(tmp_path / "a.npz")


def test_fifty_gigabytes_in_a_kilobyte(tmp_path):
    """Every way to declare 50 GB is refused at once, in little memory."""
    huge = (50_000, 10_000, 25)
    (tmp_path / "a.npy").write_bytes(npy(huge, b"x" * 900))
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cube.npy", npy(huge, b"x" * 900))
    header = np.array([10_000, 50_000, 25], ">i4").tobytes()
    (tmp_path / "a_SpecCube.dat").write_bytes(header + b"x" * 900)
    (tmp_path / "b.hdr").write_text(
        "ENVI\nsamples = 10000\nlines = 50000\nbands = 25\ndata type = 4\ninterleave = bip\n"
    )
    (tmp_path / "b.img").write_bytes(b"x" * 900)
    code = (
        "import resource, sys, hsizoo.io\n"
        "from hsizoo.errors import DataError\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n        hsizoo.io.read_cube(name)\n"
        "    except DataError as error:\n        print(error)\n"
    )
    names = ["a.npy", "a.npz", "a_SpecCube.dat", "b.hdr"]
    done = subprocess.run(
        [sys.executable, "-c", code, *names],
        cwd=tmp_path, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert [line.split()[0].rstrip(":") for line in lines] == [*names[:3], "b.img"]


def test_the_limit_of_memory(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "c.npz", cube=np.zeros((300, 300, 10), np.float32))
    assert memory_limit() > 2**27
    monkeypatch.setenv("HSIZOO_MEMORY_GB", "0.001")
    with pytest.raises(DataError, match=r"3\.4 MiB; at most 1\.0 MiB.*hsizoo data convert"):
        read_cube(tmp_path / "c.npz")
    monkeypatch.setenv("HSIZOO_MEMORY_GB", "lots")
    with pytest.raises(hsizoo.HsizooError, match="HSIZOO_MEMORY_GB='lots'"):
        memory_limit()


def test_a_missing_file_and_an_unknown_format(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        read_cube(tmp_path / "none.hdr")
    with pytest.raises(DataError, match=r"no file ~/none\.hdr; only the shell replaces ~"):
        read_cube("~/none.hdr")
    (tmp_path / "a.xyz").write_bytes(b"what is this")
    with pytest.raises(DataError, match="none of the supported formats: ENVI, NumPy"):
        read_cube(tmp_path / "a.xyz")
    with pytest.raises(DataError, match=r"is a folder, .* with `hsizoo data check "):
        read_cube(tmp_path)
    (tmp_path / "empty.npy").touch()
    with pytest.raises(DataError, match="supported formats"):
        read_cube(tmp_path / "empty.npy")


@pytest.mark.parametrize(
    ("package", "name", "head", "extra"),
    [
        ("h5py", "a.h5", b"\x89HDF\r\n\x1a\n", "hdf5"),
        ("tifffile", "a.tif", b"II*\0", "tiff"),
        ("zarr", "a.zarr", None, "zarr"),
    ],
)
def test_a_missing_package_is_one_line(tmp_path, monkeypatch, package, name, head, extra):
    monkeypatch.setitem(sys.modules, package, None)
    if head is None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "zarr.json").touch()
    else:
        (tmp_path / name).write_bytes(head)
    with pytest.raises(MissingRequirement, match=rf"pip install 'hsizoo\[{extra}\]'") as error:
        read_cube(tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_folder_that_is_no_store_is_never_emptied(tmp_path):
    pytest.importorskip("zarr")
    (tmp_path / "c.zarr").mkdir()
    (tmp_path / "c.zarr" / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match=r"c\.zarr exists and is not a Zarr store"):
        write_cube(tmp_path / "c.zarr", hsizoo.HyperCube(CUBE))
    assert (tmp_path / "c.zarr" / "thesis.txt").exists()
    write_cube(tmp_path / "d.zarr", hsizoo.HyperCube(CUBE))
    write_cube(tmp_path / "d.zarr", hsizoo.HyperCube(CUBE + 1))
    np.testing.assert_array_equal(read_cube(tmp_path / "d.zarr").data, CUBE + 1)


def test_unknown_endings_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"written as \.hdr, \.npz"):
        write_cube(tmp_path / "c.jpg", hsizoo.HyperCube(CUBE))
    with pytest.raises(DataError, match=r"written as \.png"):
        write_mask(tmp_path / "m.jpg", LABELS)
    with pytest.raises(DataError, match="from 0 to 65535; got -1"):
        write_mask(tmp_path / "m.png", LABELS - 1)


@pytest.mark.slow
def test_a_full_size_tivita_cube_loads_as_fast_as_numpy_reads_it(tmp_path):
    path = tmp_path / "big_SpecCube.dat"
    write_spec_cube(path, np.random.default_rng(2).random((480, 640, 100), dtype=np.float32))

    def numpy_alone():
        stored = np.fromfile(path, ">f4", offset=12).reshape(640, 480, 100)
        return np.swapaxes(np.flip(stored, axis=1), 0, 1).astype(np.float32)

    def seconds(load):  # of the processor: on a busy machine the clock counts the others too
        began = time.process_time()
        load()
        return time.process_time() - began

    pairs = [(seconds(lambda: read_cube(path)), seconds(numpy_alone)) for _ in range(5)]
    ours, theirs = (min(each) for each in zip(*pairs, strict=True))
    assert ours < 1.5 * theirs


def test_the_files_of_an_image(tmp_path):
    write_cube(tmp_path / "c.hdr", hsizoo.HyperCube(CUBE))
    both = {tmp_path / "c.hdr", tmp_path / "c.img"}
    assert set(files_of(tmp_path / "c.hdr")) == set(files_of(tmp_path / "c.img")) == both
    np.save(tmp_path / "c.npy", CUBE)  # of the same name, but not the same image
    assert files_of(tmp_path / "c.npy") == [tmp_path / "c.npy"]
    (tmp_path / "d.csv").touch()
    assert files_of(tmp_path / "d.csv") == [tmp_path / "d.csv"]
