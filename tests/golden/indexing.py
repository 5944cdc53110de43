"""Cases of indexing, scattering and counting: indexing.npz."""

import numpy as np

from support import DTYPES, FLOATS, INTEGERS, Array, File, layouts, mild, special


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
    along(file, s, rng)
    gathers(file, s, rng)
    counts(file, rng)
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
        zeros = np.where(rng.integers(0, 2, (4, 6)), s[t].value, 0).astype(t)
        zeros = file.array(f"zeros.{t}", zeros)
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


def along(file, s, rng):
    """take_along_axis, put_along_axis and scatter_add for each axis of each layout, indices repeated."""
    turn = 0
    add = {t: file.array(f"add.{t}", mild(t, rng, (4, 6))) for t in DTYPES}
    add["complex64"] = file.array("add.complex64", complex_values(rng))
    made = {}

    def index_of(kind, shape, length):
        key = f"along.{kind}.{shape[0]}.{shape[1]}.{length}"
        if key not in made:
            values = rng.integers(-length if kind[0] == "i" else 0, max(length, 1), shape)
            made[key] = file.array(key, values.astype(kind))
        return made[key]

    for t in s:
        for name, x in layouts(s[t]).items():
            if x.value.ndim == 0:
                continue
            for axis in (-1, 0):
                turn += 1
                kind = INTEGERS[turn % len(INTEGERS)]
                shape = list(x.value.shape)
                length = shape[axis]
                shape[axis] = [5, 2, 1, 9][turn % 4] if length else 0
                index = index_of(kind, shape, length)
                if turn % 3 == 0:
                    index = index_of(kind, shape[::-1], length).transpose(1, 0)
                used = index.value.astype(np.int64)
                options = {} if axis == -1 else {"axis": axis}
                expected = np.take_along_axis(x.value, used, axis)
                file.case("takeAlongAxis", [x, index], expected, **options)
                if turn % 4 == 2:  # one index for all lines
                    one = index.at("0:1") if axis == -1 else index.at(":", "0:1")
                    if one.value.size:
                        wide = one.value.astype(np.int64)
                        expected = np.take_along_axis(x.value, wide, axis)
                        file.case("takeAlongAxis", [x, one], expected, **options)
                other = add[t].at("::-1", ":")
                v = other.reshape(24).at(f":{used.size}").reshape(*shape) if used.size <= 24 else None
                if v is None or turn % 5 == 0:
                    v = other.at(0, 0) if turn % 2 else other.at(1, 1).broadcast_to(*shape)
                for op in ("putAlongAxis", "scatterAdd"):
                    file.case(op, [x, index, v], scattered(op, x.value, used, v.value, axis), **options)
    for t in ("int8", "float64", "float16"):  # numbers and narrower dtypes
        index = file.array(f"few.{t}", np.array([[0, 3], [1, 1], [-1, 0], [2, -2]]))
        x = add[t]
        for op in ("putAlongAxis", "scatterAdd"):
            expected = scattered(op, x.value, index.value, x.value.dtype.type(3), -1)
            file.case(op, [x, index, 3], expected)
    for t, u in [("int32", "int8"), ("int64", "uint32"), ("float64", "float32"), ("uint16", "uint8")]:
        index = file.array(f"few.{t}.{u}", np.array([[0, 3], [1, 1], [-1, 0], [2, -2]]))
        v = add[u].at(":", "1:3")
        for op in ("putAlongAxis", "scatterAdd"):
            expected = scattered(op, add[t].value, index.value, v.value.astype(t), -1)
            file.case(op, [add[t], index, v], expected)


def scattered(op, x, index, values, axis):
    """In the indices' order, each addition rounded."""
    result, values = x.copy(), np.broadcast_to(values, index.shape)
    axis %= x.ndim
    for at in np.ndindex(index.shape):
        place = list(at)
        place[axis] = index[at]
        place = tuple(place)
        if op == "putAlongAxis":
            result[place] = values[at]
        else:
            result[place] = result[place] + values[at]
    return result


