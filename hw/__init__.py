"""The cell on real arms, over ROS 2: the world behind the ports, the nodes, the message types."""
