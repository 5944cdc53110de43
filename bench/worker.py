"""Times cases inside NumPy, SciPy or PyTorch, on request of bench/measure.mjs: the twin of worker.ts.

One JSON request per line on stdin, one JSON answer per line on stdout:
  {"do": "prepare", "id", "case": [setup, call], "budget"}    budget: ms that a round takes
  {"do": "round", "id"}      {"ns"}: the time of one call
  {"do": "release", "id"}

A round is what it is in worker.ts: one batch to warm up, then up to five that are timed, of which
the median counts. As in timeit the call is compiled into its loop and the garbage collector is off.
"""

import gc
import json
import os
import statistics
import sys
import textwrap
from itertools import repeat
from time import perf_counter

import numpy as np

names = {"np": np, "repeat": repeat, "threads": int(os.environ["OMP_NUM_THREADS"])}
if sys.argv[1] == "scipy":
    import scipy.fft

    names["scipy"] = scipy
if sys.argv[1] == "torch":
    import torch

    torch.set_num_threads(names["threads"])
    torch.set_grad_enabled(False)
    names["torch"] = torch

prepared = {}

TEMPLATE = """
def make():
{setup}
    def loop(calls):
        for _ in repeat(None, calls):
{call}
    return loop
"""


def compile_loop(setup, call):
    # The operands are the loop's closure: as fast to reach as the locals of a user's function.
    source = TEMPLATE.format(
        setup=textwrap.indent(setup, " " * 4), call=textwrap.indent(call, " " * 12)
    )
    namespace = dict(names)
    exec(source, namespace)
    return namespace["make"]()


def measure(loop, calls):
    began = perf_counter()
    loop(calls)
    return (perf_counter() - began) * 1e3


def prepare(request):
    budget = request["budget"]
    loop = compile_loop(*request["case"])
    calls, took, spent, runs = 1, 0.0, 0.0, 0
    while runs < 2 or spent < 5 * budget:
        if 0 < took < budget / 10:
            calls *= 2
        took = measure(loop, calls)
        spent += took
        runs += 1
    per_call = took / calls
    batches = min(5, max(1, round(budget / per_call)))
    calls = max(1, round(budget / batches / per_call))
    prepared[request["id"]] = loop, calls, batches
    return {"calls": calls, "batches": batches}


def run_round(request):
    loop, calls, batches = prepared[request["id"]]
    gc.disable()
    loop(calls)
    times = [measure(loop, calls) for _ in range(batches)]
    gc.enable()
    return {"ns": statistics.median(times) * 1e6 / calls}


def release(request):
    prepared.pop(request["id"], None)
    gc.collect()
    return {}


actions = {"prepare": prepare, "round": run_round, "release": release}

for line in sys.stdin:
    try:
        request = json.loads(line)
        answer = actions[request["do"]](request)
    except Exception as error:  # Whatever a case raises is its answer.
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
