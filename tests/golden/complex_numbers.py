"""Cases of complex64: elementwise ops, parts, conversions, creation and matrix products, in
complex_numbers.npz. Compared part by part.
"""

import numpy as np

from support import DTYPES, File, cast, layouts, mild, pairs, special

DOUBLE = np.clongdouble


def rounded(function):
    """Rounded once from more precision than complex64 has."""

    def once(*operands):
        result = function(*(x.astype(DOUBLE) for x in operands))
        return result.astype(np.complex64 if result.dtype == DOUBLE else np.float32)

    return once


def reciprocal(z):
    """Of 0 and infinities by NumPy's rules for complex64."""
    usual = np.isfinite(z) & (z != 0)
    return np.where(usual, rounded(lambda z: 1 / z)(z), np.reciprocal(z))


UNARY = {
    "neg": (np.negative, "equal"),
    "square": (lambda z: z * z, "equal"),
    "abs": (rounded(np.abs), "ulp:1"),
    "angle": (rounded(np.angle), "ulp:2"),
    "reciprocal": (reciprocal, "ulp:1"),
    "exp": (rounded(np.exp), "ulp:4"),
    "conj": (np.conj, "exact"),
    "isnan": (np.isnan, "exact"),
    "isinf": (np.isinf, "exact"),
    "isfinite": (np.isfinite, "exact"),
    "logicalNot": (np.logical_not, "exact"),
    "real": (np.real, "exact"),
    "imag": (np.imag, "exact"),
}
BINARY = {
    "add": (np.add, "equal"),
    "sub": (np.subtract, "equal"),
    "mul": (np.multiply, "equal"),
    "div": (rounded(np.divide), "ulp:1"),
    "equal": (np.equal, "exact"),
    "notEqual": (np.not_equal, "exact"),
    "logicalAnd": (np.logical_and, "exact"),
    "logicalOr": (np.logical_or, "exact"),
    "logicalXor": (np.logical_xor, "exact"),
}


def complex_of(parts):
    return np.ascontiguousarray(parts, np.float32).view(np.complex64)[..., 0]


def complex_numbers():
    rng, file = np.random.default_rng(7), File("complex_numbers")
    elementwise(file, rng)
    conversions(file, rng)
    products(file, rng)
    file.save()


def elementwise(file, rng):
    # Small whole parts, so that products are exact; 0 among the divisors.
    parts = rng.integers(-4, 5, (2, 4, 6, 2))
    z, w = (file.array(f"{name}.complex64", complex_of(p)) for name, p in zip("zw", parts))
    # Of every size, up to those whose squares overflow.
    sizes = rng.normal(size=(2, 4, 6, 2)) * 10.0 ** rng.integers(-18, 18, (2, 4, 6, 1))
    p, q = (file.array(f"{name}.complex64", complex_of(s)) for name, s in zip("pq", sizes))
    # Parts that are special.
    values = np.array([0, -0.0, 1, -2.5, np.inf, -np.inf, np.nan], np.float32)
    grid = np.stack(np.meshgrid(values, values, indexing="ij"), -1)
    odd = file.array("odd.complex64", complex_of(grid))
    near = file.array("near.complex64", complex_of(rng.uniform(-30, 30, (48, 2)) * [1, 100]))

    mask = file.array("mask", rng.integers(0, 2, (4, 6)).astype(bool))
    kinds = ("bool", "int16", "float16", "float64")
    reals = {t: file.array(f"y.{t}", mild(t, rng, (4, 6))) for t in kinds}

    for op, (function, tolerance) in UNARY.items():
        for x in [*layouts(z).values(), p, p.at("::-1", "1::2"), odd, near]:
            if op != "square" or x.name[0] == "z":  # each part of a product may cancel
                file.case(op, [x], function(x.value), tolerance)
    for op, (function, tolerance) in BINARY.items():
        plain = np.divide if op == "div" else function
        for x, y in pairs(z, w):
            file.case(op, [x, y], plain(x.value, y.value), tolerance)
        if op != "mul":  # each part of a product may cancel
            file.case(op, [p, q], function(p.value, q.value), tolerance)
        if op != "div":
            file.case(op, [odd, odd.transpose(1, 0)], function(odd.value, odd.value.T), tolerance)
        for number in (2, -0.5, 0):
            x = z.at("1:3", "::2")
            for a, b in ((x.value, np.complex64(number)), (np.complex64(number), x.value)):
                operands = [x, number] if a is x.value else [number, x]
                file.case(op, operands, plain(a, b), tolerance)
        for t in kinds:
            for a, b in ((z, reals[t]), (reals[t], z)):
                values = (cast(v.value, np.complex64) for v in (a, b))
                file.case(op, [a, b], plain(*values), tolerance)
    # One infinite or zero part of the divisor.
    ends = [complex(np.inf, 1), complex(2, -np.inf), 0, complex(0, 3), complex(-0.0, 0)]
    ends = file.array("ends.complex64", np.array(ends, np.complex64))
    file.case("div", [z.at(1, ":5"), ends], z.value[1, :5] / ends.value, "equal")
    for x, y in pairs(z, w):
        chosen = mask.at(0, 0)
        file.case("where", [chosen, x, y], np.where(chosen.value, x.value, y.value))
    file.case("where", [mask, z, w.at(1, 2)], np.where(mask.value, z.value, w.value[1, 2]))
    file.case("where", [z, z, w], np.where(z.value != 0, z.value, w.value))
    apart = np.array([1, 1 + 1e-6, 1.01, 1.5], np.float32)[rng.integers(0, 4, (4, 6))]
    moved = file.array("moved.complex64", z.value * apart)
    for x, y in [*pairs(z, moved), (odd, odd), (odd, odd.at("::-1"))]:
        for options in ({}, {"rtol": 0.1}, {"atol": 2.5}, {"equalNan": True}):
            numpy = {"equal_nan" if k == "equalNan" else k: v for k, v in options.items()}
            file.case("isclose", [x, y], np.isclose(x.value, y.value, **numpy), **options)


