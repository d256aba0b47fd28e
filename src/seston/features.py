"""Every number that is measured on an object: name, units and meaning, said once.

The order of the registry is the order of the ``feature`` dimension of the objects dataset.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One number measured on every object.

    Parameters
    ----------
    name : str
        scikit-image's name where it has one.
    units : str
        UDUNITS string; ``"1"`` for ratios and grey levels.
    long_name : str
        What it is.
    zooprocess : str, optional
        Its name in ZooProcess and EcoTaxa (without ``object_``), where the definitions agree.
    costly : bool
        True where it is measured only on request.
    """

    name: str
    units: str
    long_name: str
    zooprocess: str | None = None
    costly: bool = False
