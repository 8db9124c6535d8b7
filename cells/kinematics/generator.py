"""Writes the source of one robot's kernels: straight-line code with the robot's constants folded in.

A loop over joints multiplies 4×4 matrices that are mostly zeros and ones. Written out for one robot, most of that
vanishes: a value is either a number known now or the name of a variable in the code being written, and ``_product``
and ``_sum`` leave out every factor 1 and every term 0.

The frames follow Lynch & Park, "Modern Robotics" (2017), ch. 4, with one twist: each joint's frame is turned so that
its axis is its own z. Then every revolute joint does the same thing, x' = c·x + s·y and y' = c·y - s·x, and the turns
are folded into the constant transforms between joints.

What is written: ``forward`` and ``iterate``, with the meaning they have in :mod:`cells.kinematics.search`,
``nearest_branch`` where the arm has a formula for it, behind them the text of that module's other functions, and
``find``, which is ``solve`` within the chain's limits. The module stands alone: it imports nothing of Cellwright, so
that its text says all that its compiled code depends on.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product as pairs
from typing import TYPE_CHECKING, Any

from cells.kinematics import search, ur
from cells.kinematics.numerics import damped_step, is_pose, snapped, solve_spd, z_frames
from cells.pose import Array

if TYPE_CHECKING:
    from cells.kinematics.chain import Chain

Value = float | str  # a number known now, or an expression of the code that is being written
Vector = tuple[Value, Value, Value]

_HEADER = '''"""Kernels of {name}, written by Cellwright from its URDF: changes are lost.

Joints, base first: {joints}.
What each function does is told in cells/kinematics/search.py. ``robot`` is unused here: its constants are in the code.
"""

import math

import numpy as np
from numba import njit

TOLERANCE, ATTEMPTS = {tolerance}, {attempts}
ITERATIONS, STALLED, DAMPING, ROOM = {iterations}, {stalled}, {damping}, {room}
LIMITS = np.array({limits})


'''

_ROTATION_ERROR = '''
@njit
def rotation_error(t, {here}):
    """Rotation vector that turns the frame with columns x, y, z into the target ``t``, see numerics.rotation_vector."""
{turn}
    a, b, c = 0.5 * (m21 - m12), 0.5 * (m02 - m20), 0.5 * (m10 - m01)
    sine = math.sqrt(a * a + b * b + c * c)
    cosine = 0.5 * (m00 + m11 + m22 - 1.0)
    angle = math.atan2(sine, cosine)
    if cosine > -0.9:
        factor = 1.0 if sine < 1e-12 else angle / sine
        return factor * a, factor * b, factor * c
    if m00 >= m11 and m00 >= m22:
        u, v, w = m00 - cosine, 0.5 * (m01 + m10), 0.5 * (m02 + m20)
    elif m11 >= m22:
        u, v, w = 0.5 * (m01 + m10), m11 - cosine, 0.5 * (m12 + m21)
    else:
        u, v, w = 0.5 * (m02 + m20), 0.5 * (m12 + m21), m22 - cosine
    factor = angle / math.sqrt(u * u + v * v + w * w)
    if u * a + v * b + w * c < 0.0:
        factor = -factor
    return factor * u, factor * v, factor * w

'''
_FIND = """

@njit(cache=True, error_model="numpy")
def find(target, q0, out):
    return solve(target, q0, 0.0, LIMITS, TOLERANCE, ATTEMPTS, out)
"""
JIT = '@njit(cache=True, error_model="numpy")'
# With the arm's numbers in sight, the compiler leaves out what they make 0 or 1.
INLINED = '@njit(cache=True, error_model="numpy", inline="always")'
_NUMBERS = ("lengths", "signs", "offsets")  # of an arm with a formula


def source(chain: Chain) -> str:
    """The module's text for one chain; the same for the same geometry and limits."""
    columns = [f"{axis}{i}" for axis in "xyz" for i in range(3)]
    turn = [
        f"    m{i}{j} = " + " + ".join(f"t[{i}, {k}] * {axis}{j}" for k, axis in enumerate("xyz"))
        for i, j in pairs(range(3), range(3))
    ]
    text = _HEADER.format(
        name=_harmless(chain.name),
        joints=", ".join(map(_harmless, chain.joint_names)),
        tolerance=search.TOLERANCE,
        attempts=search.ATTEMPTS,
        limits=_numbers(chain.limits),
        iterations=search.ITERATIONS,
        stalled=search.STALLED,
        damping=search.DAMPING,
        room=search.ROOM,
    )
    text += _ROTATION_ERROR.format(here=", ".join(columns), turn="\n".join(turn))
    text += "\n".join(_forward(chain)) + "\n\n\n" + "\n".join(_iterate(chain)) + "\n"
    text += _nearest_branch(chain)
    shared: tuple[Any, ...] = (is_pose, search.descend, search.solve)
    shared += (search.solve_batch, solve_spd, damped_step, search.away_from_limits, search.track, search.forward_batch)
    return text + "".join("\n\n" + _text_of(function) for function in shared) + _FIND


