"""Files of CTD and navigation, whoever wrote them: one door, a small module for each format."""

from seston.readers.logs.door import FORMATS, Format, find, read, read_environment, recognise

__all__ = ["FORMATS", "Format", "find", "read", "read_environment", "recognise"]
