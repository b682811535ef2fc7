"""Small files in the layout of each product: two materials, a square of one on the other.

Every writer takes a folder and returns the path of the cube.  Values are random within the
materials, so that each has its place.
"""

import numpy as np

SIZE = (12, 10)
SQUARE = np.zeros(SIZE, bool)
SQUARE[3:8, 2:7] = True
OUTSIDE = np.zeros(SIZE, bool)  # pixels without data
OUTSIDE[0, :3] = True


def scene(bands, low, high, dtype, seed=0, size=SIZE):
    """Spectra of two materials between two values, (H, W, B)."""
    rng = np.random.default_rng(seed)
    spectra = rng.uniform(0.2, 0.8, (2, bands))
    square = np.zeros(size, int)
    square[:12, :10] = SQUARE[: size[0], : size[1]]
    share = spectra[square] + rng.uniform(-0.02, 0.02, (*size, bands))
    return (low + share * (high - low)).astype(dtype)


# HDF5


PRISMA_VNIR = [980.0, 950.0, 900.0, 700.0, 600.0, 500.0, 0.0, 0.0]  # as stored, 0 is not acquired
PRISMA_SWIR = [2400.0, 2000.0, 1500.0, 1200.0, 1000.0, 940.0, 0.0]
PRISMA_FLAGGED = (5, 5)  # one value of this pixel is flagged
PRISMA_BROKEN = 2000.0  # nm; nearly all values of the band are flagged


def prisma(folder, level="L2D", **without):
    """Both cubes in rows, bands, columns, with the longest wavelength first."""
    import h5py

    path = folder / "PRS_L2D_STD_20200101000000.he5"
    with h5py.File(path, "w") as file:
        group = file.create_group(f"HDFEOS/SWATHS/PRS_{level}_HCO/Data Fields")
        for seed, (part, nm) in enumerate((("VNIR", PRISMA_VNIR), ("SWIR", PRISMA_SWIR))):
            cube = scene(len(nm), 1000, 60000, "u2", seed)
            cube[OUTSIDE] = 0
            cube[:, :, np.array(nm) == 0] = 0
            errors = np.zeros(cube.shape, "u1")
            if part == "SWIR":
                errors[:, :, nm.index(PRISMA_BROKEN)] = 2
                errors[(*PRISMA_FLAGGED, nm.index(1200.0))] = 1
            kind = "SAT" if level == "L1" else "L2"
            group[f"{part}_Cube"] = cube.transpose(0, 2, 1)
            if not without.get("errors"):
                group[f"{part}_PIXEL_{kind}_ERR_MATRIX"] = errors.transpose(0, 2, 1)
            word = part.capitalize()
            file.attrs["Processing_Level"] = level[1:]
            if not without.get("wavelengths"):
                file.attrs[f"List_Cw_{word}"] = np.array(nm, "f4")
                file.attrs[f"List_Cw_{word}_Flags"] = (np.array(nm) > 0).astype("i4")
            if without.get("scale"):
                continue
            if level == "L1":
                file.attrs[f"ScaleFactor_{word}"] = np.float32(100)
                file.attrs[f"Offset_{word}"] = np.float32(0.5)
            else:
                file.attrs[f"L2Scale{word}Min"] = np.float32(0.01 * seed)
                file.attrs[f"L2Scale{word}Max"] = np.float32(1.1 + seed)
    return path


NEON_NM = [450.0, 550.0, 650.0, 850.0, 1350.0, 1400.0, 1600.0, 1850.0, 2200.0]


