"""Cases of reductions, scans and quantiles; see generate.py."""

import numpy as np

from support import DTYPES, FLOATS, File, cast, compute_dtype, layouts, magnitude, mild, special, wide

REDUCTIONS = "sum mean prod min max argmin argmax any all".split()


def reduce_views(m):
    """Views of a [4, 3, 8] array with three axes, of one and of none."""
    return [
        m.at("1:3"),
        m.transpose(2, 0, 1),
        m.at("::2", "::-1", "1::2"),
        m.at(1).reshape(1, 3, 8).broadcast_to(2, 3, 8),
        m.at("2:2"),
        m.at(0, 1, 2),
        m.at("::-1", 1, 3),
    ]


def reduced(op, x, axis, keepdims, dtype=None):
    """Expected result and, where it is rounded, the sums of the absolute terms."""
    axis = tuple(axis) if isinstance(axis, list) else axis
    where = {"axis": axis, "keepdims": keepdims}
    if op in ("any", "all"):
        return getattr(np, op)(cast(x, bool), **where), None
    if op in ("min", "max", "argmin", "argmax"):
        return getattr(np, op)(x, **where), None
    result = np.dtype(dtype or (compute_dtype("float", x.dtype) if op == "mean" else wide(x.dtype)))
    x = cast(x, result)
    if result.kind in "iu":
        return getattr(np, op)(x, dtype=result, **where), None
    exact = x.astype(np.longdouble)
    both = exact, magnitude(exact)
    return tuple(np.asarray(getattr(np, op)(v, **where)).astype(result) for v in both)


def reductions():
    rng, file = np.random.default_rng(2), File("reduce")
    m = {t: file.array(f"m.{t}", mild(t, rng, (4, 3, 8))) for t in DTYPES}
    s = {t: file.array(f"s.{t}", special(t, rng)) for t in DTYPES}
    long = {t: file.array(f"long.{t}", mild(t, rng, (7, 31))) for t in ["int8", "uint32", *FLOATS]}

    def case(op, x, axis, keepdims=False, dtype=None):
        result = reduced(op, x.value, axis, keepdims, dtype)
        options = {}
        if axis is not None:
            options["axis"] = axis
        if keepdims:
            options["keepdims"] = True
        if dtype:
            options["dtype"] = dtype
        tolerance = "equal" if result[1] is None else "ulp:32" if op == "prod" else "sum"
        file.case(op, [x], result[0], tolerance, result[1], **options)

    turn = 0
    for op in REDUCTIONS:
        place, needs_one = op.startswith("arg"), op in ("min", "max", "argmin", "argmax")
        for t in DTYPES:
            views = reduce_views(m[t])
            # All for some dtypes, some for every dtype.
            for x in views if t in ("float32", "int16", "bool") else views[turn % 2 :: 2]:
                ndim = x.value.ndim
                axes = [None, *range(-1, ndim)] if ndim else [None]
                if ndim == 3 and not place:
                    axes += [[0, 1], [0, 2], [2, 1], [0, 1, 2]]
                if t not in ("float32", "int16", "bool"):
                    axes = [axes[(turn + i) % len(axes)] for i in range(min(2, len(axes)))]
                for axis in axes:
                    turn += 1
                    some = [axis] if isinstance(axis, int) else axis or range(ndim)
                    if needs_one and x.value.size == 0 and 0 in [x.value.shape[i] for i in some]:
                        continue
                    case(op, x, axis, turn % 3 == 0)
            if op not in ("sum", "mean", "prod"):
                for x in layouts(s[t]).values():
                    turn += 1
                    axis = [None, 0, 1][turn % 3] if x.value.ndim else None
                    if not (needs_one and x.value.size == 0 and axis != 1):
                        case(op, x, axis)
        if op != "prod":
            for t in long:
                for axis in (None, 0, 1):
                    case(op, long[t], axis)
    # Infinities and NaN pass through sums; finite overflow does not happen on the way.
    for t in FLOATS:
        values = mild(t, rng, (4, 20))
        values[1, 3] = values[3, 5] = np.inf
        values[2, 9] = np.nan
        values[3, 6] = -np.inf
        values = file.array(f"inf.{t}", values)
        for op in ("sum", "mean", "prod"):
            case(op, values, 1)
            case(op, values.at("0:2"), None)
    for op, t, dtype in [
        ("sum", "float32", "float64"),
        ("sum", "float16", "float32"),
        ("sum", "int32", "float64"),
        ("sum", "int8", "int32"),
        ("sum", "int32", "uint8"),
        ("sum", "bool", "uint16"),
        ("prod", "int16", "int16"),
        ("prod", "float32", "float64"),
        ("mean", "int32", "float64"),
        ("mean", "float16", "float32"),
    ]:
        for axis in (None, 1):
            case(op, m[t].at("::2"), axis, dtype=dtype)

    turn = real_ops(file, m, s, long, turn)
    complexes(file, rng)
    quantiles(file, m, s, long)

    def scan(op, x, axis, dtype=None):
        result = np.dtype(dtype or wide(x.dtype))
        value, scale, tolerance = cast(x.value, result), None, "equal"
        if result.kind == "f":
            tolerance = "sum" if op == "cumsum" else "ulp:64" if result == "float64" else "ulp:2"
            scale = magnitude(value.astype(np.float64)).sum(axis=axis) if op == "cumsum" else None
            value = value.astype(np.longdouble)
        expected = getattr(np, op)(value, axis=axis).astype(result)
        options = ({} if axis is None else {"axis": axis}) | ({"dtype": dtype} if dtype else {})
        file.case(op, [x], expected, tolerance, scale, **options)

    for op in ("cumsum", "cumprod"):
        for t in DTYPES:
            for i, x in enumerate(reduce_views(m[t])):
                axes = [None, *range(-1, x.value.ndim)] if x.value.ndim else [None]
                scan(op, x, axes[(i + turn) % len(axes)])
                turn += 1
            for x in layouts(m[t].at(1).reshape(4, 6)).values():
                scan(op, x, turn % 2 if x.value.ndim else None)
                turn += 1
        scan(op, m["int32"], 2, "float32")
        scan(op, m["float16"], 0, "float32")
        scan(op, m["int16"], 1, "int16")
    for t in long:
        scan("cumsum", long[t], None)
        scan("cumsum", long[t].at(":", "::-1"), 1)
    file.save()


