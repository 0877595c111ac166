"""Times bitsandbytes' own CPU kernel that unpacks NF4, beside a copy of the bytes it reads and writes.

    python bench/peer_dequantise.py

The shapes and the bytes counted are those of QuantBenchmark. Needs torch and bitsandbytes.
"""

import os
import time

import bitsandbytes as bnb
import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit

ROUNDS = 9


def best(work):
    fastest = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        fastest = min(fastest, time.perf_counter() - began)
    return fastest


def measure(threads, cached, dtype, nested):
    torch.set_num_threads(threads)
    rows, columns, repeats = (256, 2048, 20) if cached else (8192, 2048, 1)
    values = (torch.arange(rows * columns) % 1013 - 506).to(dtype).view(rows, columns)
    codes, state = quantize_4bit(values, quant_type="nf4", compress_statistics=nested)
    scales = state.absmax.numel() * state.absmax.element_size() + (state.state2.absmax.numel() * 4 if nested else 0)
    size = codes.numel() * codes.element_size() + scales + values.numel() * values.element_size()
    half = size // 2
    buffer = torch.zeros(size, dtype=torch.uint8)

    def unpack():
        for _ in range(repeats):
            dequantize_4bit(codes, state)  # its CPU kernel takes no tensor to write to

    def copy():
        for _ in range(repeats):
            buffer[:half].copy_(buffer[half : 2 * half])

    unpacked, copied = best(unpack), best(copy)
    total = size * repeats / 1e9
    print(
        f"{threads} threads, {'in cache' if cached else 'from memory'}, to {dtype}{', double quantisation' if nested else ''}: "
        f"{total / unpacked:.1f} GB/s; copy {total / copied:.1f} GB/s; {copied / unpacked:.2f} of it"
    )


print(f"torch {torch.__version__}, bitsandbytes {bnb.__version__}, load average {os.getloadavg()[0]:.1f}")
for threads in (1, 2):
    for cached in (True, False):
        for dtype in (torch.bfloat16, torch.float32):
            for nested in (False, True):
                measure(threads, cached, dtype, nested)
print(f"load average {os.getloadavg()[0]:.1f}")
