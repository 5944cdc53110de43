"""Cases of the elementwise ops on real dtypes: elementwise.npz. Those on complex64 are in
complex_numbers.py."""

import math
from fractions import Fraction

import numpy as np

from support import (
    DTYPES,
    FLOATS,
    Array,
    File,
    bfloat16,
    cast,
    compute_dtype,
    layouts,
    mixes,
    pairs,
    special,
)

ALL = [*DTYPES[:-2], "bfloat16", *DTYPES[-2:]]


def precisely(function):
    """Rounded once from more precision than the dtype has."""

    def rounded(*operands):
        dtype = operands[0].dtype
        precision = np.longdouble if dtype == np.float64 else np.float64
        return np.asarray(function(*(x.astype(precision) for x in operands))).astype(dtype)

    return rounded


def whole(function):
    """Of floats; integers stay."""
    return lambda x: function(x) if x.dtype.kind == "f" else x


def erf(x):
    return np.array([math.erf(v) for v in x.ravel()], np.float64).reshape(x.shape)


FUNCTIONS = {
    name: precisely(getattr(np, name))
    for name in (
        "exp expm1 exp2 log log1p log2 log10 sin cos tan arcsin arccos arctan sinh cosh tanh cbrt"
    ).split()
}
FUNCTIONS["rsqrt"] = precisely(lambda x: 1 / np.sqrt(x))
FUNCTIONS["erf"] = precisely(erf)

UNARY = {
    # op: rule, dtypes, function of an operand in the compute dtype, tolerance
    "neg": ("promote", "IF", np.negative, "exact"),
    "abs": ("promote", "BIF", np.abs, "exact"),
    "square": ("promote", "BIF", lambda x: x * x, "exact"),
    "sqrt": ("float", "BIF", np.sqrt, "exact"),
    "reciprocal": ("float", "BIF", lambda x: np.divide(x.dtype.type(1), x), "exact"),
    "floor": ("promote", "BIF", whole(np.floor), "exact"),
    "ceil": ("promote", "BIF", whole(np.ceil), "exact"),
    "round": ("promote", "BIF", whole(np.rint), "exact"),
    "trunc": ("promote", "BIF", whole(np.trunc), "exact"),
    "isnan": ("promote", "BIF", lambda x: x != x, "exact"),
    "isinf": ("promote", "BIF", lambda x: x.dtype.kind == "f" and np.isinf(x), "exact"),
    "isfinite": ("promote", "BIF", lambda x: x.dtype.kind != "f" or np.isfinite(x), "exact"),
    "logicalNot": ("bool", "BIF", np.logical_not, "exact"),
    "bitwiseNot": ("promote", "BI", np.bitwise_not, "exact"),
    "sign": ("promote", "IF", np.sign, "exact"),
    "relu": ("promote", "IF", lambda x: np.maximum(x, x.dtype.type(0)), "equal"),
    "conj": ("promote", "BIF", lambda x: x, "exact"),
    "angle": ("float", "BIF", lambda x: np.arctan2(x.dtype.type(0), x), "exact"),
    **{name: ("float", "BIF", function, "ulp:2") for name, function in FUNCTIONS.items()},
}


def power(a, b):
    """Integers wrap; a negative power is cut to an integer."""
    if a.dtype.kind == "f":
        return precisely(np.power)(a, b)
    a, b = np.broadcast_arrays(a, b)
    size = 2 ** (8 * a.dtype.itemsize)

    def one(x, y):
        if y >= 0:
            return pow(x, y, size)
        return 1 if x == 1 else (1 if y % 2 == 0 else -1) if x == -1 else 0

    values = [one(int(x), int(y)) % size for x, y in zip(a.flat, b.flat)]
    unsigned = np.array(values, f"u{a.dtype.itemsize}").reshape(a.shape)
    return unsigned.view(a.dtype) if unsigned.ndim else unsigned.astype(a.dtype)


BINARY = {
    "add": ("promote", "BIF", np.add, "exact"),
    "sub": ("promote", "IF", np.subtract, "exact"),
    "mul": ("promote", "BIF", np.multiply, "exact"),
    "div": ("float", "BIF", np.divide, "exact"),
    "floorDivide": ("promote", "IF", np.floor_divide, "exact"),
    "remainder": ("promote", "IF", np.remainder, "exact"),
    "fmod": ("promote", "IF", np.fmod, "exact"),
    "pow": ("promote", "IF", power, "ulp:2"),
    "hypot": ("float", "BIF", precisely(np.hypot), "ulp:2"),
    "arctan2": ("float", "BIF", precisely(np.arctan2), "ulp:2"),
    "maximum": ("promote", "BIF", np.maximum, "equal"),
    "minimum": ("promote", "BIF", np.minimum, "equal"),
    "equal": ("promote", "BIF", np.equal, "exact"),
    "notEqual": ("promote", "BIF", np.not_equal, "exact"),
    "less": ("promote", "BIF", np.less, "exact"),
    "lessEqual": ("promote", "BIF", np.less_equal, "exact"),
    "greater": ("promote", "BIF", np.greater, "exact"),
    "greaterEqual": ("promote", "BIF", np.greater_equal, "exact"),
    "logicalAnd": ("bool", "BIF", np.logical_and, "exact"),
    "logicalOr": ("bool", "BIF", np.logical_or, "exact"),
    "logicalXor": ("bool", "BIF", np.logical_xor, "exact"),
    "bitwiseAnd": ("promote", "BI", np.bitwise_and, "exact"),
    "bitwiseOr": ("promote", "BI", np.bitwise_or, "exact"),
    "bitwiseXor": ("promote", "BI", np.bitwise_xor, "exact"),
    "leftShift": ("promote", "I", np.left_shift, "exact"),
    "rightShift": ("promote", "I", np.right_shift, "exact"),
}


