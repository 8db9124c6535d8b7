"""Reads one message of joint states without ROS 2: ``cyclone_states.py TOPIC DOMAIN`` prints each joint's name and
position, and ends with 1 where none has come in 30 s.

The types are those of ROS 2's definition files in Cyclone's words, which must not be put off as annotations."""

import sys
from dataclasses import dataclass

from cyclonedds.core import Policy, Qos
from cyclonedds.domain import DomainParticipant
from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import float64, int32, sequence, uint32
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration


@dataclass
class Time(IdlStruct, typename="builtin_interfaces::msg::dds_::Time_"):
    """When, by the sender's clock."""

    sec: int32
    nanosec: uint32


@dataclass
class Header(IdlStruct, typename="std_msgs::msg::dds_::Header_"):
    """Of every message."""

    stamp: Time
    frame_id: str


@dataclass
class JointState(IdlStruct, typename="sensor_msgs::msg::dds_::JointState_"):
    """Joints by name: rad (m where they slide), per second, Nm (N)."""

    header: Header
    name: sequence[str]
    position: sequence[float64]
    velocity: sequence[float64]
    effort: sequence[float64]


def main(topic: str, domain: str) -> int:
    """Read, print; the exit code."""
    participant = DomainParticipant(int(domain))
    newest = Qos(Policy.Reliability.BestEffort, Policy.History.KeepLast(1))
    reader = DataReader(participant, Topic(participant, topic, JointState), qos=newest)
    for state in reader.take_iter(timeout=duration(seconds=30)):
        for name, position in zip(state.name, state.position, strict=True):
            print(name, repr(position))
        return 0
    return 1


sys.exit(main(*sys.argv[1:]))
