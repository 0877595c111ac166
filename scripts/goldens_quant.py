"""Makes the reference values of the quantised formats: goldens/quant/formats.safetensors and formats.json.

Where bitsandbytes' CPU build means the same as its CUDA kernels, the values come from it (quantize_4bit,
int8_vectorwise_quant, create_dynamic_map …). Where the two differ, from `Cuda` below, a numpy emulation of
csrc/kernels.cu in IEEE arithmetic; the script says how often the CPU build differs. It differs in

- blocks whose largest magnitude is zero or subnormal: CUDA writes code 0 and (flushing subnormals) absmax 0,
  the CPU another code, and 1e-38 for a last, partial block;
- four of NF4's bounds, by one unit in the last place;
- a last, partial block: CUDA multiplies by the reciprocal, the CPU divides;
- FP4: CUDA compares with constants that are not the midpoints, and its table has more digits than the CPU's fallback;
- 8-bit maps: CUDA takes the nearest code (at a tie the even one), the CPU looks in a table of 65,536 bins.

Not followed: CUDA is compiled with fast-math, so that its reciprocal may be one unit in the last place off IEEE's and
is flushed to zero for blocks beyond 8.5e37.
The offset of double quantisation is the mean of absmax; torch's depends on thread count and vector width in its last
bits, so here it is the mean in float64, rounded once.
"""

import hashlib

import bitsandbytes
import bitsandbytes.functional as F
import numpy as np
import torch

from goldens import FOLDER, write_json, write_tensors

torch.set_num_threads(1)
QUANT = FOLDER / "quant"
f32 = np.float32

# as in the shipped CUDA libraries; nvcc rounds the decimals of the source once, so that four of them are one unit in
# the last place off the midpoints of the table in float32, which the CPU uses
NF4_BOUNDS = np.array([
    0xbf591cd9, 0xbf1c5270, 0xbeeb8480, 0xbeadea76, 0xbe703cec, 0xbe0d38bc, 0xbd3a7871, 0x3d22faff, 0x3df64863,
    0x3e5067e0, 0x3e9582d4, 0x3ec753f9, 0x3f006d03, 0x3f248daf, 0x3f5c89d9], dtype=np.uint32).view(f32)
FP4_BOUNDS = np.array([0.00260417, 0.0859375, 0.20833333, 0.29166667, 0.4166667, 0.583333, 0.8333333], dtype=f32)
FP4_CODES = np.array([0b000, 0b001, 0b110, 0b111, 0b100, 0b101, 0b010, 0b011])
FP4_LUT = np.array([0, 0.005208333333, 0.66666667, 1, 0.33333333, 0.5, 0.16666667, 0.25], dtype=f32)
NF4_LUT = F.get_4bit_type("nf4", device="cpu").numpy()
TABLES = {"nf4": NF4_LUT, "fp4": np.concatenate([FP4_LUT, FP4_LUT * f32(-1)])}


class Cuda:
    """csrc/kernels.cu, one block at a time."""

    @staticmethod
    def blocks(flat, blocksize, code_of):
        codes, absmax = [], []
        for start in range(0, len(flat), blocksize):
            block = flat[start:start + blocksize]
            largest = np.abs(block).max()
            if largest < np.finfo(f32).tiny:  # flushed to zero: 0 * inf is no number, every comparison is false
                codes.append(np.zeros(len(block), dtype=np.int64))
                absmax.append(f32(0))
            else:
                codes.append(code_of(block * (f32(1) / largest)))
                absmax.append(largest)
        return np.concatenate(codes), np.array(absmax, dtype=f32)

    @staticmethod
    def nf4(x):
        return (x[:, None] > NF4_BOUNDS).sum(axis=1)

    @staticmethod
    def fp4(x):
        return FP4_CODES[(np.abs(x)[:, None] > FP4_BOUNDS).sum(axis=1)] + np.where(x < 0, 8, 0)

    @staticmethod
    def pack(codes, odd_pad):
        if len(codes) % 2:
            codes = np.append(codes, odd_pad)
        return (codes[0::2] << 4 | codes[1::2]).astype(np.uint8)

    @staticmethod
    def four_bit(flat, blocksize, kind):
        codes, absmax = Cuda.blocks(flat, blocksize, getattr(Cuda, kind))
        pad = 0 if absmax[-1] == 0 else {"nf4": 7, "fp4": 0}[kind]  # the code of the zero that fills the last byte
        return Cuda.pack(codes, pad), absmax

    @staticmethod
    def search(x, code):
        """dQuantize<0>: 7 halving steps, then the nearer neighbour."""
        pivot, upper_pivot, lower_pivot = 127, 255, 0
        lower, upper, value = f32(-1), f32(1), code[127]
        for step in (64, 32, 16, 8, 4, 2, 1):
            if x > value:
                lower_pivot, lower = pivot, value
                pivot += step
            else:
                upper_pivot, upper = pivot, value
                pivot -= step
            value = code[pivot]
        if upper_pivot == 255:
            upper = code[255]
        if lower_pivot == 0:
            lower = code[0]
        if x > value:
            return upper_pivot if x > (upper + value) * f32(0.5) else pivot
        return lower_pivot if x < (lower + value) * f32(0.5) else pivot

    @staticmethod
    def eight_bit(flat, blocksize, code):
        return Cuda.blocks(flat, blocksize, lambda xs: np.array([Cuda.search(x, code) for x in xs], dtype=np.int64))