# ---- what leaves the integers

REAL = [
    ("var", {}),
    ("var", {"correction": 1}),
    ("std", {}),
    ("std", {"correction": 2}),
    ("norm", {}),
    ("norm", {"ord": 1}),
    ("norm", {"ord": 0}),
    ("norm", {"ord": 3}),
    ("norm", {"ord": -1.5}),
    ("logsumexp", {}),
    ("countNonzero", {}),
]


def real(op, x, axis, own):
    """In long double, and what errors are relative to; integers are exact."""
    where = {"axis": axis, "keepdims": True}
    most = np.max(magnitude(x), initial=0)
    if op in ("var", "std"):
        result = getattr(np, op)(x, ddof=own.get("correction", 0), **where)
        return result, most**2 if op == "var" else most
    if op == "norm":
        order = own.get("ord", 2)
        if order == 0:
            return (x != 0).sum(**where).astype(np.longdouble), 0
        result = (np.abs(x) ** order).sum(**where) ** (np.longdouble(1) / order)
        return result, np.max(magnitude(result), initial=0)
    largest = np.max(x, initial=-np.inf, **where)
    base = np.where(np.isfinite(largest), largest, 0)
    result = np.log(np.exp(x - base).sum(**where)) + base
    return np.where(np.isfinite(largest), result, largest), np.max(magnitude(result), initial=1)


