"""Writes the golden files of this folder: what gpukit's ops give, computed by NumPy.

    python3 tests/golden/generate.py           (NumPy 2 on x86-64; nothing else)

The same NumPy writes the same files. They are kept in git: whoever changes a rule here runs
the script and commits both.

    *.npz           cases of one family of ops each. The member "manifest.json" is UTF-8 text as
                    uint8: a list of
        op          camelCase name: of a function of gk or gk.nn, dotted of another namespace
                    (fft.rfft), or of a method (astype)
        operands    each {"array": member, "view": [[method, ...arguments], ...]}: the member, seen
                    through gpukit's methods one after the other; {"value": a plain argument};
                    or {"list": operands}
        options     the last argument, where there is one
        pick        of several results the one compared
        expected    {"array": member, "start": i, "shape": [...]}: elements from i on
        tolerance   "exact": every value, NaN for any NaN, the sign of zeros too
                    "equal": the same, but 0 and -0 are equal
                    "ulp:N": within N of the last place
                    "sum": |got - expected| <= 4 * epsilon of the result's dtype * "scale", where
                    scale is the largest sum of the absolute terms; inf and NaN as they stand
                    "norm:X": |got - expected| <= X * "scale", the largest magnitude of a result
    print.json      arrays and NumPy's str() of them, for tests/array/print.test.ts
    promotion.json  dtype of a, dtype of b: the result's, null where there is none

Where gpukit differs from NumPy (an integer with a float gives that float; div, mean, exp
of integers give float32; float to integer saturates; int8 products give int32; sums of float16
accumulate in float32), support.py casts operands by its own rules before NumPy computes.
"""

import warnings

import numpy as np

import complex_numbers
import elementwise
import fft
import indexing
import reduce
import shapes
import sort
import text
from support import (
    DTYPES,
    FLOATS,
    HERE,
    INTEGERS,
    File,
    cast,
    layouts,
    magnitude,
    mild,
    promote,
    special,
)

np.seterr(all="ignore")
warnings.simplefilter("ignore", RuntimeWarning)  # means of nothing are NaN

# ---- matrix products


def matmul():
    rng, file = np.random.default_rng(3), File("matmul")
    a = {t: file.array(f"a.{t}", mild(t, rng, (4, 5, 6))) for t in DTYPES}
    b = {t: file.array(f"b.{t}", mild(t, rng, (2, 6, 7))) for t in DTYPES}

    def case(x, y, dtype=None):
        result = dtype or promote(x.dtype, y.dtype)
        if not dtype and result == "int8":
            result = "int32"
        p, q = cast(x.value, result), cast(y.value, result)
        options = {"dtype": dtype} if dtype else {}
        if np.dtype(result).kind != "f":
            file.case("matmul", [x, y], p @ q, **options)
            return
        p, q = p.astype(np.float64), q.astype(np.float64)
        if result == "float64":
            p, q = p.astype(np.longdouble), q.astype(np.longdouble)
        scale = magnitude(p) @ magnitude(q)
        file.case("matmul", [x, y], (p @ q).astype(result), "sum", scale, **options)

    for t in DTYPES:
        p, q = a[t], b[t]
        for x, y in [
            (p.at(0), q.at(0)),
            (p.at(1).transpose(1, 0), q.at(1, "1::")),
            (p.at(2, "::-1", "::2"), q.at(0, "::2", "::-3")),
            (q.at(0).transpose(1, 0), p.at(3).transpose(1, 0)),
            (p, q.at(1)),  # a batch with one matrix
            (
                p.reshape(2, 2, 5, 6),
                q.at(":", None).transpose(1, 0, 2, 3),
            ),  # batches that broadcast
            (p.at("::3"), q),
            (p.at(0, 0), q.at(0)),  # vectors
            (p.at(0), q.at(1, ":", 2)),
            (p.at(0, 1), q.at(1, ":", 3)),
            (p, q.at(0, ":", 1)),
            (p.at(0, ":", "2:2"), q.at(0, "2:2")),  # no terms: zeros
            (p.at(0, "1:1"), q.at(0)),
            (p.at(0, "0:1", "0:1"), q.at(0, "0:1", "0:1")),
            (p.at(0, 0).broadcast_to(3, 6), q.at(1)),
        ]:
            case(x, y)
    for t, u in [("float32", "int16"), ("int8", "uint8"), ("float16", "float64"), ("bool", "int8")]:
        case(a[t].at(0), b[u].at(0))
    for t, dtype in [
        ("int8", "float32"),
        ("float16", "float32"),
        ("int8", "int8"),
        ("uint8", "int32"),
    ]:
        case(a[t].at(0), b[t].at(0), dtype)
    x = mild("float32", rng, (3, 4))
    x[0, 1], x[1, 2], x[2, 0] = np.inf, np.nan, -np.inf
    y = mild("float32", rng, (4, 3))
    y[1, 0] = 0
    case(file.array("inf.a", x), file.array("inf.b", y))
    big = {t: rng.integers(np.iinfo(t).min, np.iinfo(t).max, (9, 9), t, True) for t in INTEGERS}
    for t in INTEGERS:
        x = file.array(f"big.{t}", big[t])
        case(x, x.transpose(1, 0))
    for t, m, k, n in [("float32", 37, 41, 35), ("int8", 9, 70, 17), ("float16", 13, 33, 18)]:
        x = file.array(f"wide.{t}", mild(t, rng, (m, k)))  # past the edges of tiles
        y = file.array(f"tall.{t}", mild(t, rng, (k, n)))
        case(x, y)
        case(y.transpose(1, 0), x.transpose(1, 0))
    file.save()


