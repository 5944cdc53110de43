"""The peers of the GPU benchmark: the rows of bench/gpu/rows.ts in PyTorch and CuPy, where they are.

peers.py BYTES ROUNDS CALLS < rows.json    prints {peer: {"version": ..., "rows": {row: [ms a call]}}}
                                           or {peer: {"missing": why}}
"""

import json
import sys


def torch_peer(bytes, side):
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError("PyTorch finds no CUDA device")
    n = bytes // 4
    g = torch.Generator("cuda").manual_seed(1)
    a = torch.rand(n, generator=g, device="cuda") * 2 - 1
    b = torch.rand(n, generator=g, device="cuda") * 2 - 1
    out = torch.empty_like(a)
    half = (torch.rand(2 * n, generator=g, device="cuda") * 2 - 1).half()
    signal = a[: n // 2].to(torch.complex64).view(-1, min(n // 2, 2**20))
    names = dict(
        torch=torch, a=a, b=b, out=out, mask=b > 0, half=half, half_out=torch.empty_like(half),
        square=a.view(side, side), square_out=out.view(side, side), row=b[:side].clone(),
        sorted=b.sort().values, signal=signal, frames=signal.view(-1, 1024),
    )

    def timed(call, calls):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        call()
        begin.record()
        for _ in range(calls):
            call()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / calls

    return torch.__version__, names, timed


def cupy_peer(bytes, side):
    import cupy as cp

    if cp.cuda.runtime.getDeviceCount() == 0:
        raise RuntimeError("CuPy finds no CUDA device")
    n = bytes // 4
    g = cp.random.default_rng(1)
    a = g.random(n, dtype=cp.float32) * 2 - 1
    b = g.random(n, dtype=cp.float32) * 2 - 1
    out = cp.empty_like(a)
    half = (g.random(2 * n, dtype=cp.float32) * 2 - 1).astype(cp.float16)
    signal = a[: n // 2].astype(cp.complex64).reshape(-1, min(n // 2, 2**20))
    names = dict(
        cp=cp, a=a, b=b, out=out, mask=b > 0, half=half, half_out=cp.empty_like(half),
        square=a.reshape(side, side), square_out=out.reshape(side, side), row=b[:side].copy(),
        sorted=cp.sort(b), signal=signal, frames=signal.reshape(-1, 1024),
    )

    def timed(call, calls):
        begin, end = cp.cuda.Event(), cp.cuda.Event()
        call()
        begin.record()
        for _ in range(calls):
            call()
        end.record()
        end.synchronize()
        return cp.cuda.get_elapsed_time(begin, end) / calls

    return cp.__version__, names, timed


def measure(peer, make, rows, bytes, rounds, calls):
    version, names, timed = make(bytes, round((bytes // 4) ** 0.5))
    calls_of = {
        row["name"]: eval(f"lambda: {row[peer]}", names) for row in rows if peer in row
    }
    times = {name: [] for name in calls_of}
    for number in range(-1, rounds):  # the first one warms up
        for name, call in calls_of.items():
            ms = timed(call, calls)
            if number >= 0:
                times[name].append(ms)
    return {"version": version, "rows": times}


def main():
    bytes, rounds, calls = map(int, sys.argv[1:])
    rows = json.load(sys.stdin)
    answer = {}
    for peer, make in {"torch": torch_peer, "cupy": cupy_peer}.items():
        try:
            answer[peer] = measure(peer, make, rows, bytes, rounds, calls)
        except Exception as error:  # a peer that is missing or broken is left out, with the reason
            answer[peer] = {"missing": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer))


main()