def neon(folder):
    import h5py

    path = folder / "NEON_D01_HARV_DP3_724000_4705000_reflectance.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("HARV/Reflectance")
        group.attrs["Band_Window_1_Nanometers"] = np.array([1340, 1445])
        group.attrs["Band_Window_2_Nanometers"] = np.array([1790, 1955])
        cube = scene(len(NEON_NM), 0, 10000, "i2")
        cube[OUTSIDE] = -9999
        data = group.create_dataset("Reflectance_Data", data=cube)
        data.attrs["Data_Ignore_Value"] = "-9999"
        data.attrs["Scale_Factor"] = np.float32(10000)
        data.attrs["Cloud conditions"] = "unknown"
        group["Metadata/Spectral_Data/Wavelength"] = np.array(NEON_NM)
        group["Metadata/Spectral_Data/Wavelength"].attrs["Units"] = "nanometers"
        group["Metadata/Spectral_Data/FWHM"] = np.full(len(NEON_NM), 5.0)
        group["Metadata/Ancillary_Imagery/Path_Length"] = np.ones(SIZE)
    return path


EMIT_NM = [400.0, 500.0, 600.0, 800.0, 1380.0, 1600.0, 2200.0]
EMIT_GOOD = [1, 1, 1, 1, 0, 1, 1]
TABLE = (14, 13)  # rows and columns on the map


def lookup_table(seed=0):
    """Rows and columns of the pixel for each cell of the map, from 1; 0 for none."""
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(1, SIZE[0] + 1, TABLE), rng.integers(1, SIZE[1] + 1, TABLE)
    rows[0], columns[0] = 0, 0
    return rows.astype("i4"), columns.astype("i4")


def emit(folder, name="reflectance"):
    import h5py

    path = folder / "EMIT_L2A_RFL_001_20230101T000000_0000000_000.nc"
    with h5py.File(path, "w") as file:
        cube = scene(len(EMIT_NM), 0, 1, "f4")
        cube[:, :, 4] = -0.01  # water vapour
        cube[OUTSIDE] = -9999
        data = file.create_dataset(name, data=cube)
        data.attrs["_FillValue"] = np.array([-9999], "f4")
        data.attrs["units"] = "unitless"
        bands = file.create_group("sensor_band_parameters")
        bands["wavelengths"] = np.array(EMIT_NM, "f4")
        bands["wavelengths"].attrs["units"] = "nm"
        bands["fwhm"] = np.full(len(EMIT_NM), 8.5, "f4")
        if name == "reflectance":
            bands["good_wavelengths"] = np.array(EMIT_GOOD, "u1")
        place = file.create_group("location")
        place["glt_y"], place["glt_x"] = lookup_table()
        place["elev"] = np.ones(SIZE)
    return path


AVIRIS_NM = [380.0, 480.0, 580.0, 880.0, 1600.0, 2200.0]


def aviris3(folder):
    import h5py

    path = folder / "AV320230926t201618_L2A_RFL.nc"
    with h5py.File(path, "w") as file:
        group = file.create_group("reflectance")
        cube = scene(len(AVIRIS_NM), 0, 1, "f4")
        cube[OUTSIDE] = -9999
        data = group.create_dataset("reflectance", data=cube.transpose(2, 0, 1))
        data.attrs["_FillValue"] = np.array([-9999], "f4")
        group["wavelength"] = np.array(AVIRIS_NM)
        group["wavelength"].attrs["units"] = "nm"
        rows, columns = lookup_table()
        rows[1], columns[1] = -rows[1], -columns[1]  # filled from a neighbour
        file["geolocation_lookup_table/line"] = rows
        file["geolocation_lookup_table/sample"] = columns
    return path


# GeoTIFF

DLR_NM = [420.0, 500.0, 600.0, 700.0, 860.0, 1000.0]


def tiff(path, cube, nodata=None):
    import rasterio

    height, width, bands = cube.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=bands, dtype=cube.dtype,
        nodata=nodata, crs="EPSG:32632", transform=rasterio.Affine(30, 0, 5e5, 0, -30, 5e6),
    ) as file:  # fmt: skip
        file.write(cube.transpose(2, 0, 1))


def dlr_cube():
    cube = scene(len(DLR_NM), 0, 10000, "i2")
    cube[OUTSIDE] = -32768
    return cube


