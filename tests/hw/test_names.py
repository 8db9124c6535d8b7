"""Names on the network follow the cell's file; a variant travels as a document and comes out the same."""

import json

import pytest

from cells.description.cell import Cell, load_cell
from cells.description.ros2 import Ros2
from cells.errors import CellwrightError
from cells.products.catalogue import build_variant
from hw.names import arm_joints, fingers, wrench_frame
from hw.variants import document_of, variant_of

PANDA = load_cell("panda-bench")


def with_ros2(**told: object) -> Cell:
    return PANDA.model_copy(update={"ros2": Ros2.model_validate(told)})


def test_unless_said_names_are_the_urdfs_and_the_finger_joint_is_half_the_opening() -> None:
    assert arm_joints(PANDA) == tuple(f"panda_joint{i}" for i in range(1, 8))
    assert wrench_frame(PANDA) == "panda_tcp"
    hand = fingers(PANDA)
    assert hand.joints == ("panda_finger_joint1", "panda_finger_joint2")
    assert hand.position(0.05) == pytest.approx(0.025)
    assert hand.width(0.01) == pytest.approx(0.02)


def test_a_drivers_own_names_and_a_knuckle_in_radians_go_through_with_the_prefix() -> None:
    cell = with_ros2(
        tf_prefix="left_",
        joints=[f"joint_{i}" for i in range(7)],
        gripper={"joint": "knuckle", "closed": 0.8, "open": 0.0},
        wrench={"frame": "flange"},
    )
    assert arm_joints(cell)[0] == "left_joint_0"
    assert wrench_frame(cell) == "left_panda_link8"
    hand = fingers(cell)
    assert hand.joints == ("left_knuckle",)
    assert hand.position(0.0) == pytest.approx(0.8)
    assert hand.position(0.08) == pytest.approx(0.0)
    assert hand.width(0.4) == pytest.approx(0.04)


def test_a_variant_comes_out_of_its_document_as_it_went_in() -> None:
    variant = build_variant("pegboard", {"pegs": 2, "peg_mm": 10})
    assert variant_of(document_of(variant)) == variant


def test_a_variant_that_would_come_out_differently_is_refused() -> None:
    told = json.loads(document_of(build_variant("pegboard", {"pegs": 2})))
    told["parameters"]["pegs"] = 3
    with pytest.raises(CellwrightError, match="another variant than the sender's; install the same version"):
        variant_of(json.dumps(told))
    with pytest.raises(CellwrightError, match="no product family"):
        variant_of(json.dumps({**told, "family": ["pegboard"]}))
    for document in ("{", "[]", '{"family": "pegboard"}'):
        with pytest.raises(CellwrightError, match="variant: is"):
            variant_of(document)
