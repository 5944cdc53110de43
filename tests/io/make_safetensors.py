"""Writes safetensors.json: files made by the format's own library, in base64, and what they hold.

    pip install safetensors==0.8.0 numpy==2.4.6 ml_dtypes
    python3 tests/io/make_safetensors.py
"""

import base64
import json
import pathlib
import struct

import numpy as np
from safetensors.numpy import save

rng = np.random.default_rng(1)
DTYPES = "bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float16 float32 float64".split()
tensors = {f"t.{d}": rng.integers(0, 2 if d == "bool" else 100, (2, 3)).astype(d) for d in DTYPES}
tensors |= {"scalar": np.array(2.5, np.float32), "empty": np.zeros((0, 4), np.int32), "ä/ö": np.arange(4.0)}
good = save(tensors, metadata={"format": "np"})


def raw(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


one = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
bad = {
    "nothing": b"",
    "cut prefix": good[:5],
    "cut header": good[:40],
    "cut data": good[:-1],
    "longer": good + b"\0",
    "huge header": struct.pack("<Q", 1 << 60) + b"{}",
    "no JSON": raw(b"{no}"),
    "no UTF-8": raw(b'{"\xff": 1}'),
    "list": raw([]),
    "null": raw(None),
    "entry is a number": raw({"a": 1}),
    "no dtype": raw({"a": {"shape": [2], "data_offsets": [0, 8]}}, bytes(8)),
    "unknown dtype": raw({"a": one | {"dtype": "F8_E4M3"}}, bytes(8)),
    "dtype of Object": raw({"a": one | {"dtype": "constructor"}}, bytes(8)),
    "negative shape": raw({"a": one | {"shape": [-2]}}, bytes(8)),
    "fraction in shape": raw({"a": one | {"shape": [2.5]}}, bytes(8)),
    "huge shape": raw({"a": one | {"shape": [2**52, 2**52]}}, bytes(8)),
    "nine axes": raw({"a": one | {"shape": [2] + [1] * 8}}, bytes(8)),
    "wrong size": raw({"a": one | {"shape": [3]}}, bytes(8)),
    "backwards": raw({"a": one | {"data_offsets": [8, 0]}}, bytes(8)),
    "beyond": raw({"a": one | {"data_offsets": [8, 16]}}, bytes(8)),
    "three offsets": raw({"a": one | {"data_offsets": [0, 8, 8]}}, bytes(8)),
    "overlap": raw({"a": one, "b": one | {"data_offsets": [4, 12]}}, bytes(12)),
    "hole": raw({"a": one, "b": one | {"data_offsets": [12, 20]}}, bytes(20)),
    "metadata are numbers": raw({"__metadata__": {"a": 1}}),
}
names = {
    name: {"dtype": x.dtype.name, "shape": list(x.shape), "values": x.astype(float).ravel().tolist()}
    for name, x in tensors.items()
}
out = {
    "good": base64.b64encode(good).decode(),
    "tensors": names,
    "bad": {name: base64.b64encode(content).decode() for name, content in bad.items()},
}
path = pathlib.Path(__file__).parent / "safetensors.json"
path.write_text(json.dumps(out, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