def enmap(folder, level="L2A", nm=DLR_NM):
    base = f"ENMAP01-____{level}-DT0000000001_20220601T000000Z_001_V010000_20220601T000000Z"
    path = folder / f"{base}-SPECTRAL_IMAGE.TIF"
    tiff(path, dlr_cube())
    tiff(folder / f"{base}-QL_QUALITY_CLOUD.TIF", np.zeros((*SIZE, 1), "u1"))
    background = "" if level == "L2A" else "<backgroundValue>-32768</backgroundValue>"
    bands = "".join(
        f'<bandID number="{number}"><wavelengthCenterOfBand>{center}</wavelengthCenterOfBand>'
        f"<FWHMOfBand>6.5</FWHMOfBand><GainOfBand>{0.0001 * number}</GainOfBand>"
        f"<OffsetOfBand>{0.01 * number}</OffsetOfBand></bandID>"
        for number, center in enumerate(nm, 1)
    )
    (folder / f"{base}-METADATA.XML").write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<level_X><metadata/><base><level>{level}</level>'
        f"</base><specific>{background}"
        f"<bandCharacterisation>{bands}</bandCharacterisation></specific></level_X>\n"
    )
    return path


def desis(folder):
    base = "DESIS-HSI-L2A-DT0000000001_001-20200601T000000-V0210"
    path = folder / f"{base}-SPECTRAL_IMAGE.tif"
    tiff(path, dlr_cube(), nodata=-32768)
    tiff(folder / f"{base}-QL_IMAGE.tif", np.zeros((*SIZE, 3), "u1"))
    (folder / f"{base}-SPECTRAL_IMAGE.hdr").write_text("ENVI\nsamples = 10\n")
    bands = "".join(
        f"<band><bandNumber>{number}</bandNumber><wavelengthCenterOfBand>{center}"
        "</wavelengthCenterOfBand><wavelengthWidthOfBand>3.5</wavelengthWidthOfBand>"
        "<response>0.5, 1, 0.5</response><gainOfBand>0.0001</gainOfBand>"
        "<offsetOfBand>0.0</offsetOfBand></band>"
        for number, center in enumerate(DLR_NM, 1)
    )
    (folder / f"{base}-METADATA.xml").write_text(
        '<?xml version="1.0"?>\n<hsi_doc><base><productType>L2A</productType></base><specific>'
        "<mission>DESIS</mission><backgroundValue>-32768</backgroundValue>"
        f"<bandCharacterisation>{bands}</bandCharacterisation></specific></hsi_doc>\n"
    )
    return path


HYPERION_BANDS = (7, 8, 30, 57, 60, 77, 79, 120, 224, 225)


def hyperion(folder, metadata=True):
    scene_id = "EO1H0440342016184110K4"
    path = folder / scene_id
    path.mkdir()
    cube = scene(len(HYPERION_BANDS), 400, 8000, "i2")
    cube[OUTSIDE] = 0
    for number, band in zip(HYPERION_BANDS, cube.transpose(2, 0, 1), strict=True):
        if number in (7, 60, 225):
            band[:] = 0
        tiff(path / f"{scene_id}_B{number:03d}_L1T.TIF", band[:, :, None])
    if metadata:
        (path / f"{scene_id}_MTL_L1T.TXT").write_text(
            "GROUP = L1_METADATA_FILE\n  GROUP = RADIANCE_SCALING\n"
            "    SCALING_FACTOR_VNIR = 50.000000\n    SCALING_FACTOR_SWIR = 90.000000\n"
            "  END_GROUP = RADIANCE_SCALING\nEND\n"
        )
    return path


def bands(folder):
    """Of no known product: one TIFF per band, with the wavelengths in the names."""
    path = folder / "leaf"
    path.mkdir()
    for nm, band in zip((950, 450, 650), scene(3, 0, 4000, "u2").transpose(2, 0, 1), strict=True):
        tiff(path / f"leaf_{nm}nm.tif", band[:, :, None], nodata=0)
    return path


# ENVI

LAB_NM = [400.0, 500.0, 600.0, 700.0, 800.0]
TYPES = {"u2": 12, "f4": 4, "i2": 2}


