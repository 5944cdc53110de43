"""What generate.py and text.py share: gpukit's rules of dtypes, operands with their views, files of
cases, and values to compute with. The files' format is in generate.py.
"""

import io
import json
import pathlib
import zipfile

import numpy as np

HERE = pathlib.Path(__file__).parent
INTEGERS = "int8 uint8 int16 uint16 int32 uint32 int64 uint64".split()
FLOATS = "float16 float32 float64".split()
DTYPES = ["bool", *INTEGERS, *FLOATS]


# ---- bfloat16, which NumPy lacks


class Bfloat16(np.ndarray):
    """float32 values that bfloat16 holds."""


def bfloat16(x):
    """Rounded once, to the nearest or the even one of two."""
    x = np.asarray(x)
    single = x.astype(np.float32)
    bits = single.view(np.uint32)
    if x.dtype != np.float32:  # towards 0, and the last bit set where anything was lost
        away = np.abs(single.astype(x.dtype)) > np.abs(x)
        bits = np.where((single == x) | np.isnan(x), bits, (bits - away) | 1).astype(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))
    kept = np.where(np.isnan(x), bits | np.uint32(0x400000), rounded) & np.uint32(0xFFFF0000)
    return np.asarray(kept, np.uint32).view(np.float32).view(Bfloat16)


def name_of(x):
    """The name of a value's dtype."""
    return "bfloat16" if isinstance(x, Bfloat16) else x.dtype.name


def stored(x):
    """A value as it stands in a file: bfloat16 by its bits."""
    if not isinstance(x, Bfloat16):
        return x
    return (np.asarray(x).view(np.uint32) >> np.uint32(16)).astype(np.uint16)


# ---- gpukit's rules


def promote(a, b):
    """The common dtype's name, or None."""
    if "bfloat16" in (a, b):
        other = b if a == "bfloat16" else a
        kind = "" if other == "bfloat16" else np.dtype(other).kind
        return "float32" if other == "float16" else other if kind in "fc" and kind else "bfloat16"
    a, b = np.dtype(a), np.dtype(b)
    ranks = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}
    if ranks[a.kind] != ranks[b.kind]:
        return (a if ranks[a.kind] > ranks[b.kind] else b).name
    common = np.promote_types(a, b)
    return None if a.kind != common.kind != b.kind and common.kind == "f" else common.name


def mixes(a, b):
    """NumPy gives uint64 with a signed integer float64."""
    return promote(a, b) is not None


def cast(x, dtype):
    """One conversion: floats truncate and saturate to integers, NaN gives 0."""
    x = np.asarray(x)
    if dtype == "bfloat16":
        return bfloat16(x if x.dtype.kind == "f" else x.astype(np.float32))
    dtype = np.dtype(dtype)
    if dtype.kind in "iu" and x.dtype.kind == "f":
        info = np.iinfo(dtype)
        whole = np.trunc(np.nan_to_num(x.astype(np.float64), nan=0, posinf=1e300, neginf=-1e300))
        flat = [min(max(int(v), info.min), info.max) for v in whole.ravel()]
        return np.array(flat, dtype).reshape(x.shape)
    if dtype == np.float16 and x.dtype.kind in "iu":
        return x.astype(np.float64).astype(dtype)  # NumPy's own goes through float32
    return x.astype(dtype)


def compute_dtype(rule, *dtypes):
    common = dtypes[0]
    for dtype in dtypes[1:]:
        common = common and promote(common, dtype)
    if rule == "bool":
        return "bool"
    if rule == "float" and common and common != "bfloat16" and np.dtype(common).kind in "biu":
        return "float32"
    return common


def wide(dtype):
    kind = np.dtype(dtype).kind
    return "uint64" if kind == "u" else "int64" if kind in "bi" else np.dtype(dtype).name


# ---- files


class Array:
    """A member of the file, and the view of it that is an operand."""

    def __init__(self, name, value, steps=()):
        self.name, self.value, self.steps = name, value, list(steps)

    dtype = property(lambda self: name_of(self.value))

    def _step(self, value, *step):
        return Array(self.name, value, [*self.steps, list(step)])

    def at(self, *indices):
        def parse(index):
            if not isinstance(index, str):
                return index
            if index == "...":
                return ...
            return slice(*(int(part) if part else None for part in index.split(":")))

        index = tuple(map(parse, indices))
        if isinstance(self.value, Bfloat16) and ... not in index:
            index += (...,)  # an element without its array is a float32
        return self._step(self.value[index], "at", *indices)

    def transpose(self, *axes):
        return self._step(self.value.transpose(axes), "transpose", list(axes))

    def reshape(self, *shape):
        return self._step(self.value.reshape(shape), "reshape", list(shape))

    def broadcast_to(self, *shape):
        return self._step(np.broadcast_to(self.value, shape, subok=True), "broadcastTo", list(shape))


def operand(x):
    if isinstance(x, Array):
        return {"array": x.name, "view": x.steps}
    if isinstance(x, list) and x and isinstance(x[0], Array):
        return {"list": [operand(y) for y in x]}
    return {"value": x}


