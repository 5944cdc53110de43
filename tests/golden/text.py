"""print.json and promotion.json; see generate.py, which runs this."""

import json

import numpy as np

from support import DTYPES, FLOATS, HERE, INTEGERS, promote


def to_json(value, indent=0, room=100):
    """JSON as the project's formatter leaves it. `room`: columns that are left in the line, beside
    what stands before the value.
    """
    if isinstance(value, dict) and value:
        inner = " " * (indent + 2)
        lines = []
        for key, x in value.items():
            name = f"{inner}{json.dumps(key)}: "
            lines.append(name + to_json(x, indent + 2, 100 - len(name)))
        return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"
    if isinstance(value, list) and value:
        flat = json.dumps(value)
        if not isinstance(value[0], dict) and len(flat) < room:
            return flat
        inner = " " * (indent + 2)
        items = [inner + to_json(x, indent + 2, 98 - indent) for x in value]
        return "[\n" + ",\n".join(items) + "\n" + " " * indent + "]"
    return json.dumps(value)


def write_json(name, value):
    path = HERE / name
    path.write_text(to_json(value) + "\n")
    print(f"{path.name}: {len(value)} entries, {path.stat().st_size} bytes")


def json_values(x):
    flat = np.ravel(x)
    if flat.dtype.kind == "c":
        flat = np.stack([flat.real, flat.imag], -1).ravel()
    if flat.dtype.kind == "f":
        return [float(v) if np.isfinite(v) else str(v) for v in flat.astype(np.float64)]
    return [str(v) if flat.dtype.itemsize == 8 else int(v) for v in flat]


def printing():
    rng, entries = np.random.default_rng(6), []

    def add(values, dtype=None, **options):
        x = np.asarray(values, dtype)
        names = {"edgeItems": "edgeitems", "lineWidth": "linewidth"}
        with np.printoptions(**{names.get(k, k): v for k, v in options.items()}):
            entry = {
                "dtype": x.dtype.name,
                "shape": list(x.shape),
                "values": json_values(x),
                "text": str(x),
            }
        if options:
            entry["options"] = options
        entries.append(entry)

    nan, inf = np.nan, np.inf
    for dtype in DTYPES + ["complex64"]:
        add(np.array(3).astype(dtype))
        add(np.zeros((0, 3), dtype))
        add(
            (np.arange(6).reshape(2, 3) * 3 - (7 if np.dtype(dtype).kind in "ifc" else 0)).astype(
                dtype
            )
        )
    for t in INTEGERS:
        info = np.iinfo(t)
        add([info.min, info.max, 0, 7], t)
    for t in FLOATS:
        info = np.finfo(t)
        add([info.max, -info.max], t)
        add([info.tiny, info.smallest_subnormal], t)
        add([info.eps, 1, 1 + info.eps], t)
        add([nan, inf, -inf, -0.0, 0.0, 1.5], t)
        add([[0.1, 0.2], [1 / 3, 100]], t)
        add(np.array(-0.0, t))
        add(np.array(nan, t))
        add(np.array(1e-5, t))
        add(np.array(12345.678, t))
    add([1e-5, 1, 1000], "float32")
    add([1e-4, 1, 10], "float32")
    add([1e8, 1], "float32")
    add([1e16, 1], "float64")
    add([9.9999e15, 0.5], "float64")
    add([1234567.875, 0.0001], "float64")
    add([123456789.123456789, 1e-3], "float64")
    add([0.00012345, 123.456], "float32")
    add([1e300, 1e-300, nan], "float64")
    add([1e-320, 5e-324], "float64")
    add([nan, nan], "float32")
    add([inf, -inf], "float16")
    add([-1.0, 2.0, 300.0], "float32")
    add([1e5, 1e6, 1e7], "float32")
    add([0.1 + 0.2, 0.3], "float64")
    add([1.0, 1e10], "float64")
    add([[1, 20, -300], [4, 5, 60000]], "int32")
    add([[True, False], [False, True]])
    add(rng.normal(size=(3, 4)), "float32")
    add(rng.normal(size=(2, 2, 3)), "float64")
    add(rng.normal(size=(2, 1, 2, 2)) * 100, "float16")
    add(rng.integers(-99, 99, (2, 3, 4)), "int8")
    add(rng.normal(size=40), "float32")  # longer than a line
    add(rng.normal(size=(2, 30)), "float64")
    add(np.arange(60) * 12345, "int64")
    add(rng.integers(0, 2, 50).astype(bool))
    add(np.arange(120) % 7, "uint8")
    add([[1 + 2j, -0.5j], [1e10 + 1e-10j, nan + inf * 1j]], "complex64")
    add(np.array(1.5 - 2j, "complex64"))
    add((rng.normal(size=12) + 1j * rng.normal(size=12)).astype("complex64"))
    add([complex(0.0, -0.0), complex(-0.0, 0.0)], "complex64")
    # Summarised: beyond 1000 elements, or where the options say so.
    add(np.arange(1001), "int32")
    add(np.zeros(1000), "bool")
    add(np.arange(240).reshape(12, 20), "float32", threshold=200)
    add(np.arange(308).reshape(7, 4, 11) % 100, "uint8", threshold=200)
    add(np.arange(60).reshape(10, 6) / 7, "float64", threshold=10)
    add(np.arange(60).reshape(3, 20) - 30, "int64", threshold=10, edgeItems=2)
    add(np.arange(210).reshape(7, 5, 6), "uint16", threshold=5, edgeItems=1)
    add(np.r_[np.ones(20), 1e9, np.ones(20)], "float32", threshold=10)  # what is cut does not count
    add((np.arange(24) + 1j).astype("complex64"), threshold=20)
    add(rng.normal(size=8), "float64", precision=3)
    add(rng.normal(size=8) * 1e5, "float32", precision=2)
    add([1e-10, 1, 100], "float64", suppress=True)
    add([1e-10, 1e10], "float64", suppress=True, precision=4)
    add(np.arange(20), "int32", lineWidth=30)
    add(rng.normal(size=(2, 9)), "float32", lineWidth=40)
    write_json("print.json", entries)


def promotion():
    names = [*DTYPES, "complex64"]
    write_json("promotion.json", {a: {b: promote(a, b) for b in names} for a in names})