# ---- conversions and creation


def creation():
    rng, file = np.random.default_rng(5), File("create")
    for t in DTYPES:
        base = file.array(f"a.{t}", special(t, rng))
        for u in DTYPES:
            file.case("astype", [base, u], cast(base.value, u))
        for i, x in enumerate(layouts(base).values()):
            for u in ("float32", DTYPES[i % len(DTYPES)]):
                file.case("astype", [x, u], cast(x.value, u))
    # Halfway cases, and where two roundings would show.
    half = [1 + 2.0**-11, 1 + 3 * 2.0**-11, 65519.99, 65520, 2.0**-25, 2.0**-25 * 1.0001]
    half += [1 + 2.0**-11 + 2.0**-40, -(1 + 2.0**-11 - 2.0**-40), 2.0**-24 * 1.5, 1e-300]
    half = file.array("half", np.array(half + [-x for x in half], np.float64))
    edges = [
        255,
        255.9,
        256,
        -0.9,
        -1,
        127.5,
        128,
        -128.9,
        -129,
        2**31,
        2**31 - 1,
        -(2.0**31),
        2**32,
    ]
    edges += [2.0**63, -(2.0**63), 2.0**64, 2.0**53 + 2, 1e300, -1e300]
    edges = file.array("edges", np.array(edges, np.float64))
    for u in DTYPES:
        file.case("astype", [half, u], cast(half.value, u))
        file.case("astype", [edges, u], cast(edges.value, u))
    wide_ints = file.array("wide", np.array([2**24 + 1, 2**53 + 1, 2**63 - 1, -(2**63), 2**40 + 1]))
    for u in FLOATS:
        file.case("astype", [wide_ints, u], cast(wide_ints.value, u))

    def arange(start, stop, step):
        return start + step * np.arange(max(0, np.ceil((stop - start) / step)))

    for t in DTYPES[1:]:
        for bounds in [(0, 10, 1), (2, 11, 3), (5, 5, 1)]:
            file.case("arange", list(bounds), cast(arange(*bounds), t), dtype=t)
    for t in FLOATS + ["int8", "int64"]:
        file.case("arange", [5, -6, -2], cast(arange(5, -6, -2), t), dtype=t)
    for t in FLOATS:
        file.case("arange", [0.5, 3.2, 0.3], cast(arange(0.5, 3.2, 0.3), t), dtype=t)
    for t in DTYPES:
        for rows, columns, k in [(3, 3, 0), (3, 5, 1), (5, 3, -2), (3, 3, 7), (0, 3, 0)]:
            file.case("eye", [rows, columns], np.eye(rows, columns, k, t), dtype=t, k=k)
        for shape in [[], [7], [2, 3], [2, 0]]:
            file.case("full", [shape, 1], np.full(shape, 1, t), dtype=t)
    file.save()


if __name__ == "__main__":
    elementwise.elementwise()
    complex_numbers.complex_numbers()
    reduce.reductions()
    matmul()
    creation()
    indexing.indexing()
    shapes.shapes()
    sort.sorting()
    fft.transforms()
    text.printing()
    text.promotion()
    files = [p for p in HERE.iterdir() if p.suffix in (".npz", ".json")]
    print(f"{sum(p.stat().st_size for p in files)} bytes in all")
