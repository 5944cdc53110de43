"""Writes tests/io/npy.json: files as NumPy writes them, with what they hold, and files that are
valid .npy but that gpukit must refuse. Reads tests/io/written.npz, which gpukit wrote, and checks
it. Run it with NumPy 2: python3 tests/io/make_npy.py
"""

import base64
import io
import pathlib
import sys

import numpy as np
from numpy.lib import format as npy

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parent / "golden"))
from text import to_json
rng = np.random.default_rng(7)


def saved(array, version=None):
    file = io.BytesIO()
    npy.write_array(file, array, version=version, allow_pickle=True)
    return file.getvalue()


def values_of(array):
    """Row-major numbers; 64-bit integers and numbers that JSON lacks as strings."""
    flat = np.ravel(array, order="C")
    if flat.dtype.kind == "c":
        flat = np.stack([flat.real, flat.imag], axis=-1).ravel()
    if flat.dtype.kind == "f":
        return [float(x) if np.isfinite(x) else str(x) for x in flat.astype(np.float64)]
    return [str(x) if flat.dtype.itemsize == 8 else int(x) for x in flat]


def entry(name, array, data=None, canonical=False):
    return {
        "name": name,
        "dtype": array.dtype.newbyteorder("=").name,
        "shape": list(array.shape),
        "values": values_of(array),
        # gpukit must write the very same bytes.
        "canonical": canonical,
        "bytes": base64.b64encode(data if data is not None else saved(array)).decode(),
    }


def sample(dtype, shape):
    dtype = np.dtype(dtype)
    if dtype == bool:
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    if dtype.kind == "c":
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    return rng.normal(size=shape).astype(dtype)


dtypes = "bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float16 float32 float64 complex64"
good = []
for dtype in dtypes.split():
    good.append(entry(f"{dtype} in C order", sample(dtype, (2, 3)), canonical=True))
    good.append(entry(f"{dtype} in Fortran order", np.asfortranarray(sample(dtype, (3, 2, 4)))))
    big = sample(dtype, (5,))
    if big.dtype.itemsize > 1:
        big = big.astype(big.dtype.newbyteorder(">"))
        good.append(entry(f"{dtype}, big endian", big))
big = np.asfortranarray(sample("float64", (2, 3)).astype(">f8"))
good.append(entry("big endian in Fortran order", big))
good.append(entry("no axes", np.float32(1.5).reshape(()), canonical=True))
good.append(entry("no elements", np.zeros((3, 0, 2), np.int16), canonical=True))
good.append(entry("eight axes", sample("uint8", (1, 2, 1, 2, 1, 2, 1, 2)), canonical=True))
special = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324])
good.append(entry("special numbers", special, canonical=True))
small = np.arange(4, dtype=np.int32)
good.append(entry("version 2", small, saved(small, (2, 0))))
good.append(entry("version 3", small, saved(small, (3, 0))))
header = b"{'shape':(2L,) ,\"fortran_order\":False, 'descr' : '<u2'}\n"
old = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\x01\x00\x02\x00"
good.append(entry("header of another writer", np.array([1, 2], np.uint16), old))

bad = [
    ("objects", np.array([1, "a"], dtype=object)),
    ("record", np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")])),
    ("text", np.array(["a", "bc"])),
    ("bytes", np.array([b"a", b"bc"])),
    ("dates", np.array(["2024-01-01"], dtype="datetime64[D]")),
    ("complex128", np.ones(2, np.complex128)),
    ("raw", np.zeros(2, "V2")),
]

arrays = {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "y z": np.array([True, False])}
archives = {}
for name, save in [("stored", np.savez), ("compressed", np.savez_compressed)]:
    file = io.BytesIO()
    save(file, **arrays)
    archives[name] = base64.b64encode(file.getvalue()).decode()

encode = lambda array: base64.b64encode(saved(array)).decode()
result = {
    "good": good,
    "bad": [{"name": name, "bytes": encode(array)} for name, array in bad],
    "archives": archives,
    "arrays": {name: entry(name, array) for name, array in arrays.items()},
}
(here / "npy.json").write_text(to_json(result) + "\n")
print(f"npy.json: {len(good)} to read, {len(bad)} to refuse")

written = here / "written.npz"
if written.exists():
    with np.load(written) as archive:
        assert list(archive) == list(arrays), list(archive)
        for name, array in arrays.items():
            assert archive[name].dtype == array.dtype
            np.testing.assert_array_equal(archive[name], array)
    print("written.npz: NumPy reads what gpukit wrote")
