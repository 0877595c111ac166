"""Writes the GGUF goldens of core/src/test/resources/goldens/gguf with the `gguf` Python package.

    venv/bin/pip install gguf==0.19.0 && venv/bin/python scripts/goldens_gguf.py

blocks.gguf holds, for each block format T, `packed.T` (random blocks), `decoded.T` (what gguf.quants.dequantize makes
of them), and for the formats Graft writes `values.T` and `encoded.T` (what gguf.quants.quantize makes of them), and one
metadata value of every type.
"""

from importlib.metadata import version

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import quants

from goldens import FOLDER

READ = [T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.Q2_K, T.Q3_K, T.Q4_K, T.Q5_K, T.Q6_K, T.BF16, T.F16]
# where the float16 scales lie within a block
HALVES = {T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q2_K: [80, 82], T.Q3_K: [108],
          T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208]}


def random_blocks(kind, random):
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    if kind in (T.BF16, T.F16):
        values = random.normal(size=(2, 33)).astype(np.float32)
        return quants.quantize(values, kind).view(np.uint8)
    blocks = random.integers(0, 256, size=(6, size), dtype=np.uint8)
    for at in HALVES[kind]:
        scales = (random.normal(size=6) * 0.1).astype(np.float16)
        scales[0] = 0
        scales[1] = -abs(scales[1])
        scales[2] = np.float16(6e-8)  # the smallest number above zero
        blocks[:, at:at + 2] = scales.view(np.uint8).reshape(6, 2)
    return blocks.reshape(2, 3 * size)


def values_to_encode(random):
    values = (random.normal(size=(12, 64)) * 10.0 ** random.integers(-6, 3, size=(12, 1))).astype(np.float32)
    values[0] = 0
    values[1, :32] = -0.0
    values[2] = np.linspace(-1, 1, 64)
    values[3, ::2] = 0.5  # halves, to be rounded away from zero
    values[3, 1] = 127
    values[4, 3] = -values[4, 5]  # two of the same size
    return values


def main():
    random = np.random.default_rng(7)
    path = FOLDER / "gguf/blocks.gguf"
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "blocks")
    writer.add_description("made with gguf %s, numpy %s" % (version("gguf"), np.__version__))
    writer.add_uint8("kind.uint8", 200)
    writer.add_int8("kind.int8", -100)
    writer.add_uint16("kind.uint16", 60_000)
    writer.add_int16("kind.int16", -30_000)
    writer.add_uint32("kind.uint32", 4_000_000_000)
    writer.add_int32("kind.int32", -2_000_000_000)
    writer.add_uint64("kind.uint64", 2**62)
    writer.add_int64("kind.int64", -2**62)
    writer.add_float32("kind.float32", 0.1)
    writer.add_float64("kind.float64", 0.1)
    writer.add_bool("kind.bool", True)
    writer.add_string("kind.string", "grüße 𝄞")
    writer.add_array("kind.strings", ["a", "", "▁b"])
    writer.add_array("kind.floats", [0.5, -1.5])
    writer.add_array("kind.ints", [1, -2, 3])
    for kind in READ:
        packed = random_blocks(kind, random)
        writer.add_tensor("packed." + kind.name, packed, raw_dtype=kind)
        writer.add_tensor("decoded." + kind.name, quants.dequantize(packed, kind))
    for kind in (T.Q8_0, T.Q4_0):
        values = values_to_encode(random)
        writer.add_tensor("values." + kind.name, values)
        writer.add_tensor("encoded." + kind.name, quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print("gguf", version("gguf"), "numpy", np.__version__, path, path.stat().st_size)


main()
