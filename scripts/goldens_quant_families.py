"""Quantises goldens/gpt2-tiny, mixtral-tiny and qwen3-moe-tiny with Transformers and bitsandbytes on the CPU.

Run scripts/goldens_gpt2_moe.py first. Writes goldens/quant/<family>-<format>: the folders Transformers saves, with logits.
Of models of experts, Transformers 5 packs the linear layers around the experts, which are parameters that stack many matrices
and stay as they are. Weights of Conv1D are packed as `[out, in]`. bitsandbytes is corrected as in goldens_quant_models.py.
"""

import json
import os
import shutil

import bitsandbytes
import torch
from transformers import AutoModelForCausalLM

from goldens import repeatable, write_json, write_tensors
from goldens_quant_models import CONFIGS, FOLDER, QUANT, logits_unpacked, scaled, unpacked

FAMILIES = {
    "gpt2-nf4": ("gpt2-tiny", "nf4"), "gpt2-int8": ("gpt2-tiny", "int8"),
    "mixtral-nf4": ("mixtral-tiny", "nf4"), "qwen3-moe-nf4": ("qwen3-moe-tiny", "nf4"),
}


def load(folder, config=None):
    extra = {} if config is None else {"quantization_config": config}
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", device_map="cpu", **extra)
    for module in model.modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            module.support_avx512bf16_for_cpu = False
    return model


def main():
    repeatable(36)
    library = torch.library.Library("bitsandbytes", "IMPL")
    library.impl("dequantize_4bit", unpacked, "CPU", allow_override=True)
    library.impl("int8_mm_dequant", scaled, "CPU")
    os.chdir(FOLDER)
    for name, (source, form) in FAMILIES.items():
        folder = QUANT / name
        shutil.rmtree(folder, ignore_errors=True)
        sequences = json.loads((FOLDER / source / "logits.json").read_text())["sequences"]
        model = load(source, CONFIGS[form])
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        expected = logits_unpacked(model, sequences)
        packed = sorted(n for n, m in model.named_modules() if isinstance(
            m, (bitsandbytes.nn.Linear4bit, bitsandbytes.nn.Linear8bitLt)))
        write_tensors(folder / "logits.safetensors", expected)
        write_json(folder / "logits.json", {
            "made_by": "scripts/goldens_quant_families.py", "bitsandbytes": bitsandbytes.__version__,
            "sequences": sequences, "packed": packed})
        again = logits_unpacked(load(folder), sequences)
        apart = max((again[key] - expected[key]).abs().max().item() for key in expected if key.startswith("logits"))
        print(name, len(packed), "packed, read again differs by", apart)


if __name__ == "__main__":
    main()