def kind_of(dtype):
    return "F" if dtype == "bfloat16" else {"b": "B", "i": "I", "u": "I", "f": "F"}[np.dtype(dtype).kind]


def evaluate(function, rule, *operands, dtype=None):
    """What gpukit does: operands in the dtype in which it computes, bfloat16 in float32."""
    dtype = dtype or compute_dtype(rule, *(x.dtype for x in operands))
    values = (np.asarray(cast(x.value if isinstance(x, Array) else x, dtype)) for x in operands)
    result = np.broadcast_arrays(function(*values), *(x.value for x in operands if isinstance(x, Array)))[0]
    return bfloat16(result) if dtype == "bfloat16" and result.dtype == np.float32 else result


def clip(x, low, high):
    return np.minimum(np.maximum(x, low), high)


def fma(a, b, c):
    if a.dtype.kind != "f":
        return a * b + c
    a, b, c = np.broadcast_arrays(a, b, c)
    return np.array([fma_one(*xyz) for xyz in zip(a.flat, b.flat, c.flat)], a.dtype).reshape(
        a.shape
    )


def fma_one(a, b, c):
    """The float nearest to a * b + c."""
    with_inf = a.astype(np.longdouble) * b.astype(np.longdouble) + c.astype(np.longdouble)
    if not (np.isfinite(a) and np.isfinite(b) and np.isfinite(c)):
        return with_inf.astype(a.dtype)
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    near = with_inf.astype(a.dtype)
    if exact == 0 or not np.isfinite(near):
        return near
    around = [near, *(np.nextafter(near, a.dtype.type(end)) for end in (-np.inf, np.inf))]

    def distance(x):  # of two as near, the even one
        return abs(Fraction(float(x)) - exact), int(x.view(f"u{x.itemsize}")) & 1

    return min((x for x in around if np.isfinite(x)), key=distance)


def elementwise():
    rng, file = np.random.default_rng(1), File("elementwise")
    a, b, c = ({t: file.array(f"{x}.{t}", special(t, rng)) for t in ALL} for x in "abc")
    unary_cases(file, a)
    binary_cases(file, a, b)
    ternary_cases(file, a, b, c)
    function_cases(file, rng)
    division_cases(file, rng)
    closeness_cases(file, rng, a)
    file.save()


def unary_cases(file, a):
    for op, (rule, kinds, function, tolerance) in UNARY.items():
        for t in ALL:
            if kind_of(t) not in kinds:
                continue
            for x in layouts(a[t]).values():
                file.case(op, [x], evaluate(function, rule, x), tolerance)


def binary_cases(file, a, b):
    for op, (rule, kinds, function, tolerance) in BINARY.items():
        for t in ALL:
            if kind_of(t) not in kinds:
                continue
            for x, y in pairs(a[t], b[t]):
                file.case(op, [x, y], evaluate(function, rule, x, y), tolerance)
            if t == "bool":
                continue
            number = 3 if kind_of(t) == "I" else -1.5  # numbers take the array's dtype
            x, dtype = a[t].at("1:3", "::2"), compute_dtype(rule, t)
            for operands in ([x, number], [number, x]):
                expected = evaluate(function, rule, *operands, dtype=dtype)
                file.case(op, operands, expected, tolerance)
    # Comparisons with any number are exact.
    for op in ("equal", "notEqual", "less", "lessEqual", "greater", "greaterEqual"):
        for t in ("int8", "uint8", "int32", "uint64"):
            for number in (300, -1, 0.5, 1e300):
                x = a[t].at(1)
                values = [int(v) for v in x.value]
                python = {"equal": "__eq__", "notEqual": "__ne__", "less": "__gt__"}
                python |= {"lessEqual": "__ge__", "greater": "__lt__", "greaterEqual": "__le__"}
                compare = getattr(Fraction(number), python[op])
                file.case(op, [x, number], np.array([compare(v) for v in values]))
    # Every two dtypes.
    for op in ("add", "div", "less", "floorDivide"):
        rule, kinds, function, tolerance = BINARY[op]
        for t in ALL:
            for u in ALL:
                common = compute_dtype("promote", t, u)
                if t == u or not mixes(t, u) or kind_of(common) not in kinds:
                    continue
                x, y = a[t].at(1, "::2"), b[u].at(2, "::-2")
                file.case(op, [x, y], evaluate(function, rule, x, y), tolerance)