class File:
    def __init__(self, name):
        self.name, self.members, self.cases, self.results = name, {}, [], {}

    def array(self, name, value):
        assert name not in self.members
        self.members[name] = np.array(stored(value), order="C")
        return Array(name, value if isinstance(value, Bfloat16) else self.members[name])

    def case(self, op, operands, expected, tolerance="exact", scale=None, pick=None, **options):
        expected = np.asanyarray(expected)
        name, expected = name_of(expected), stored(expected)
        parts = self.results.setdefault(name, [])
        entry = {
            "op": op,
            "operands": [operand(x) for x in operands],
            "options": options,
            "expected": {
                "array": f"expected.{name}",
                "start": sum(part.size for part in parts),
                "shape": list(expected.shape),
            },
            "tolerance": tolerance,
        }
        if pick:
            entry["pick"] = pick
        if tolerance == "sum" or tolerance.startswith("norm"):
            entry["scale"] = float(np.max(np.nan_to_num(scale), initial=0))
        if not options:
            del entry["options"]
        parts.append(expected.ravel())
        self.cases.append(entry)

    def save(self):
        text = "[\n" + ",\n".join(json.dumps(c, allow_nan=False) for c in self.cases) + "\n]\n"
        members = {"manifest.json": np.frombuffer(text.encode(), np.uint8), **self.members}
        for dtype, parts in self.results.items():
            members[f"expected.{dtype}"] = np.concatenate(parts)
        path = HERE / f"{self.name}.npz"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, value in members.items():
                content = io.BytesIO()
                np.lib.format.write_array(content, value)
                info = zipfile.ZipInfo(f"{name}.npy")  # the time is 1980
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, content.getvalue())
        print(f"{path.name}: {len(self.cases)} cases, {path.stat().st_size} bytes")


# ---- values


def special(dtype, rng, shape=(4, 6)):
    """Extremes and special values among random ones; rows 1 and 3 of floats have no NaN."""
    if dtype == "bfloat16":
        values = special("float32", rng, shape)
        top = 2.0**128 - 2.0**120
        edges = [top, -top, 2.0**-133, 1 + 2.0**-7]
        values[3, :4] = edges
        return bfloat16(values)
    dtype, size = np.dtype(dtype), int(np.prod(shape))
    if dtype == bool:
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        values = rng.integers(info.min, info.max, size, dtype=dtype, endpoint=True)
        small = rng.integers(0 if info.min == 0 else -9, 9, size).astype(dtype)
        values = np.where(rng.random(size) < 0.5, values, small)
        edges = np.array([info.min, info.max, info.max - 1, 0, 1, info.max // 2 + 1], dtype)
        values[: edges.size] = edges
        return rng.permutation(values).reshape(shape)
    info = np.finfo(dtype)
    values = (rng.normal(size=size) * 2.0 ** rng.integers(-6, 6, size)).astype(dtype)
    edges = [np.inf, -np.inf, 0.0, -0.0, info.max, -info.max, info.tiny, info.smallest_subnormal]
    edges += [1, -1, 1.5, -2.5, 1 + float(info.eps)]
    values[: len(edges)] = np.array(edges, dtype)
    values = rng.permutation(values).reshape(shape)
    values[0, rng.integers(shape[1])] = values[2, rng.integers(shape[1])] = np.nan
    return values


def magnitude(x):
    """|x|, 1 for what is not finite: the scale of an error."""
    return np.abs(np.where(np.isfinite(x), x, 1))


def mild(dtype, rng, shape):
    """Values whose sums and products mean something."""
    dtype = np.dtype(dtype)
    if dtype == bool:
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(max(info.min, -1000), min(info.max, 1000), shape, dtype, endpoint=True)
    sign = np.where(rng.random(shape) < 0.5, -1, 1)
    return (sign * rng.uniform(0.5, 2, shape)).astype(dtype)


def layouts(a):
    """Views of a [4, 6] array: one of each way to lie in memory."""
    return {
        "contiguous": a.at("1:3"),
        "transposed": a.transpose(1, 0).at(":", "1:3"),
        "strided": a.at("::2", "1::2"),
        "reversed": a.at("::-1", "::-2"),
        "row": a.at(1).broadcast_to(2, 6),
        "column": a.at(":", "2:3").broadcast_to(4, 3),
        "number": a.at(2, 3),
        "empty": a.at("1:1"),
    }


def pairs(a, b):
    """Operands that broadcast together, from two [4, 6] arrays."""
    return [
        (a.at("1:3"), b.at("0:2")),
        (a.transpose(1, 0).at("::2"), b.reshape(6, 4).at("::-2")),
        (a.at("::2", "1::2"), b.at("::-2", "::-2")),
        (a.at(1), b.at("1:3")),
        (a.at("::3"), b.at("1:3", "4:5")),
        (a.at(3, 5), b.at("2:4", "1:4")),
        (a.at("2:2"), b.at(2)),
        (a.at(0, 0), b.at(1, 1)),
    ]