def real_ops(file, m, s, long, turn):
    def case(op, own, x, axis, keepdims=False, dtype=None):
        options = {} if axis is None else {"axis": axis}
        if keepdims:
            options["keepdims"] = True
        if dtype:
            options["dtype"] = dtype
        axes = tuple(axis) if isinstance(axis, list) else axis
        if op == "countNonzero":
            expected = np.count_nonzero(x.value, axis=axes, keepdims=keepdims)
            file.case(op, [x], np.asarray(expected, np.int64), **options)
            return
        result = dtype or compute_dtype("float", x.dtype)
        expected, scale = real(op, x.value.astype(np.longdouble), axes, own)
        if not keepdims:
            expected = expected.squeeze(
                axes if axes is not None else tuple(range(expected.ndim))
            )
        file.case(op, [x], expected.astype(result), "sum", scale, **own, **options)

    for op, own in REAL:
        for t in DTYPES:
            views = reduce_views(m[t])
            for x in views if t in ("float32", "uint8") else views[turn % 3 :: 3]:
                ndim = x.value.ndim
                axes = [None, *range(-1, ndim)] if ndim else [None]
                axes += [[0, 2], [2, 1], [0, 1, 2]] if ndim == 3 else []
                for i in range(4 if t in ("float32", "float64") else 2):
                    turn += 1
                    case(op, own, x, axes[(turn + i) % len(axes)], turn % 3 == 0)
            for x in layouts(m[t].at(2).reshape(4, 6)).values():
                turn += 1
                case(op, own, x, [None, 0, 1][turn % 3] if x.value.ndim else None)
            if t != "float64" and own.get("ord", 2) >= 0:  # squares overflow beyond float64
                for x in layouts(s[t]).values():
                    turn += 1
                    case(op, own, x, [None, 0, 1][turn % 3] if x.value.ndim else None)
        for t in long:
            for axis in (None, 0, 1):
                case(op, own, long[t], axis)
    for op in ("var", "std", "norm", "logsumexp"):
        case(op, {}, m["int32"], 1, dtype="float64")
        case(op, {}, m["float16"], [0, 2], dtype="float32")
        case(op, {}, m["float64"], None, dtype="float16")
    case("var", {"correction": 8}, m["float32"], 2)  # infinity
    case("var", {"correction": 9}, m["float32"], 2)
    return turn


def complexes(file, rng):
    parts = rng.normal(size=(4, 3, 8, 2)).astype(np.float32)
    z = file.array("z.complex64", parts.view(np.complex64)[..., 0])
    turn = 0
    for op in ("sum", "mean", "cumsum", "any", "all", "countNonzero"):
        for x in [*reduce_views(z), *layouts(z.at(1).reshape(4, 6)).values()]:
            axes = [None, *range(-1, x.value.ndim)] if x.value.ndim else [None]
            axes += [[0, 2], [0, 1, 2]] if x.value.ndim == 3 and op != "cumsum" else []
            for i in range(2):
                turn += 1
                axis = axes[(turn + i) % len(axes)]
                options = {} if axis is None else {"axis": axis}
                function = np.count_nonzero if op == "countNonzero" else getattr(np, op)
                axes_of = tuple(axis) if isinstance(axis, list) else axis
                if op in ("any", "all", "countNonzero"):
                    expected = np.asarray(function(x.value, axis=axes_of))
                    file.case(op, [x], expected, **options)
                    continue
                exact = x.value.astype(np.clongdouble)
                expected = np.asarray(function(exact, axis=axes_of)).astype(np.complex64)
                file.case(op, [x], expected, "sum", magnitude(x.value).sum(), **options)


# ---- quantiles


def quantiles(file, m, s, long):
    def case(x, axis, q=None, keepdims=False):
        options = {} if axis is None else {"axis": axis}
        if keepdims:
            options["keepdims"] = True
        axes = tuple(axis) if isinstance(axis, list) else axis
        value = x.value.astype(np.float64)
        result = compute_dtype("float", x.dtype)
        if q is None:
            expected = np.median(value, axis=axes, keepdims=keepdims)
        else:
            expected = np.quantile(value, q, axis=axes, keepdims=keepdims)
        expected = np.asarray(expected).astype(result)
        if q is None:  # NumPy takes the mean of two, and not a step from one to the other
            scale = np.max(magnitude(value), initial=0)
            file.case("median", [x], expected, "sum", scale, **options)
        else:
            file.case("quantile", [x, q], expected, "ulp:2", **options)

    for i, t in enumerate(DTYPES):
        for j, x in enumerate(reduce_views(m[t])):
            ndim = x.value.ndim
            if x.value.size == 0:
                continue
            axes = [None, *range(-1, ndim)] if ndim else [None]
            axes += [[0, 2], [2, 1]] if ndim == 3 else []
            for q in (None, 0.3, [0, 0.5, 0.77, 1]):
                case(x, axes[(i + j) % len(axes)], q, (i + j) % 3 == 0)
                j += 1
        if t != "float64":  # the distance of its extremes is infinite
            case(s[t], 1)
            case(s[t].at("::-1"), 0)
            case(s[t], None)
    for t in long:
        case(long[t], 1)
        case(long[t].transpose(1, 0), 1, [0.1, 0.9])
