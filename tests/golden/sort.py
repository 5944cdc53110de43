"""Cases of sort, argsort, topk, searchsorted and unique: sort.npz."""

import numpy as np

from support import DTYPES, FLOATS, File, bfloat16, cast, layouts, mild, mixes, name_of, promote, special


def ranks(x):
    """Small integers in the order of the values; NaN is the largest, -0 equals 0."""
    return np.unique(x, return_inverse=True)[1].reshape(np.shape(x))


def order(x, axis, descending):
    """The stable order with NaN last in both directions."""
    key = ranks(x)
    if descending:
        key = np.where(x != x, key.size, -key)
    return np.argsort(key, axis=axis, kind="stable")


def best(x, k, axis, largest):
    """The places of the first k, where NaN is the largest."""
    places = np.argsort(-ranks(x) if largest else ranks(x), axis=axis, kind="stable")
    return np.take(places, range(k), axis=axis)


def typed(values, like):
    """bfloat16 where NumPy has dropped that: from a single value, for instance."""
    return bfloat16(values) if name_of(like) == "bfloat16" else values


def few(dtype, rng, shape):
    """Many equal elements; for floats NaN and both zeros among them."""
    values = cast(rng.integers(0 if np.dtype(dtype).kind in "bu" else -2, 3, shape), dtype)
    if np.dtype(dtype).kind == "f":
        chance = rng.random(shape)
        values[chance < 0.1] = np.nan
        values[(chance > 0.5) & (values == 0)] = -0.0
    return values


def sorting():
    rng, file = np.random.default_rng(7), File("sort")
    s = {t: file.array(f"s.{t}", special(t, rng)) for t in [*DTYPES, "bfloat16"]}
    m = {t: file.array(f"m.{t}", mild(t, rng, (3, 5, 4))) for t in DTYPES}
    f = {t: file.array(f"f.{t}", few(t, rng, (5, 37))) for t in DTYPES}
    some = ["uint8", "int16", "int64", *FLOATS]
    long = {t: file.array(f"long.{t}", special(t, rng, (3, 70))) for t in some}
    vast = {t: file.array(f"vast.{t}", mild(t, rng, (1700,))) for t in ["int16", "float32"]}

    def sort_case(x, where, descending):
        # Not given: the last one; null: flattened.
        options = ({} if where == "none" else {"axis": where}) | (
            {"descending": True} if descending else {}
        )
        value, axis = x.value, -1 if where == "none" else where
        if value.ndim == 0 or axis is None:
            value, axis = value.ravel(), 0
        places = order(value, axis, descending)
        values = np.take_along_axis(value, places, axis)
        if x.value.ndim == 0 and where == "none":
            values, places = values[0], places[0]
        file.case("sort", [x], typed(values, x.value), "equal", **options)
        file.case("argsort", [x], places.astype(np.int64), **options)

    turn = 0
    for t in s:
        views = list(layouts(s[t]).values())
        if t in m:
            views += [m[t], m[t].transpose(2, 1, 0), m[t].at("::-2", 1), f[t], f[t].transpose(1, 0)]
        views += [v[t] for v in (long, vast) if t in v]
        for x in views:
            ndim = x.value.ndim
            for where in ["none", None, *([0] if ndim > 1 else []), *([1] if ndim > 2 else [])]:
                turn += 1
                if where is None and turn % 3 and ndim > 1:
                    continue
                sort_case(x, where, turn % 2 == 0)

    for t in s:
        views = list(layouts(s[t]).values())
        if t in m:
            views += [m[t].transpose(2, 0, 1), f[t], f[t].transpose(1, 0)]
        views += [v[t] for v in (long, vast) if t in v]
        for x in views:
            ndim = x.value.ndim
            for axis in range(-1, ndim - 1) if ndim else []:
                length = x.value.shape[axis]
                for k in sorted({0, 1, min(3, length), length // 5, length}):
                    if k > length:
                        continue
                    turn += 1
                    largest = turn % 2 == 0
                    options = ({} if axis == -1 else {"axis": axis}) | (
                        {} if largest else {"largest": False}
                    )
                    places = best(x.value, k, axis, largest)
                    values = np.take_along_axis(x.value, places, axis)
                    file.case("topk", [x, k], typed(values, x.value), pick="values", **options)
                    file.case("topk", [x, k], places.astype(np.int64), pick="indices", **options)

    def search_case(a, v, side):
        value = v.value if hasattr(v, "value") else v
        common = promote(a.dtype, value.dtype) if hasattr(v, "value") else "float64"
        expected = np.searchsorted(cast(a.value, common), cast(value, common), side)
        options = {"side": side} if side == "right" else {}
        file.case("searchsorted", [a, v], np.asarray(expected, np.int64), **options)

    for t in DTYPES:
        sorted_ = file.array(f"sorted.{t}", np.sort(s[t].value.ravel()))
        apart = file.array(f"apart.{t}", np.repeat(sorted_.value[::-1], 3))
        few_ = file.array(f"few.{t}", np.sort(f[t].value.ravel()))
        for side in ("left", "right"):
            for v in layouts(s[t]).values():
                search_case(sorted_, v, side)
            search_case(apart.at("::-3"), s[t].at("::2"), side)
            search_case(few_, f[t].transpose(1, 0), side)
            search_case(few_, s[t].at(1), side)
            search_case(sorted_.at("3:3"), s[t].at(2), side)
            for u in DTYPES:
                if u != t and mixes(t, u) and promote(t, u) != "float16":
                    search_case(sorted_, s[u].at("1:3"), side)
            if t not in ("int64", "uint64"):
                for number in (0, 1, -3, 0.5, 0.1, 200, 1e30):
                    search_case(few_, number, side)
        if t in ("int64", "uint64"):
            whole = [int(x) for x in few_.value]
            for side in ("left", "right"):
                for number in (0, 1, -3, 0.5, 1.5, 2, 2**63, 1e30, -1e30):
                    below = sum(x < number or (side == "right" and x == number) for x in whole)
                    options = {"side": side} if side == "right" else {}
                    file.case("searchsorted", [few_, number], np.int64(below), **options)

    sorted_ = file.array("sorted.bfloat16", np.sort(s["bfloat16"].value.ravel()))
    for v in layouts(s["bfloat16"]).values():
        for side in ("left", "right"):
            search_case(sorted_, v, side)
    search_case(sorted_, s["float16"].at(1), "left")
    search_case(sorted_, s["int32"].at(1), "right")

    for t in s:
        views = list(layouts(s[t]).values())
        views += [m[t], f[t], f[t].transpose(1, 0).at("::2")] if t in m else []
        for x in [*views, *([vast[t]] if t in vast else [])]:
            values, places, inverse, counts = np.unique(
                np.asarray(x.value).ravel(), return_index=True, return_inverse=True, return_counts=True
            )
            values = typed(values, x.value)
            file.case("unique", [x], values, "equal")
            for option, pick, expected in [
                ("returnIndex", "indices", places),
                ("returnInverse", "inverse", inverse.reshape(x.value.shape)),
                ("returnCounts", "counts", counts),
            ]:
                file.case("unique", [x], expected.astype(np.int64), pick=pick, **{option: True})
            file.case("unique", [x], values, "equal", pick="values", returnIndex=True)
    file.save()