def envi(path, cube, nm=None, **fields):
    """Interleaved by line, as line scanners write; `path` is that of the header."""
    lines, samples, count = cube.shape
    data = path.with_suffix("") if path.with_suffix("").suffix else path.with_suffix(".raw")
    cube.transpose(0, 2, 1).astype(cube.dtype.newbyteorder("<")).tofile(data)
    known = {
        "samples": samples, "lines": lines, "bands": count, "header offset": 0,
        "file type": "ENVI Standard", "data type": TYPES[cube.dtype.str[1:]],
        "interleave": "bil", "byte order": 0, **fields,
    }  # fmt: skip
    if nm is not None:
        known |= {"wavelength units": "nm", "wavelength": "{" + ", ".join(map(str, nm)) + "}"}
    path.write_text("ENVI\n" + "".join(f"{k} = {v}\n" for k, v in known.items()))
    return path


def aviris_ng(folder):
    cube = scene(len(AVIRIS_NM), 0, 1, "f4")
    cube[OUTSIDE] = -9999
    path = folder / "ang20190706t231016_rfl_v2x1_img.hdr"
    said = "{AVIRIS-NG surface reflectance}"
    envi(path, cube, AVIRIS_NM, description=said)
    path.with_suffix(".raw").rename(path.with_suffix(""))
    return path


def dark(level=100, lines=4, seed=7):
    rng = np.random.default_rng(seed)
    return rng.integers(level - 10, level + 10, (lines, SIZE[1], len(LAB_NM))).astype("u2")


def white(level=3000, lines=5, seed=8):
    rng = np.random.default_rng(seed)
    return rng.integers(level - 200, level + 200, (lines, SIZE[1], len(LAB_NM))).astype("u2")


def raw():
    return scene(len(LAB_NM), 200, 2500, "u2")


def specim(folder):
    """A capture of Specim IQ, with a dark reference of its own for the white one."""
    capture = folder / "101" / "capture"
    capture.mkdir(parents=True)
    envi(capture / "DARKREF_101.hdr", dark(), LAB_NM, tint=10)
    envi(capture / "WHITEREF_101.hdr", white(), LAB_NM, tint=5)
    envi(capture / "WHITEDARKREF_101.hdr", dark(80, seed=9), LAB_NM, tint=5)
    said = {"sensor type": "SPECIM IQ", "tint": 10}
    return envi(capture / "101.hdr", raw(), LAB_NM, **said)


def headwall(folder):
    """Names without an extension, and one line per reference."""
    path = folder / "raw.hdr"
    for name, cube in (
        ("raw", raw()),
        ("darkReference", dark(lines=1)),
        ("whiteReference", white(lines=1)),
    ):
        envi(folder / f"{name}.hdr", cube, LAB_NM)
        (folder / f"{name}.raw").rename(folder / name)
    return path


def resonon(folder):
    said = {"shutter": 8.5, "gain": 1, "imager type": "Pika L"}
    envi(folder / "Dark Current.bil.hdr", dark(), LAB_NM, **said)
    envi(folder / "White Reference.bil.hdr", white(), LAB_NM, **said)
    return envi(folder / "leaf.bil.hdr", raw(), LAB_NM, **said)


def autodark(folder):
    """Specim's recorder: dark frames at the end of the image itself."""
    (folder / "capture").mkdir()
    image = folder / "capture" / "belt.hdr"
    envi(folder / "capture" / "WHITEREF_belt.hdr", white(), LAB_NM, tint=4)
    return envi(image, np.concatenate([raw(), dark()]), LAB_NM, tint=4, autodarkstartline=SIZE[0])


WRITERS = {
    "PRISMA": prisma, "NEON": neon, "EMIT": emit, "AVIRIS-3": aviris3, "EnMAP": enmap,
    "DESIS": desis, "Hyperion": hyperion, "bands": bands, "AVIRIS-NG": aviris_ng,
    "Specim": specim, "Headwall": headwall, "Resonon": resonon, "autodark": autodark,
}  # fmt: skip
