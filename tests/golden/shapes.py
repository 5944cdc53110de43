"""Cases of joining, repeating, rearranging, einsum and linear layers: shapes.npz."""

import math

import numpy as np

from support import DTYPES, FLOATS, File, layouts, magnitude, mild, promote, special, wide

NUMBERS = ["bool", "int8", "uint16", "int64", "float16", "float32", "float64"]


def shapes():
    rng, file = np.random.default_rng(6), File("shapes")
    a = {t: file.array(f"a.{t}", special(t, rng)) for t in DTYPES}
    c = file.array("a.complex64", rng.normal(size=(4, 6, 2)).astype(np.float32).view(np.complex64)[..., 0])
    sources = {**a, "complex64": c}

    for t, x in sources.items():
        for view in layouts(x).values():
            value, ndim = view.value, view.value.ndim
            case = lambda op, expected, *args, **options: file.case(
                op, [view, *args], expected, **options
            )
            case("flatten", value.flatten())
            case("clone", value)
            for shift in (1, -2, 50):
                case("roll", np.roll(value, shift), shift)
            for counts in (2, [2, 1], [1, 3, 2]):
                case("tile", np.tile(value, counts), counts)
            case("repeat", np.repeat(value, 3), 3)
            case("pad", np.pad(value, 1), 1)
            if ndim == 0:
                continue
            for axis in range(-1, ndim):
                case("roll", np.roll(value, 2, axis), 2, axis=axis)
                case("repeat", np.repeat(value, 2, axis), 2, axis=axis)
                if t != "complex64":
                    case("diff", np.diff(value, axis=axis), axis=axis)
            if value.size:
                counts = [i % 3 for i in range(value.shape[0])]
                case("repeat", np.repeat(value, counts, 0), counts, axis=0)
                case("roll", np.roll(value, (1, -1), (0, ndim - 1)), [1, -1], axis=[0, ndim - 1])
                widths = [[i % 2, 2] for i in range(ndim)]
                for mode in ("edge", "reflect", "symmetric", "wrap"):
                    case("pad", np.pad(value, widths, mode), widths, mode=mode)
                case("pad", np.pad(value, widths, constant_values=1), widths, value=1)
                case("pad", np.pad(value, [[2, 9]] * ndim, "reflect"), [2, 9], mode="reflect")
            if ndim == 2:
                for k in (0, 1, -2):
                    case("tril", np.tril(value, k), k=k)
                    case("triu", np.triu(value, k), k=k)
                    case("diag", np.diag(value, k), k=k)
                    if t not in ("complex64", *FLOATS):
                        case("trace", np.trace(value, k, dtype=wide(t)), k=k)
        vector = x.at(1, "::2")
        for k in (0, 2, -1):
            file.case("diag", [vector], np.diag(vector.value, k), k=k)
        if t not in ("complex64", "bool", "float16"):
            file.case("diff", [x.at("1:2")], np.diff(x.value[1:2], n=2), n=2)
    for t in FLOATS:
        m = file.array(f"m.{t}", mild(t, rng, (3, 5, 5)))
        for k in (0, -1):
            expected = np.trace(m.value.astype(np.float64), k, 1, 2).astype(t)
            scale = np.trace(np.abs(m.value.astype(np.float64)), k, 1, 2)
            file.case("trace", [m], expected, "sum", scale, k=k)

    joins(file, sources)
    products(file, rng)
    file.save()


def joins(file, sources):
    """Lists of operands: one case each, with the list as the first argument."""
    names = list(sources)
    for i, t in enumerate(names):
        x, y = sources[t], sources[names[(i + 3) % len(names)]]
        for one, other, axis in [
            (x.at("1:3"), x.at(":"), 0),
            (x.at(":", "::-2"), x.at(":", "1:2"), 1),
            (x.transpose(1, 0), x.at("::2").transpose(1, 0), -1),
            (x.at(1), x.at(2, "0:0"), 0),
            (x.at("0:2"), x.at(3).broadcast_to(2, 6), 1),
        ]:
            file.case("concatenate", [[one, other, one]],
                      np.concatenate([one.value, other.value, one.value], axis), axis=axis)
        file.case("concatenate", [[x, x.at(0)]], np.concatenate([x.value, x.value[0]], None), axis=None)
        for axis in (0, 1, -1):
            pair = [x.at("::2"), x.at("::-2")]
            file.case("stack", [pair], np.stack([p.value for p in pair], axis), axis=axis)
        file.case("stack", [[x.at(0, 1)]], np.stack([x.value[0, 1]]))
        common = promote(t, names[(i + 3) % len(names)])
        if common and "complex64" not in (t, names[(i + 3) % len(names)]):
            from support import cast

            file.case("concatenate", [[x, y]],
                      np.concatenate([cast(x.value, common), cast(y.value, common)]))