def conversions(file, rng):
    z = file.array("c.complex64", complex_of(special("float32", rng, (4, 6, 2))))
    for t in DTYPES:
        x = file.array(f"real.{t}", special(t, rng))
        for view in layouts(x).values():
            file.case("astype", [view, "complex64"], cast(view.value, np.complex64))
        file.case("real", [x.at("::-1", "::2")], x.value[::-1, ::2])
        file.case("imag", [x.at("::-1", "::2")], np.zeros((4, 3), t))
        for view in layouts(z).values():
            real = view.value != 0 if t == "bool" else cast(view.value.real, t)
            file.case("astype", [view, t], real)
    for view in layouts(z).values():
        file.case("clone", [view], view.value)
        file.case("astype", [view, "complex64"], view.value)
    for shape in [[], [7], [2, 3], [2, 0]]:
        file.case("full", [shape, 1.5], np.full(shape, 1.5, np.complex64), dtype="complex64")
    for rows, columns, k in [(3, 3, 0), (3, 5, 1), (5, 3, -2)]:
        expected = np.eye(rows, columns, k, np.complex64)
        file.case("eye", [rows, columns], expected, dtype="complex64", k=k)


def products(file, rng):
    a = file.array("a.complex64", complex_of(mild("float32", rng, (4, 5, 6, 2))))
    b = file.array("b.complex64", complex_of(mild("float32", rng, (2, 6, 7, 2))))

    def case(x, y, dtype=None):
        p, q = x.value.astype(DOUBLE), y.value.astype(DOUBLE)
        scale = 2 * np.abs(p) @ np.abs(q)
        options = {"dtype": dtype} if dtype else {}
        file.case("matmul", [x, y], (p @ q).astype(np.complex64), "sum", scale, **options)

    for x, y in [
        (a.at(0), b.at(0)),
        (a.at(1).transpose(1, 0), b.at(1, "1::")),
        (a.at(2, "::-1", "::2"), b.at(0, "::2", "::-3")),
        (b.at(0).transpose(1, 0), a.at(3).transpose(1, 0)),
        (a, b.at(1)),
        (a.reshape(2, 2, 5, 6), b.at(":", None).transpose(1, 0, 2, 3)),
        (a.at("::3"), b),
        (a.at(0, 0), b.at(0)),
        (a.at(0), b.at(1, ":", 2)),
        (a.at(0, 1), b.at(1, ":", 3)),
        (a, b.at(0, ":", 1)),
        (a.at(0, ":", "2:2"), b.at(0, "2:2")),
        (a.at(0, "1:1"), b.at(0)),
        (a.at(0, 0).broadcast_to(3, 6), b.at(1)),
    ]:
        case(x, y)
    for t in ("bool", "int8", "uint32", "float16", "float64"):
        real = file.array(f"factor.{t}", mild(t, rng, (6, 5)))
        case(a.at(0), real)
        case(real, a.at(0))
    p, q = (file.array(f"real.{n}", mild("float32", rng, s)) for n, s in [("p", (3, 4)), ("q", (4, 2))])
    case(p, q, "complex64")
    x = file.array("wide.complex64", complex_of(mild("float32", rng, (37, 41, 2))))
    y = file.array("tall.complex64", complex_of(mild("float32", rng, (41, 35, 2))))
    case(x, y)
    case(y.transpose(1, 0), x.transpose(1, 0))
