"""Cases of indexing, scattering and counting: indexing.npz."""

import numpy as np

from support import DTYPES, INTEGERS, File, layouts, special


def complex_values(rng, shape=(4, 6)):
    return rng.normal(size=(*shape, 2)).astype(np.float32).view(np.complex64)[..., 0]


def indexing():
    rng, file = np.random.default_rng(4), File("indexing")
    s = {t: file.array(f"s.{t}", special(t, rng)) for t in DTYPES}
    s["complex64"] = file.array("s.complex64", complex_values(rng))
    indices = {
        t: file.array(f"i.{t}", rng.integers(-4 if t[0] == "i" else 0, 4, (3, 4)).astype(t))
        for t in INTEGERS
    }
    takes(file, s, indices)
    masks(file, s, rng)
    file.save()


def fits(index, length):
    return not index.size or (-length <= index.min() and index.max() < length)


def takes(file, s, indices):
    turn = 0
    for x in (x for t in s for x in layouts(s[t]).values()):
        turn += 1
        index = indices[INTEGERS[turn % len(INTEGERS)]]
        views = [index.at(0), index.transpose(1, 0).at("::2"), index.at(1, 2), index.at("1:1")]
        for i in views[turn % 2 :: 2]:
            for axis in [None, *range(-1, x.value.ndim)] if x.value.ndim else [None]:
                used = i.value.astype(np.int64)
                if fits(used, x.value.size if axis is None else x.value.shape[axis]):
                    options = {} if axis is None else {"axis": axis}
                    file.case("take", [x, i], np.take(x.value, used, axis=axis), **options)


def masks(file, s, rng):
    whole = file.array("mask", rng.integers(0, 2, (4, 6)).astype(bool))
    first = file.array("mask.rows", rng.integers(0, 2, 4).astype(bool))
    for t in s:
        zeros = s[t].value * rng.integers(0, 2, (4, 6)).astype(s[t].value.dtype)
        zeros = file.array(f"zeros.{t}", np.where(np.isnan(zeros), 0, zeros).astype(zeros.dtype))
        for name, x in layouts(s[t]).items():
            if x.value.ndim == 0:
                continue
            rows, columns = x.value.shape
            for m in (
                whole.at(f":{rows}", f":{columns}"),
                whole.transpose(1, 0).at(f"-{rows}:", f"-{columns}:").at("::-1")
                if rows <= 6 and columns <= 4
                else whole.at(1, f":{columns}").broadcast_to(rows, columns),
                first.at(f":{rows}"),
            ):
                if m.value.shape == x.value.shape[: m.value.ndim]:
                    file.case("mask", [x, m], x.value[m.value])
        for x in (*layouts(s[t]).values(), *layouts(zeros).values(), zeros.reshape(2, 3, 4)):
            for axis in range(x.value.ndim):
                file.case("nonzero", [x], np.nonzero(x.value)[axis], pick=str(axis))
