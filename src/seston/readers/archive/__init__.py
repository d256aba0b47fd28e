"""Folders and zip archives looked at alike, and without trust in what they claim.

Nothing is ever unpacked to disk. A name that leads out of its folder names nothing, and what
unpacks to more than is reasonable is refused before memory is taken.
"""

from seston.readers.archive.limits import damage
from seston.readers.archive.shelf import Folder, Shelf, joined, open_file, open_shelf, text_lines

__all__ = ["Folder", "Shelf", "damage", "joined", "open_file", "open_shelf", "text_lines"]