def ternary_cases(file, a, b, c):
    for i, t in enumerate(ALL):
        for j, (x, y) in enumerate(pairs(a[t], b[t])):
            mask = b[ALL[i - 1]]
            choice = mask.at(1, j % 6) if j % 2 else mask.at("0:1", "3:4")
            chosen = cast(choice.value, bool)
            select = lambda p, q: np.where(chosen, p, q)
            file.case("where", [choice, x, y], evaluate(select, "promote", x, y))
            if x.value.shape == y.value.shape:
                z = c[t].at(0, 1)
                file.case("clip", [x, y, z], evaluate(clip, "promote", x, y, z), "equal")
                if t not in ("bool", "bfloat16"):
                    file.case("fma", [x, y, z], evaluate(fma, "promote", x, y, z))
        flat = [v[t].at("1:3") for v in (a, b, c)]
        mask = a["bool"].at("0:2")
        select = lambda p, q: np.where(mask.value, p, q)
        file.case("where", [mask, *flat[:2]], evaluate(select, "promote", *flat[:2]))
        file.case("clip", flat, evaluate(clip, "promote", *flat), "equal")
        if t == "bool":
            continue
        # float32's result once more rounded, where bfloat16 lies half way: 1 of its own last places
        file.case("fma", flat, evaluate(fma, "promote", *flat), "ulp:1" if t == "bfloat16" else "exact")
        low, high = 1, 5
        expected = evaluate(clip, "promote", flat[0], low, high, dtype=t)
        file.case("clip", [flat[0], low, high], expected, "equal")
        file.case("where", [mask, flat[0], low], evaluate(select, "promote", flat[0], low, dtype=t))


def domain(t, values):
    return bfloat16(values) if t == "bfloat16" else values.astype(t)


def function_cases(file, rng):
    """Where functions do something: within [-1, 1], near 0, and all over the range."""
    for t in [*FLOATS, "bfloat16"]:
        top = {"float16": 4.5, "float64": 300}.get(t, 38)
        sign = np.where(rng.random(48) < 0.5, -1, 1)
        unit = rng.uniform(-1, 1, 48)
        unit[:6] = [1, -1, 0.5, -0.5, 0.999, -0.75]
        moderate = rng.uniform(-12, 12, 48)
        moderate[:8] = np.array([1, 2, 3, 4, -1, -2, -3, -4]) * np.pi / 2
        values = {
            "unit": unit,
            "moderate": moderate,
            "near0": sign * 10 ** rng.uniform(-top / 2, -1, 48),
            "wide": sign * 10 ** rng.uniform(-top / 4, top, 48),
        }
        members = {n: file.array(f"{n}.{t}", domain(t, v)) for n, v in values.items()}
        for op, function in FUNCTIONS.items():
            for x in members.values():
                file.case(op, [x], evaluate(function, "float", x), "ulp:2")
        for op in ("pow", "hypot", "arctan2"):
            function = BINARY[op][2]
            for x in members.values():
                for y in (members["moderate"], members["wide"]):
                    file.case(op, [x, y], evaluate(function, "float", x, y), "ulp:2")


def division_cases(file, rng):
    """Quotients of every size and sign, also whole ones."""
    for t in [*FLOATS, "bfloat16"]:
        top = {"float16": 4.5, "float64": 300}.get(t, 38)
        values = np.where(rng.random(96) < 0.5, -1, 1) * 10 ** rng.uniform(-top, top, 96)
        values[:32] = rng.integers(-40, 40, 32)
        values[32:48] = rng.integers(-9, 9, 16) / 4
        over = file.array(f"over.{t}", domain(t, values))
        under = file.array(f"under.{t}", domain(t, rng.permutation(values)))
        for op in ("floorDivide", "remainder", "fmod"):
            for x, y in [(over, under), (over.at("::-1"), under), (over.at(":48"), under.at("3:4"))]:
                file.case(op, [x, y], evaluate(BINARY[op][2], "promote", x, y))


def closeness_cases(file, rng, a):
    for t in ALL:
        base = a[t].value
        apart = cast(np.asarray(base, np.float64) * rng.choice([1, 1 + 1e-6, 1.002, 1.2], base.shape), t)
        near = file.array(f"near.{t}", apart)
        wide = t in ("int32", "uint32", "int64", "uint64", "float64")
        for i, (x, y) in enumerate(pairs(a[t], near)):
            options = [{}, {"rtol": 0.01}, {"atol": 1.5, "rtol": 0}, {"equalNan": True}][i % 4]
            numpy = {"equal_nan" if k == "equalNan" else k: v for k, v in options.items()}
            p, q = (np.asarray(cast(v.value, "float64" if wide else "float32")) for v in (x, y))
            file.case("isclose", [x, y], np.isclose(p, q, **numpy), **options)