def _numbers(values: Array) -> str:
    """Rows of numbers as text that gives the same numbers."""
    return repr(values.tolist()).replace("inf", "np.inf")


def _nearest_branch(chain: Chain) -> str:
    """The nearest solution by formula, with the arm's numbers, if it has one."""
    known = ur.geometry(chain)
    if known is None:
        return "\n\n" + _text_of(search.nearest_branch)
    constants = "\n".join(f"{name.upper()} = np.array({getattr(known, name).tolist()})" for name in _NUMBERS)
    base, tool = snapped(known.base), snapped(known.tool)
    lines: list[str] = []
    seen: list[Vector] = []
    for k in range(4):
        column = [_sum(*(_product(float(tool[j, k]), f"target[{i}, {j}]") for j in range(4))) for i in range(3)]
        w = _vector(lines, f"w{k}", column)
        last = 1.0 if k == 3 else 0.0
        moved = [_sum(*(_product(float(b), v) for b, v in zip(base[i], [*w, last], strict=True))) for i in range(3)]
        seen.append(_vector(lines, f"seen{k}", moved))
    wrist = ", ".join(str(value) for column in seen for value in column)
    formula = [
        JIT,
        "def nearest_branch(target, start, low, high, out):",
        *lines,
        f"    wrist = ({wrist})",
        "    return by_formula(wrist, LENGTHS, SIGNS, OFFSETS, start, low, high, False, out) > 0",
    ]
    functions = _text_of(ur.turned, INLINED), _text_of(ur.arctangents), _text_of(ur.by_formula, INLINED)
    return "\n\n" + "\n\n".join((constants + "\n", *functions, "\n".join(formula) + "\n"))


def _harmless(name: str) -> str:
    """A name out of a URDF, which may be anybody's, as text that can't end the comment it stands in."""
    return re.sub(r"[^A-Za-z0-9_.:/-]", "_", name)


def _text_of(function: Any, jit: str = JIT) -> str:
    """A jitted function's source without annotations: they name types that the new module doesn't import."""
    text = inspect.getsource(function.py_func)
    define = ast.parse(text).body[0]
    assert isinstance(define, ast.FunctionDef)
    names = ", ".join(argument.arg for argument in define.args.args)
    body = text.splitlines()[define.body[0].lineno - 1 :]
    return "\n".join([jit, f"def {define.name}({names}):", *body]) + "\n"


# ---------------------------------------------------------------------- arithmetic on what is known and what isn't


def _product(a: Value, b: Value) -> Value:
    if not isinstance(a, str) and not isinstance(b, str):
        return a * b
    if isinstance(a, str) and isinstance(b, str):
        sign = "-" if a.startswith("-") != b.startswith("-") else ""
        return f"{sign}{a.removeprefix('-')} * {b.removeprefix('-')}"
    factor, name = (b, a) if isinstance(a, str) else (a, b)
    assert isinstance(factor, float) and isinstance(name, str)
    if name.startswith("-"):
        factor, name = -factor, name[1:]
    if factor == 0.0:
        return 0.0
    return {1.0: name, -1.0: f"-{name}"}.get(factor, f"{factor!r} * {name}")


def _sum(*terms: Value) -> Value:
    named = [term for term in terms if isinstance(term, str)]
    known = float(sum(term for term in terms if not isinstance(term, str)))
    if not named:
        return known
    if known:
        named.append(repr(known))
    return named[0] + "".join(f" - {term[1:]}" if term.startswith("-") else f" + {term}" for term in named[1:])


def _named(lines: list[str], name: str, value: Value) -> Value:
    """The value, written down under a name unless it is a number or a name already."""
    if not isinstance(value, str) or value.removeprefix("-").isidentifier():
        return value
    lines.append(f"    {name} = {value}")
    return name


def _dot(a: Vector, b: Vector) -> Value:
    return _sum(*(_product(p, q) for p, q in zip(a, b, strict=True)))


def _negative(a: Value) -> Value:
    return _product(-1.0, a)


# ---------------------------------------------------------------------- kinematics


@dataclass
class _Code:
    """Lines of a function's body that compute the frames of a chain, and where in them to find what."""

    lines: list[str]
    axes: list[Vector]  # of the joints
    origins: list[Vector]  # of the joints' frames
    tip: list[Vector]  # columns x, y, z and the position


def _walk(chain: Chain) -> _Code:
    """From base to tip: through each constant transform, then about or along the joint's axis."""
    lines: list[str] = []
    axes, origins = [], []
    frame: list[Vector] = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, 0.0)]
    for i, matrix in enumerate(z_frames(chain.arrays[0], chain.arrays[1])):
        where = str(i) if i < chain.n else "t"
        x, y, z, p = (_combined(lines, f"{name}{where}", frame, matrix[:, k]) for k, name in enumerate("xyzp"))
        if i < chain.n:
            axes.append(z)
            origins.append(p)
            if chain.arrays[2][i]:
                p = _vector(lines, f"m{i}", [_sum(p[r], _product(z[r], f"q[{i}]")) for r in range(3)])
            else:
                c, s = f"c{i}", f"s{i}"
                lines.append(f"    {c}, {s} = math.cos(q[{i}]), math.sin(q[{i}])")
                turned = [_sum(_product(c, x[r]), _product(s, y[r])) for r in range(3)]
                y = _vector(lines, f"b{i}", [_sum(_product(c, y[r]), _negative(_product(s, x[r]))) for r in range(3)])
                x = _vector(lines, f"a{i}", turned)
        frame = [x, y, z, p]
    return _Code(lines, axes, origins, frame)


