"""Checks that Transformers and bitsandbytes read a quantised model Graft wrote: check_quantised.py FOLDER...

Each FOLDER is a model with quantization_config, and in it logits.safetensors: pairs of `ids.N` [time] and `logits.N`
[time, vocab], computed with the weights unpacked (as in a training pass). Everything is float32 on the CPU. Prints the
largest difference of each, and exits with 1 when one is above the tolerance.

bitsandbytes' own CPU kernel for unpacking 4 bits is used only where rows are whole blocks; with others it takes the scales
of the wrong blocks (0.50.2), and `goldens_quant_models.unpacked` stands in for it.
"""

import sys
from pathlib import Path

import bitsandbytes
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from goldens_quant_models import logits_unpacked, unpacked

TOLERANCE = 1e-4


def rows_are_whole_blocks(model):
    layers = [m for m in model.modules() if isinstance(m, bitsandbytes.nn.Linear4bit)]
    return all(m.in_features % m.weight.quant_state.blocksize == 0 for m in layers)


def largest_difference(folder, stand_in):
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", device_map="cpu")
    quantised = [m for m in model.modules() if isinstance(m, (bitsandbytes.nn.Linear4bit, bitsandbytes.nn.Linear8bitLt))]
    assert quantised, f"{folder}: Transformers found no quantised layer"
    for module in quantised:
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            module.support_avx512bf16_for_cpu = False
    if not rows_are_whole_blocks(model):
        stand_in()
    expected = load_file(folder / "logits.safetensors")
    count = sum(name.startswith("ids.") for name in expected)
    computed = logits_unpacked(model, [expected[f"ids.{n}"].tolist() for n in range(count)])
    return len(quantised), max((computed[f"logits.{n}"] - expected[f"logits.{n}"]).abs().max().item() for n in range(count))


def main():
    torch.set_num_threads(1)
    replaced = []

    def stand_in():
        if not replaced:
            replaced.append(torch.library.Library("bitsandbytes", "IMPL"))
            replaced[0].impl("dequantize_4bit", unpacked, "CPU", allow_override=True)

    failed = False
    for folder in map(Path, sys.argv[1:]):
        layers, difference = largest_difference(folder, stand_in)
        failed |= not difference <= TOLERANCE
        print(f"{folder.name}: {layers} quantised layers, largest difference {difference:.2e}")
    sys.exit(1 if failed or len(sys.argv) < 2 else 0)


if __name__ == "__main__":
    main()
