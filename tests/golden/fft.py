"""Cases of gk.fft: fft.npz. NumPy transforms in double; results are rounded once."""

import numpy as np

from support import DTYPES, File, cast, layouts, mild

TOLERANCE = "norm:5e-7"
REAL = [t for t in DTYPES if t != "float64"]  # there is no complex128
OTHERS = [67, 97, 100, 121, 125, 127, 128, 192, 243, 250, 256, 257, 360, 512, 521, 625, 1000]
OTHERS += [1021, 1024, 1155, 1031, 2048, 2187, 2310, 4095, 4096, 4097]


def complexes(rng, shape):
    return (rng.uniform(-1, 1, shape) + 1j * rng.uniform(-1, 1, shape)).astype(np.complex64)


def transforms():
    rng, file = np.random.default_rng(11), File("fft")

    def case(op, x, **options):
        work = np.float64 if op == "rfft" else np.complex128
        value = cast(x.value, np.float32).astype(work) if x.dtype != "complex64" else x.value
        result = getattr(np.fft, op)(value.astype(work), **options)
        result = result.astype(np.float32 if op == "irfft" else np.complex64)
        scale = np.abs(result)
        file.case(f"fft.{op}", [x], result, TOLERANCE, scale, **options)

    def all_of(n, z, r):
        case("fft", z.at("...", f":{n}"))
        case("ifft", z.at("...", f":{n}"))
        case("rfft", r.at("...", f":{n}"))
        case("irfft", z.at("...", f":{n // 2 + 1}"), n=n)

    # Every length up to 64, and some of each kind beyond; one row of long ones.
    z = file.array("z", complexes(rng, (2, 64)))
    r = file.array("r", mild("float32", rng, (2, 64)))
    long_z = file.array("long.z", complexes(rng, 4100))
    long_r = file.array("long.r", mild("float32", rng, 4100))
    for n in range(1, 65):
        all_of(n, z, r)
    for i, n in enumerate(OTHERS):
        op = ["fft", "rfft", "ifft", "irfft"][i % 4]
        if op == "irfft":
            case(op, long_z.at(f":{n // 2 + 1}"), n=n)
        else:
            case(op, (long_r if op == "rfft" else long_z).at(f":{n}"))
    # Batches that fill vectors, and those that do not.
    wide_z = file.array("wide.z", complexes(rng, (19, 70)))
    wide_r = file.array("wide.r", mild("float32", rng, (19, 70)))
    for n in (1, 2, 5, 16, 31, 64, 67):
        all_of(n, wide_z, wide_r)
    # Axes of three, strides of every kind, filled up and cut.
    m_z = file.array("m.z", complexes(rng, (5, 6, 8)))
    m_r = file.array("m.r", mild("float32", rng, (5, 6, 8)))
    turn = 0
    for op in ("fft", "ifft", "rfft", "irfft"):
        m = m_r if op == "rfft" else m_z
        views = [
            m,
            m.transpose(2, 0, 1),
            m.at("::2", "::-1", "1::2"),
            m.at(1).broadcast_to(3, 6, 8),
            m.at(":", "2:3").broadcast_to(5, 4, 8),
            m.at("::-2", ":", 3),
            m.at("2:2"),
        ]
        for x in views:
            for axis in range(-1, x.value.ndim):
                turn += 1
                options = {} if axis < 0 else {"axis": axis}
                options |= [{}, {"n": 4}, {"n": 7}, {"n": 20}, {"n": 13}][turn % 5]
                options |= [{}, {"norm": "ortho"}, {"norm": "forward"}, {"norm": "backward"}][
                    turn % 4
                ]
                if "n" not in options and x.value.shape[axis] < 2:
                    continue
                case(op, x, **options)
        case(op, m.at(":", "2:2"), axis=1, n=5)  # of nothing but zeros
    # Every dtype in every layout.
    a = {t: file.array(f"a.{t}", mild(t, rng, (4, 6))) for t in REAL}
    a["complex64"] = file.array("a.complex64", complexes(rng, (4, 6)))
    for t, base in a.items():
        for name, x in layouts(base).items():
            if name == "number":
                continue
            for op in ("fft", "ifft", "rfft", "irfft"):
                turn += 1
                if op == "rfft" and t == "complex64":
                    continue
                options = [{}, {"axis": 0, "n": 4}, {"norm": "ortho", "n": 9}][turn % 3]
                length = x.value.shape[options.get("axis", -1)]
                if "n" not in options and length < 2:
                    options = {"n": 3}
                case(op, x, **options)
    # Frequencies.
    for op in ("fftfreq", "rfftfreq"):
        for n in (1, 2, 3, 8, 9, 100):
            for options in ({}, {"d": 0.25}, {"d": 1 / 48000}):
                for t in ("float32", "float64"):
                    expected = getattr(np.fft, op)(n, **options)
                    # NumPy multiplies by 1 / (n d); this divides.
                    given = options if t == "float32" else options | {"dtype": t}
                    file.case(f"fft.{op}", [n], expected.astype(t), "ulp:1", **given)
    file.save()


if __name__ == "__main__":
    transforms()
