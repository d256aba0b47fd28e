"""Sixty-four pixels at a time, as the bits of one word: two instructions that numba lacks.

They are written in LLVM's language, which every processor has its own words for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

from seston.frame import UInt8Array

#: Pixels in a word.
LANES = 64
_BYTES = ir.VectorType(ir.IntType(8), LANES)
_SAME = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)


def _lowest_bit(_context: Any, value: Any) -> Any:  # noqa: ANN401, ARG001 - numba's
    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


def _below(_context: Any, pixels: Any, at: Any, flip: Any, bound: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        def load(which: int) -> Any:  # noqa: ANN401
            array = context.make_array(signature.args[which])(context, builder, arguments[which])
            start = builder.gep(array.data, [arguments[1]])
            return builder.load(builder.bitcast(start, _BYTES.as_pointer()), align=1)

        nothing = ir.Constant(_BYTES, ir.Undefined)
        first = builder.insert_element(nothing, arguments[2], ir.Constant(ir.IntType(32), 0))
        turned = builder.xor(load(0), builder.shuffle_vector(first, nothing, _SAME))
        dark = builder.icmp_unsigned("<", turned, load(3))
        return builder.bitcast(dark, ir.IntType(LANES))

    return types.uint64(pixels, types.intp, types.uint8, bound), generate


#: Number of zeros below the lowest bit of a word that is not 0.
lowest_bit = cast("Callable[[np.uint64], np.uint64]", intrinsic(_lowest_bit))
#: Bit j is 1 where ``pixels[at + j] ^ flip < bound[at + j]``. Both are contiguous arrays of uint8
#: that hold LANES values from `at` on: nobody checks it.
pixels_below = cast(
    "Callable[[UInt8Array, int, np.uint8, UInt8Array], np.uint64]", intrinsic(_below)
)