def _combined(lines: list[str], name: str, frame: list[Vector], column: Array) -> Vector:
    """One column of frame · matrix, (4, 4) each."""
    weights = [float(w) for w in column]
    sums = [_sum(*(_product(w, c[r]) for w, c in zip(weights, frame, strict=True))) for r in range(3)]
    return _vector(lines, name, sums)


def _vector(lines: list[str], name: str, values: Sequence[Value]) -> Vector:
    x, y, z = (_named(lines, f"{name}{axis}", value) for axis, value in zip("xyz", values, strict=True))
    return x, y, z


def _jacobian(chain: Chain, code: _Code) -> list[list[Value]]:
    """Columns of the geometric Jacobian: [z × (tip - origin); z], or [z; 0] where the joint slides."""
    out: list[list[Value]] = []
    for i, (z, p) in enumerate(zip(code.axes, code.origins, strict=True)):
        if chain.arrays[2][i]:
            out.append([*z, 0.0, 0.0, 0.0])
            continue
        d = _vector(code.lines, f"d{i}", [_sum(code.tip[3][r], _negative(p[r])) for r in range(3)])
        cross = [_sum(_product(z[a], d[b]), _negative(_product(z[b], d[a]))) for a, b in ((1, 2), (2, 0), (0, 1))]
        out.append([*_vector(code.lines, f"v{i}", cross), *z])
    return out


def _forward(chain: Chain) -> list[str]:
    code = _walk(chain)
    columns = _jacobian(chain, code)
    lines = code.lines
    lines += [f"    pose[{r}, {k}] = {code.tip[k][r]}" for r in range(3) for k in range(4)]
    lines += ["    pose[3, 0] = pose[3, 1] = pose[3, 2] = 0.0", "    pose[3, 3] = 1.0"]
    lines += [f"    jacobian[{r}, {i}] = {column[r]}" for r in range(6) for i, column in enumerate(columns)]
    return [JIT, "def forward(q, robot, pose, jacobian):", *lines]


def _iterate(chain: Chain) -> list[str]:
    code = _walk(chain)
    lines, tip = code.lines, code.tip
    here = ", ".join(str(tip[k][r]) for k in range(3) for r in range(3))
    lines += [f"    e{r} = {_sum(f'target[{r}, 3]', _negative(tip[3][r]))}" for r in range(3)]
    lines += [
        f"    e3, e4, e5 = rotation_error(target, {here})",
        "    along, around = e0 * e0 + e1 * e1 + e2 * e2, e3 * e3 + e4 * e4 + e5 * e5",
        "    if along <= tolerance * tolerance and around <= tolerance * tolerance:",
        "        return along, around",
        "    # The Jacobian's columns g; that of a joint which is pushed beyond its limit is dropped.",
    ]
    for i, column in enumerate(_jacobian(chain, code)):
        push = _sum(*(_product(v, f"e{r}") for r, v in enumerate(column)))
        outward = f"(q[{i}] <= low[{i}] and push < 0.0) or (q[{i}] >= high[{i}] and push > 0.0)"
        lines += [f"    push = {push}", f"    k = 0.0 if {outward} else 1.0"]
        lines += [f"    g{r}_{i} = {_product('k', v)}" for r, v in enumerate(column)]
    lines += _damped_step(chain.n)
    lines.append("    return along, around")
    return [JIT, "def iterate(q, robot, target, low, high, tolerance, step):", *lines]


def _damped_step(n: int) -> list[str]:
    """step = Gᵀ·(G·Gᵀ + damping·1)⁻¹·e for the columns g of G (6, n), by a Cholesky factor l."""
    lines = ["    damping = DAMPING * (along + around) + 1e-15"]
    for r in range(6):
        for s in range(r + 1):
            terms = " + ".join(f"g{r}_{i} * g{s}_{i}" for i in range(n)) + (" + damping" if r == s else "")
            rest = f"{terms}{''.join(f' - l{r}{k} * l{s}{k}' for k in range(s))}"
            # On the diagonal l holds the inverse, so that nothing is divided twice.
            value = f"1.0 / math.sqrt(max({rest}, 1e-300))" if r == s else f"({rest}) * l{s}{s}"
            lines.append(f"    l{r}{s} = {value}")
    for r in range(6):
        lines.append(f"    f{r} = (e{r}{''.join(f' - l{r}{k} * f{k}' for k in range(r))}) * l{r}{r}")
    for r in range(5, -1, -1):
        lines.append(f"    f{r} = (f{r}{''.join(f' - l{k}{r} * f{k}' for k in range(r + 1, 6))}) * l{r}{r}")
    return lines + [f"    step[{i}] = " + " + ".join(f"g{r}_{i} * f{r}" for r in range(6)) for i in range(n)]
