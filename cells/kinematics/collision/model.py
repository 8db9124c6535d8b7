"""What collides with what: a robot's solids on its links, the scene's solids around it, and what it holds.

Data only; :mod:`.checks` computes with it. Frames: link k is what joint k moves (link 0 stands), in a frame that has
the joint's axis as its z; everything else is in the base frame of the chain.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cells.kinematics.collision.shapes import BOX, SPHERE, Shape, bounding_radius, box, covering_spheres, of_urdf, rows
from cells.kinematics.numerics import axis_frame, z_frames
from cells.pose import Array

if TYPE_CHECKING:
    from cells.kinematics.chain import Chain

HELD = "held part"

Tables = tuple[Any, ...]  # of arrays
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Body:
    """A robot and what it holds: ``shapes`` on ``links`` (s,), 0..n and ascending, each in its link's frame; ``pairs``
    (p, 2) of shapes that may meet each other."""

    chain: Chain
    shapes: tuple[Shape, ...]
    links: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]

    @cached_property
    def tables(self) -> Tables:
        """The same as arrays for :mod:`.checks`:

        * ``frames`` (n + 1, 4, 4), the constant transforms between joints, and which joints slide (n,);
        * ``solids`` (s + n + 1, 17), see :func:`.shapes.rows`, each on its link, and behind them for each link a sphere
          that holds all of its solids;
        * ``spheres`` (m, 4) that cover the solids;
        * ``where`` (s + n + 1, 3): the link that each of the solids is on, and where its covering spheres begin and
          end; for a link's own sphere, where the link's solids do;
        * ``pairs`` (p, 2) sorted by their links, and ``groups`` (g, 4): two links, where their pairs begin and end;
        * ``reach`` (n, n + 1): how far the points of a link are from a joint's axis at most, 1 where it slides.
        """
        chain, every = self.chain, range(self.chain.n + 1)
        frames = np.array(z_frames(chain.arrays[0], chain.arrays[1]))
        covers = [covering_spheres(shape) for shape in self.shapes]
        ends = [0, *accumulate(len(cover) for cover in covers)]
        begins = [bisect_left(self.links, link) for link in (*every, len(every))]
        where = [*zip(self.links, ends[:-1], ends[1:], strict=True), *zip(every, begins[:-1], begins[1:], strict=True)]
        return (
            frames,
            chain.arrays[2],
            rows((*self.shapes, *map(self._ball, every))),
            np.concatenate([np.zeros((0, 4)), *covers]),
            np.array(where, np.int64),
            *self._grouped(),
            self._reach(frames),
        )

    def _grouped(self) -> tuple[Ints, Ints]:
        """Pairs (p, 2) by their links, and groups (g, 4): two links, where their pairs begin and where they end."""
        links = self.links
        pairs = sorted(self.pairs, key=lambda pair: (links[pair[0]], links[pair[1]], pair))
        groups: list[tuple[int, int, int, int]] = []
        for k, (a, b) in enumerate(pairs):
            begin = groups.pop()[2] if groups and groups[-1][:2] == (links[a], links[b]) else k
            groups.append((links[a], links[b], begin, k + 1))
        return np.array(pairs, np.int64).reshape(-1, 2), np.array(groups, np.int64).reshape(-1, 4)

    def _ball(self, link: int) -> Shape:
        """A sphere, in the link's frame, that holds all of its shapes."""
        shapes = [shape for shape, at in zip(self.shapes, self.links, strict=True) if at == link]
        pose, radius = np.eye(4), 0.0
        if shapes:
            pose[:3, 3] = np.mean([shape.pose[:3, 3] for shape in shapes], axis=0)
            radius = max(float(np.linalg.norm(s.pose[:3, 3] - pose[:3, 3])) + bounding_radius(s) for s in shapes)
        return Shape(f"link {link}", SPHERE, (radius, 0.0, 0.0), pose)

    def _reach(self, frames: Array) -> Array:
        chain = self.chain
        n = chain.n
        slides = np.where(chain.arrays[2] == 1, np.maximum(np.abs(chain.q_min), np.abs(chain.q_max)), 0.0)
        step = np.linalg.norm(frames[:, :3, 3], axis=1)
        radius = np.zeros(n + 1)
        for shape, link in zip(self.shapes, self.links, strict=True):
            radius[link] = max(radius[link], np.linalg.norm(shape.pose[:3, 3]) + bounding_radius(shape))
        out = np.zeros((n, n + 1))
        for joint in range(n):
            for link in range(joint + 1, n + 1):
                way = step[joint + 1 : link].sum() + slides[joint:link].sum()
                out[joint, link] = 1.0 if chain.arrays[2][joint] else way + radius[link]
        return out

    def holding(self, *parts: Shape, name: str = HELD) -> Body:
        """The same with parts in the hand, or fixed to it, given in the frame of the tip. They may meet whatever
        doesn't carry them."""
        n = self.chain.n
        tip = z_frames(self.chain.arrays[0], self.chain.arrays[1])[n]
        count = len(self.shapes)
        added = tuple(replace(part.moved(tip), name=name) for part in parts)
        may_meet = [i for i, link in enumerate(self.links) if link < n - 1]
        pairs = self.pairs + tuple((i, count + k) for k in range(len(added)) for i in may_meet)
        return Body(self.chain, self.shapes + added, self.links + (n,) * len(added), pairs)

    def name(self, shape: int) -> str:
        """What a shape belongs to."""
        return self.shapes[shape].name