def gelu(x, approximate):
    """arXiv 1606.08415; in double."""
    if approximate == "tanh":
        return x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2
    return x * (1 + np.vectorize(math.erf)(x / np.sqrt(2))) / 2


def products(file, rng):
    """dot, outer, linear and einsum; floats are compared with sums in float64."""

    def values(t, shape):
        return rng.integers(0, 5, shape).astype(t) if np.dtype(t).kind in "biu" else mild(t, rng, shape)

    def compare(op, operands, function, t, leading=(), **options):
        exact = [np.asarray(x.value).astype(np.float64) for x in operands]
        if np.dtype(t).kind in "iu":
            expected = function(*[x.value.astype(np.int64) for x in operands]).astype(t)
            file.case(op, [*leading, *operands], expected, **options)
            return
        file.case(op, [*leading, *operands], np.asarray(function(*exact)).astype(t), "sum",
                  function(*[magnitude(x) for x in exact]), **options)

    formulas = [
        ("ij,jk->ik", (3, 4), (4, 5)),
        ("ij,jk", (3, 4), (4, 5)),
        ("ij,kj->ki", (3, 4), (2, 4)),
        ("bij,bjk->bik", (2, 3, 4), (2, 4, 3)),
        ("bij,bjk->ikb", (2, 3, 4), (2, 4, 3)),
        ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
        ("i,i->", (7,), (7,)),
        ("i,j->ij", (3,), (4,)),
        ("ij->ji", (3, 4)),
        ("ij->", (3, 4)),
        ("ij->j", (3, 4)),
        ("ii->i", (4, 4)),
        ("ii", (4, 4)),
        ("iij->ij", (3, 3, 2)),
        ("iii->i", (3, 3, 3)),
        ("...ij,...jk->...ik", (2, 3, 4), (4, 2)),
        ("...i,...i->...", (2, 3, 4), (3, 4)),
        ("i...,i...->...", (4, 2), (4, 2)),
        ("ij,j->i", (3, 4), (4,)),
        ("ij,ij->ij", (3, 4), (1, 4)),
        ("ij,j,jk->ik", (3, 4), (4,), (4, 2)),
        ("ab,bc,cd,de->ae", (2, 5), (5, 3), (3, 6), (6, 2)),
        ("ab,bc,cd,da->", (2, 5), (5, 3), (3, 6), (6, 2)),
        ("abc,cd,be,ea->d", (2, 3, 4), (4, 5), (3, 6), (6, 2)),
        ("a,b,c,d,e,f,g->acg", (2,), (3,), (2,), (2,), (3,), (2,), (2,)),
        ("ij,jk->ik", (0, 4), (4, 5)),
        ("ij,jk->ik", (3, 0), (0, 5)),
        ("ijk,ijl->kl", (2, 3, 4), (2, 3, 5)),
        ("zij,zjk", (1, 3, 4), (5, 4, 2)),
    ]
    for t in ("int32", "int64", "float16", "float32", "float64"):
        for i, (formula, *lengths) in enumerate(formulas):
            operands = [file.array(f"e{i}.{j}.{t}", values(t, s)) for j, s in enumerate(lengths)]
            compare("einsum", operands, lambda *xs: np.einsum(formula, *xs), t, [formula])
    for t in NUMBERS[1:]:
        v, w = (file.array(f"{n}.{t}", values(t, (5,))) for n in "vw")
        m = file.array(f"p.{t}", values(t, (4, 5)))
        b = file.array(f"b.{t}", values(t, (2, 5, 3)))
        result = "int32" if t == "int8" else t
        for x, y in ((v, w), (m, v), (m, m.transpose(1, 0)), (m, b), (b.transpose(0, 2, 1), m.transpose(1, 0))):
            compare("dot", [x, y], np.dot, result)
        compare("dot", [v.at(1), m], np.dot, t)
        compare("outer", [v, m.at("::2")], np.outer, t)
        if t in FLOATS:
            weight, bias = (file.array(f"{n}.{t}", values(t, s)) for n, s in (("weight", (3, 5)), ("bias", (3,))))
            compare("linear", [m, weight, bias], lambda x, k, c: x @ k.T + c, t)
            compare("linear", [b.transpose(0, 2, 1), weight], lambda x, k: x @ k.T, t)
            for kind in ("none", "tanh"):
                compare("gelu", [m], lambda x: gelu(x, kind), t, approximate=kind)
                compare(
                    "linearBiasGelu",
                    [m, weight, bias],
                    lambda x, k, c: gelu(x @ k.T + c, kind),
                    t,
                    approximate=kind,
                )
    whole = file.array("gelu.int16", np.arange(-3, 4, dtype=np.int16))
    file.case("gelu", [whole], gelu(whole.value.astype(float), "none").astype(np.float32), "sum", 3)
