"""Processes on a ROS 2 network. Their modules import rclpy, and are imported by what starts them."""