@dataclass(frozen=True, eq=False)
class Scene:
    """Solids around the robot, in the base frame."""

    shapes: tuple[Shape, ...]

    @cached_property
    def table(self) -> Array:
        """As numbers (s, 17): :func:`.shapes.rows`."""
        return rows(self.shapes)


def body_of(chain: Chain, path: Path, base: str) -> Body:
    """The robot of a URDF whose joints ``chain`` has, with everything that hangs on its links.

    A sliding joint outside the chain, such as a finger's, sweeps its solids along its travel: they stand for every
    opening. Which solids may meet each other is told by :mod:`.pairs`.
    """
    found: list[tuple[int, int, Shape]] = []  # the link that moves it, the link it hangs on
    from cells.kinematics.chain import origin_of
    from cells.kinematics.collision.pairs import pairs_that_may_meet

    joints = {j.get("name"): j for j in ET.fromstring(path.read_bytes()).iter("joint")}
    turned = _turned(chain)
    here = {base: (0, np.eye(4))}
    solid = of_urdf(path)
    order = _from_base(joints.values(), base)
    moves: dict[str, tuple[Array, Array]] = {}
    for joint in order:
        parent, child = (joint.find(role).get("link", "") for role in ("parent", "child"))  # type: ignore[union-attr]
        link, frame = here[parent]
        frame = frame @ origin_of(joint)
        sweep = moves.get(parent)
        name = joint.get("name", "")
        if name in chain.joint_names:
            link, frame = chain.joint_names.index(name) + 1, np.eye(4)
        elif joint.get("type") == "prismatic":
            sweep = _travel(joint, frame)
        here[child] = (link, frame)
        if sweep is not None:
            moves[child] = sweep
    for name, (link, frame) in here.items():
        into = frame if link == 0 else turned[link - 1].T @ frame
        for shape in solid.get(name, ()):
            placed = shape.moved(into)
            if name in moves:
                low, high = (turned[link - 1][:3, :3].T @ v if link else v for v in moves[name])
                placed = _swept(placed, low, high)
            at, still = _that_moves_it(chain, link, placed)
            found.append((at, link, still))
    found.sort(key=lambda each: each[0])
    links, hang, shapes = zip(*found, strict=True) if found else ((), (), ())
    return Body(chain, shapes, links, pairs_that_may_meet(chain, shapes, links, hang, path))


def _that_moves_it(chain: Chain, link: int, shape: Shape) -> tuple[int, Shape]:
    """The link that really moves a solid, and the solid in its frame: one that is round about its own joint's axis
    stands with the link before."""
    frames = z_frames(chain.arrays[0], chain.arrays[1])
    while link > 0 and not chain.arrays[2][link - 1] and shape.kind != BOX:
        off_axis = np.linalg.norm(shape.pose[:2, 3])
        askew = 0.0 if shape.kind == SPHERE else np.linalg.norm(shape.pose[:2, 2])
        if max(off_axis, askew) > 1e-9:
            break
        link, shape = link - 1, shape.moved(frames[link - 1])
    return link, shape


def _turned(chain: Chain) -> list[Array]:
    """The frame with its z along the joint, seen from the URDF's frame of each link: (n) of (4, 4)."""
    out = []
    for axis in chain.arrays[1]:
        frame = np.eye(4)
        frame[:3, :3] = axis_frame(axis)
        out.append(frame)
    return out


def _from_base(joints: Iterable[ET.Element], base: str) -> list[ET.Element]:
    """Joints in an order in which each one's parent is known."""
    waiting, known = list(joints), {base}
    out: list[ET.Element] = []
    while True:
        ready = [j for j in waiting if j.find("parent").get("link", "") in known]  # type: ignore[union-attr]
        if not ready:
            return out
        out += ready
        waiting = [j for j in waiting if j not in ready]
        known |= {j.find("child").get("link", "") for j in ready}  # type: ignore[union-attr]


def _travel(joint: ET.Element, frame: Array) -> tuple[Array, Array]:
    """Both ends of a sliding joint's travel as displacements (3,), in the frame that ``frame`` is given in."""
    limit, axis = joint.find("limit"), joint.find("axis")
    along = frame[:3, :3] @ np.array([float(v) for v in axis.get("xyz", "1 0 0").split()])  # type: ignore[union-attr]
    low, high = (float(limit.get(key, "0")) for key in ("lower", "upper"))  # type: ignore[union-attr]
    return along * low, along * high


def _swept(shape: Shape, low: Array, high: Array) -> Shape:
    """A box that holds the shape all the way from ``low`` to ``high`` (displacements (3,))."""
    turn = shape.pose[:3, :3]
    a, b = turn.T @ low, turn.T @ high
    radius = bounding_radius(shape)
    half = np.array(shape.size) if shape.kind == BOX else np.full(3, radius)
    pose = shape.pose.copy()
    pose[:3, 3] += turn @ (a + b) / 2
    x, y, z = 2 * half + np.abs(b - a)
    return box(shape.name, (float(x), float(y), float(z)), pose)
