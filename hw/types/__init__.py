"""ROS 2 interface types: a distribution's own, else built here from the definitions in ``hw/interfaces``."""

from hw.types.ready import ready

__all__ = ["ready"]
