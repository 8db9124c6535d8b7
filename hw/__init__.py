"""The cell on real arms, over ROS 2: the wing is named, nothing is in it yet."""