def gathers(file, s, rng):
    places = {
        t: file.array(f"place.{t}", rng.integers(-4 if t[0] == "i" else 0, 4, (3, 2)).astype(t))
        for t in INTEGERS
    }
    for turn, t in enumerate(s):
        p, q = places[INTEGERS[turn % 8]], places[INTEGERS[(turn + 3) % 8]]
        for x in (s[t], s[t].transpose(1, 0), s[t].at("::-1", "1:5"), s[t].reshape(4, 3, 2)):
            second = q if x.value.shape[1] >= 4 else None
            lists = [[p], [p.at(1)], [p.at("1:1")], [p.transpose(1, 0)]]
            if second:
                lists += [[p, q], [p.at(":", "0:1"), q.at("0:1")], [p.at(0, 0), q], [p.at(0, 1), q.at(2, 0)]]
                if x.value.ndim == 3:
                    lists.append([p, q, file.array(f"third.{t}.{turn}", np.array([0, -1]))])
            for indices in lists:
                used = tuple(i.value.astype(np.int64) for i in indices)
                file.case("gather", [x, indices], x.value[used])
                result = x.value[used]
                flat = np.ravel_multi_index(
                    [np.broadcast_to(k % n, np.broadcast(*used).shape) for k, n in zip(used, x.value.shape)],
                    x.value.shape[: len(used)],
                )
                if 0 < result.size <= 24:
                    v = s[t].at("::-1", "::-1").reshape(24).at(f":{result.size}").reshape(*result.shape)
                else:
                    v = s[t].at(0, 0)
                # In NumPy any of several values for one place may stay.
                if len(np.unique(flat)) == flat.size or v.value.ndim == 0:
                    changed = x.value.copy()
                    changed[used] = v.value
                    fresh = Array(x.name, x.value, [["clone"], *x.steps])
                    file.case("put", [fresh, indices, v], changed)
        m = s[t]
        file.case("gather", [m, [3, [0, 1, -1]]], m.value[3, [0, 1, -1]])


def counts(file, rng):
    for turn, t in enumerate(["bool", *INTEGERS]):
        values = rng.integers(0, 2 if t == "bool" else 9, 40).astype(t)
        x = file.array(f"count.{t}", values)
        for view in (x, x.at("::-3"), x.at("5:6"), x.at("1:1"), x.at(3).broadcast_to(7) if turn else x):
            used = view.value.astype(np.int64)
            file.case("bincount", [view], np.bincount(used))
            file.case("bincount", [view], np.bincount(used, minlength=12), minlength=12)
    for t in ["bool", *INTEGERS, *FLOATS]:
        # Quarters, so that edges and elements are exact.
        high = 2 if t == "bool" else 30
        values = rng.integers(0, high, (5, 12)).astype(np.float64) / (4 if t in FLOATS else 1)
        x = file.array(f"binned.{t}", values.astype(t))
        for view in (x, x.transpose(1, 0).at("::2"), x.at(1), x.at("2:2")):
            used = view.value.astype(np.float64)
            kind = np.float64 if t == "float64" else np.float32
            for options in ({"bins": 4, "range": [0, 4]}, {"range": [1, 6]}, {"bins": [0, 1, 1.5, 4, 7]},
                            {"bins": [2, 2, 3]}, {"bins": 1}, {"bins": 8}):
                arguments = {k: tuple(v) if k == "range" else v for k, v in options.items()}
                number, edges = np.histogram(used, **arguments)
                file.case("histogram", [view], number, pick="counts", **options)
                file.case("histogram", [view], edges.astype(kind), "ulp:1", pick="edges", **options)
    x = file.array("binned.nan", np.array([np.nan, -1, 0, 1, 2, 3, np.inf, -np.inf, 3.5, 0.5], np.float32))
    number = np.histogram(x.value, bins=3, range=(0, 3))[0]
    file.case("histogram", [x], number, pick="counts", bins=3, range=[0, 3])
