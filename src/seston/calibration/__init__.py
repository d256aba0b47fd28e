"""How fast this machine is: each step of the workflow, tried for seconds, with its spread."""

from seston.calibration.calibrate import calibrate

__all__ = ["calibrate"]