def dequantised_4bit(packed, absmax, n, blocksize, kind):
    codes = np.stack([packed >> 4, packed & 15], axis=1).reshape(-1)[:n]
    return TABLES[kind][codes] * np.repeat(absmax, blocksize)[:n]


def digests(values):
    """SHA-256 of float32 values and of the same rounded to bfloat16."""
    wide = torch.from_numpy(np.ascontiguousarray(values))
    return {
        "F32": hashlib.sha256(wide.numpy().tobytes()).hexdigest(),
        "BF16": hashlib.sha256(wide.bfloat16().view(torch.int16).numpy().tobytes()).hexdigest(),
    }


def inputs():
    g = torch.Generator().manual_seed(5)
    normal = lambda *shape: torch.randn(*shape, generator=g)
    with_zero_block = normal(199)
    with_zero_block[64:128] = 0
    outlier = normal(300) * 0.02
    outlier[77] = -9.5
    nf4_ties = torch.cat([torch.tensor([1.0, -1.0]), torch.from_numpy(NF4_BOUNDS), torch.from_numpy(NF4_LUT)])
    near = torch.from_numpy(np.concatenate([np.nextafter(NF4_BOUNDS, f32(2)), np.nextafter(NF4_BOUNDS, f32(-2))]))
    fp4_bounds = torch.from_numpy(FP4_BOUNDS)
    midpoints = torch.from_numpy((TABLES["fp4"][FP4_CODES][1:] + TABLES["fp4"][FP4_CODES][:-1]) / f32(2))
    fp4_ties = torch.cat([torch.tensor([1.0]), fp4_bounds, -fp4_bounds, midpoints, -midpoints, torch.tensor([-0.0])])
    return {
        "matrix": normal(24, 40),
        "odd_matrix": normal(5, 13),
        "one": normal(1), "seven": normal(7), "sixty_three": normal(63), "sixty_five": normal(65),
        "constant": torch.full((130,), 0.3), "negative_constant": torch.full((67,), -2.5),
        "zero": torch.zeros(129),
        "zero_block": with_zero_block,
        "zero_tail": torch.cat([normal(64), torch.zeros(3)]),
        "tiny": normal(150) * 1e-35,
        "subnormal_block": torch.cat([normal(64), torch.tensor([1e-40, -3e-39, 0.0, 1e-45]), torch.zeros(60), normal(5)]),
        "huge": torch.clamp(normal(150) * 1e38, -3.3e38, 3.3e38),
        "outlier": outlier,
        "nf4_ties": torch.cat([nf4_ties, near]), "fp4_ties": fp4_ties,
        "bfloat16": normal(10, 64).bfloat16(),
        "float16": normal(9, 71).half(),
        "long": (normal(9700) * 0.02).bfloat16(),
    }


def four_bit(name, x, blocksize, kind, tensors):
    flat = x.float().numpy().reshape(-1)
    packed, absmax = Cuda.four_bit(flat, blocksize, kind)
    theirs, state = F.quantize_4bit(x, blocksize=blocksize, quant_type=kind)
    theirs = theirs.numpy().reshape(-1)
    key = f"{name}.{kind}.{blocksize}"
    case = {"input": name, "format": kind, "block": blocksize,
            "cpu_bytes_differ": int((theirs != packed).sum()),
            "cpu_absmax_differ": int((state.absmax.numpy() != absmax).sum())}
    subnormal = bool((absmax == 0).any())
    if kind == "nf4" and not subnormal and len(flat) % blocksize == 0:
        assert case["cpu_bytes_differ"] == case["cpu_absmax_differ"] == 0, key
    values = dequantised_4bit(packed, absmax, len(flat), blocksize, kind)
    case["dequantised"] = digests(values)
    if kind == "nf4" and len(flat) % 2 == 0 and x.dim() == 1:
        state.absmax = torch.from_numpy(absmax)
        state.dtype = torch.float32
        got = F.dequantize_4bit(torch.from_numpy(packed)[:, None], state).numpy().reshape(-1)
        assert np.array_equal(got, values), key
    tensors[key] = torch.from_numpy(packed)
    tensors[key + ".absmax"] = torch.from_numpy(absmax)
    return case


def doubled(name, x, blocksize, kind, tensors):
    flat = x.float().numpy().reshape(-1)
    packed, absmax = Cuda.four_bit(flat, blocksize, kind)
    offset = f32(np.mean(absmax.astype(np.float64)))
    torchs = float(torch.from_numpy(absmax).mean())
    # torch adds in float32, which overflows for the huge ones
    assert not np.isfinite(torchs) or abs(torchs - float(offset)) <= 4 * np.spacing(offset), (name, torchs, offset)
    code = F.create_dynamic_map(signed=True).numpy()
    codes, nested = Cuda.eight_bit(absmax - offset, 256, code)
    restored = code[codes] * np.repeat(nested, 256)[:len(codes)] + offset
    key = f"{name}.{kind}.{blocksize}.double"
    tensors[key + ".absmax"] = torch.from_numpy(codes.astype(np.uint8))
    tensors[key + ".nested_absmax"] = torch.from_numpy(nested)
    return {"input": name, "format": kind, "block": blocksize, "double": True, "offset": float(offset),
            "dequantised": digests(dequantised_4bit(packed, restored, len(flat), blocksize, kind))}


