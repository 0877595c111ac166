"""Makes goldens/optim8/: steps of 8-bit AdamW as bitsandbytes' CUDA kernel takes them, emulated in numpy.

The kernel (kOptimizerStatic8bit2StateBlockwise in csrc/kernels.cu of bitsandbytes 0.50) runs on CUDA only, so what it
does is written out here operation by operation in float32. Two things are exact here and approximate there: the
quotients (__fdividef) and the corrections (__powf in float32); products are not fused into sums.

Beside it, the same steps by AdamW8bit of bitsandbytes on the CPU, which decays before the update, has no care for the
sign of m, and packs by a table too coarse near zero: its results differ, and by how much is recorded.
"""

import bitsandbytes as bnb
import numpy as np
import torch
from safetensors.numpy import save_file

from goldens import FOLDER, write_json

F = np.float32
BLOCK = 256
SETTINGS = {"learning_rate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.1}


def code_of(x, code):
    """The binary search of the kernel, for all numbers at once."""
    pivot = np.full(x.shape, 127)
    lower, upper = np.zeros_like(pivot), np.full(x.shape, 255)
    for step in (64, 32, 16, 8, 4, 2, 1):
        above = x > code[pivot]
        lower = np.where(above, pivot, lower)
        upper = np.where(above, upper, pivot)
        pivot = np.where(above, pivot + step, pivot - step)
    above = x > code[pivot]
    to_upper = above & (x > (code[upper] + code[pivot]) * F(0.5))
    to_lower = ~above & (x < (code[lower] + code[pivot]) * F(0.5))
    return np.where(to_upper, upper, np.where(to_lower, lower, pivot)).astype(np.uint8)


def by_blocks(x, function):
    return np.concatenate([function(x[i:i + BLOCK]) for i in range(0, len(x), BLOCK)])


def step(p, g, state, count, signed, unsigned):
    m8, ms, v8, vs = state
    lr, b1, b2, eps, decay = SETTINGS.values()
    correct1, correct2 = 1 - b1 ** count, (1 - b2 ** count) ** 0.5
    rate, epsilon, keep = F(-lr * correct2 / correct1), F(eps * correct2), F(1 - lr * decay)
    b1, b2 = F(b1), F(b2)
    finite = np.isfinite(g)
    spread = lambda scales: np.repeat(scales, BLOCK)[:len(p)]
    v = unsigned[v8] * spread(vs) * b2 + (F(1) - b2) * g * g
    m = signed[m8] * spread(ms) * b1 + (F(1) - b1) * g
    v, m = np.where(finite, v, F(0)), np.where(finite, m, F(0))
    moved = (p + rate * (m / (np.sqrt(v) + epsilon))) * keep
    p = np.where(finite, moved, p)
    ms = by_blocks(m, lambda b: np.abs(b).max(keepdims=True))
    vs = by_blocks(v, lambda b: np.abs(b).max(keepdims=True))
    m8 = code_of(m / spread(ms), signed)
    v8 = code_of(v / spread(vs), unsigned)
    wrong = np.signbit(signed[m8]) != np.signbit(m)
    m8 = (m8.astype(int) + np.where(wrong, np.where(m > 0, 1, -1), 0)).astype(np.uint8)
    for x in (p, m, v, ms, vs):
        assert x.dtype == np.float32
    return p, (m8, ms, v8, vs)


def gradients(count, n, random):
    """Sizes over ten decades, two within a block; a block of zeros, one that falls silent, negative zeros, and broken
    numbers."""
    sizes = np.repeat(10.0 ** random.uniform(-8, 2, n // BLOCK + 1), BLOCK)[:n] * 10.0 ** random.uniform(-2, 0, n)
    sizes = sizes.astype(F)
    all_steps = []
    for i in range(count):
        g = (random.standard_normal(n) * sizes).astype(F)
        g[256:512] = 0
        g[300:400] = -0.0
        if i > 1:
            g[512:768] = 0
        if i == 1:
            g[5], g[6], g[n - 1] = np.nan, np.inf, -np.inf
        all_steps.append(g)
    return all_steps


def on_the_cpu(initial, all_steps):
    p = torch.from_numpy(initial.copy()).requires_grad_()
    optimizer = bnb.optim.AdamW8bit([p], lr=SETTINGS["learning_rate"], betas=(SETTINGS["beta1"], SETTINGS["beta2"]),
                                    eps=SETTINGS["epsilon"], weight_decay=SETTINGS["weight_decay"])
    for g in all_steps:
        p.grad = torch.from_numpy(np.nan_to_num(g, nan=0, posinf=0, neginf=0))
        optimizer.step()
    state = optimizer.state[p]
    unpacked = [bnb.functional.dequantize_blockwise(
        state[f"state{i}"], absmax=state[f"absmax{i}"], code=state[f"qmap{i}"], blocksize=BLOCK).numpy() for i in (1, 2)]
    return p.detach().numpy(), unpacked


def main():
    torch.set_num_threads(1)
    np.seterr(all="ignore")
    random = np.random.default_rng(5)
    count, n = 12, 4361
    code = bnb.functional.create_dynamic_map
    signed, unsigned = code(signed=True).numpy(), code(signed=False).numpy()
    p = random.standard_normal(n).astype(F)
    blocks = (n + BLOCK - 1) // BLOCK
    all_steps = gradients(count, n, random)
    tensors = {"initial": p}
    state = (np.zeros(n, np.uint8), np.zeros(blocks, F), np.zeros(n, np.uint8), np.zeros(blocks, F))
    for i, g in enumerate(all_steps):
        p, state = step(p, g, state, i + 1, signed, unsigned)
        tensors[f"gradient.{i}"] = g
        if i % 3 and i + 1 < count:
            continue  # every third state, and the last
        for name, tensor in zip(("m", "m_absmax", "v", "v_absmax"), state):
            tensors[f"{name}.{i}"] = tensor
    tensors["final"] = p
    cpu, (cpu_m, cpu_v) = on_the_cpu(tensors["initial"], all_steps)
    tensors["m_cpu"], tensors["v_cpu"] = cpu_m, cpu_v
    tensors["final_cpu"] = cpu
    folder = FOLDER / "optim8"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "steps.safetensors")
    apart = np.abs(cpu - p)[np.all(np.isfinite(all_steps), axis=0)]
    write_json(folder / "steps.json", {
        "made_by": "scripts/goldens_optim8.py", "numpy": np.__version__, "bitsandbytes": bnb.__version__,
        "settings": SETTINGS, "steps": count,
        "bitsandbytes_cpu_apart": {"largest": float(apart.max()), "median": float(np.median(apart)),
                                   "median_move": float(np.median(np.abs(p - tensors["initial"])))},
    })
    print("apart from bitsandbytes on the CPU: largest", apart.max(), "median", np.median(apart))


if __name__ == "__main__":
    main()
