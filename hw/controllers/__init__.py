"""What ros2_control's controllers mean, as plain code without ROS: trajectories, streams, the gripper."""