def eight_bit(name, x, blocksize, signed, tensors):
    flat = x.float().numpy().reshape(-1)
    if not signed:
        flat = np.abs(flat)
    code = F.create_dynamic_map(signed=signed).numpy()
    codes, absmax = Cuda.eight_bit(flat, blocksize, code)
    theirs, state = F.quantize_blockwise(torch.from_numpy(flat), code=torch.from_numpy(code), blocksize=blocksize)
    kind = "dynamic8" if signed else "udynamic8"
    key = f"{name}.{kind}.{blocksize}"
    tensors[key] = torch.from_numpy(codes.astype(np.uint8))
    tensors[key + ".absmax"] = torch.from_numpy(absmax)
    return {"input": name, "format": kind, "block": blocksize,
            "cpu_bytes_differ": int((theirs.numpy() != codes).sum()),
            "dequantised": digests(code[codes] * np.repeat(absmax, blocksize)[:len(codes)])}


def int8_rows(name, x, tensors):
    half = x.half()
    codes, scales, _ = F.int8_vectorwise_quant(half.clone())
    codes[scales == 0] = 0  # 0 * inf converts to 0 on CUDA
    values = F.int8_vectorwise_dequant(codes, scales).numpy()
    key = f"{name}.int8"
    tensors[key] = codes
    tensors[key + ".absmax"] = scales
    return {"input": name, "format": "int8", "dequantised": digests(values)}


def affine():
    """torch's own affine 8-bit numbers, for a whole tensor and for each row."""
    from torch.ao.quantization import MinMaxObserver, PerChannelMinMaxObserver
    x = torch.randn(6, 25, generator=torch.Generator().manual_seed(7)) + 0.3
    x[4] = x[4].abs()
    whole, rows = MinMaxObserver(dtype=torch.qint8), PerChannelMinMaxObserver(ch_axis=0, dtype=torch.qint8)
    (scale, zero), (scales, zeros) = (o.calculate_qparams() for o in (whole, rows) if o(x) is not None)
    per_tensor = torch.quantize_per_tensor(x, float(scale), int(zero), torch.qint8)
    per_row = torch.quantize_per_channel(x, scales, zeros, 0, torch.qint8)
    described = lambda q, s, z: {"codes": q.int_repr().reshape(-1).tolist(), "scale": s.reshape(-1).tolist(),
                                 "zero_point": z.reshape(-1).tolist()}
    return {"input": x.reshape(-1).tolist(), "per_tensor": described(per_tensor, scale, zero),
            "per_row": described(per_row, scales, zeros)}


def main():
    tensors, cases, given = {}, [], inputs()
    for name, x in given.items():
        tensors["input." + name] = x
        blocks = (64,) if name != "long" else (32, 64, 128, 256, 512, 1024, 2048, 4096)
        for kind in ("nf4", "fp4"):
            cases += [four_bit(name, x, block, kind, tensors) for block in blocks]
            cases += [doubled(name, x, block, kind, tensors) for block in blocks[:1]]
        for signed in (True, False):
            cases += [eight_bit(name, x, block, signed, tensors) for block in ((256, 4096) if name == "long" else (64,))]
    code = torch.from_numpy(F.create_dynamic_map(signed=True).numpy())
    ties = torch.cat([code, (code[1:] + code[:-1]) / 2])
    tensors["input.dynamic8_ties"] = ties
    cases += [eight_bit("dynamic8_ties", ties, 4096, True, tensors)]
    rows = torch.cat([torch.randn(6, 37, generator=torch.Generator().manual_seed(6)), torch.zeros(1, 37)])
    rows[2, 5], rows[3] = 60.0, 0.25
    tensors["input.rows"] = rows
    for name in ("rows", "matrix", "odd_matrix", "bfloat16", "float16"):
        cases.append(int8_rows(name, tensors["input." + name], tensors))
    for kind in ("nf4", "fp4"):
        tensors["map." + kind] = torch.from_numpy(F.get_4bit_type(kind, device="cpu").numpy())
    tensors["map.dynamic8"] = F.create_dynamic_map(signed=True)
    tensors["map.udynamic8"] = F.create_dynamic_map(signed=False)
    write_tensors(QUANT / "formats.safetensors", tensors)
    write_json(QUANT / "formats.json", {"bitsandbytes": bitsandbytes.__version__, "numpy": np.__version__, "cases": cases,
                                       "affine": affine()})
    differing = [c for c in cases if c.get("cpu_bytes_differ")]
    print(len(cases), "cases;", len(differing), "where the CPU build writes other bytes:")
    for c in differing:
        print(" ", c["input"], c["format"], c["block"], c["cpu_bytes_differ"])


if __name__ == "__main__":
    main()
