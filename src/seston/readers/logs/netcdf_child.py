"""Take the variables out of a netCDF file, in a process of its own.

The libraries of netCDF and HDF5 trust a file's own numbers: a damaged file can crash them, or
make them ask for any amount of memory. So they run here, bounded, and what they find is handed
over as plain arrays. This module imports nothing of seston: it is run as a script.
"""

from __future__ import annotations

import io
import json
import sys
from contextlib import suppress
from typing import Any

#: Memory that the process may ask for, and bytes that it hands over.
MEMORY = 6 << 30
MOST_BYTES = 1 << 30


def main(path: str) -> int:
    """Write variables of up to three dimensions as npz to the standard output."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import netCDF4
    import numpy as np

    try:
        with netCDF4.Dataset(path) as data:
            data.set_auto_maskandscale(False)
            data.set_auto_chartostring(False)
            arrays, about = _taken(data)
    except Exception as error:
        sys.stderr.write(str(error) or type(error).__name__)
        return 3
    buffer = io.BytesIO()
    text = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez(buffer, about=text, **{f"v{i}": a for i, a in enumerate(arrays)})
    sys.stdout.buffer.write(buffer.getvalue())
    return 0


def _taken(data: Any) -> tuple[list[Any], dict[str, Any]]:  # noqa: ANN401 - netCDF4 is untyped
    import numpy as np

    arrays, variables, total = [], [], 0
    for name, variable in data.variables.items():
        if variable.ndim > 3 or not isinstance(variable.dtype, np.dtype):
            continue
        size = int(np.prod([data.dimensions[d].size for d in variable.dimensions], dtype=float))
        total += size * variable.dtype.itemsize
        if total > MOST_BYTES:
            raise ValueError(f"it claims more than {MOST_BYTES >> 20} MB of data")
        arrays.append(np.asarray(variable[...]))
        attributes = {key: _plain(variable.getncattr(key)) for key in variable.ncattrs()}
        variables.append({"name": name, "dims": variable.dimensions, "attrs": attributes})
    sizes = {name: dimension.size for name, dimension in data.dimensions.items()}
    return arrays, {"variables": variables, "dimensions": sizes}


def _plain(value: Any) -> Any:  # noqa: ANN401 - an attribute is of any type
    item = getattr(value, "item", None)
    with suppress(ValueError):
        value = item() if item is not None else value
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str | int | float) else str(value)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
