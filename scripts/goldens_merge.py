"""Merges adapters with PEFT, to compare with: `merge_and_unload`, and its task arithmetic on true changes.

Run scripts/goldens_train.py and scripts/goldens_peft.py first. Writes goldens/merge/merged.safetensors with keys
`RUN|TENSOR`, where RUN is
    a run of goldens/peft                what merge_and_unload gives for its adapter-final in float32
    bfloat16                             the same for train/lora on the base in bfloat16
    linear, ties_total, ties_frequency   the change that peft.utils.merge_utils makes of train/lora and train/rslora
and goldens/merge/merge.json with the versions, weights and density.
"""

import json
import os

import torch
from peft import PeftModel
from peft.utils.merge_utils import task_arithmetic, ties
from safetensors import safe_open
from transformers import AutoModelForCausalLM

from goldens import FOLDER, write_json, write_tensors

RUNS = {
    "dora": ("model.layers.0.self_attn.k_proj.weight", "model.layers.1.mlp.down_proj.weight"),
    "patterns": ("model.layers.0.self_attn.q_proj.weight", "model.layers.1.mlp.up_proj.weight"),
    "bias_all": ("model.layers.0.self_attn.q_proj.bias", "model.layers.0.self_attn.q_proj.weight"),
    "lora_bias": ("model.layers.0.self_attn.q_proj.bias", "model.layers.0.self_attn.q_proj.weight"),
    "embeddings": ("model.embed_tokens.weight",),
    "embeddings_dora": ("model.embed_tokens.weight",),
    "saved": ("lm_head.weight",),
    "tokens": ("model.embed_tokens.weight",),
}
BFLOAT16 = ("model.layers.0.self_attn.q_proj.weight", "model.layers.2.mlp.down_proj.weight")
COMBINED = ("model.layers.0.self_attn.q_proj.weight", "model.layers.1.self_attn.v_proj.weight")
WEIGHTS, DENSITY = (0.7, -0.4), 0.3


def merged(base, adapter, dtype):
    model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype, attn_implementation="eager")
    return PeftModel.from_pretrained(model, adapter).merge_and_unload().state_dict()


def change(adapter, tensor):
    """`s·B·A` in float32."""
    config = json.loads((FOLDER / adapter / "adapter_config.json").read_text())
    scale = config["lora_alpha"] / (config["r"] ** 0.5 if config["use_rslora"] else config["r"])
    with safe_open(FOLDER / adapter / "adapter_model.safetensors", "pt") as file:
        stem = "base_model.model." + tensor.removesuffix(".weight")
        return scale * file.get_tensor(stem + ".lora_B.weight") @ file.get_tensor(stem + ".lora_A.weight")


def main():
    os.chdir(FOLDER)
    torch.set_num_threads(1)
    runs = json.loads((FOLDER / "peft/runs.json").read_text())["runs"]
    out = {}
    for name, tensors in RUNS.items():
        state = merged(runs[name]["base"], f"peft/{name}/adapter-final", torch.float32)
        for tensor in tensors:
            out[f"{name}|{tensor}"] = state[tensor].clone()
    state = merged("llama-tiny", "train/lora/adapter-final", torch.bfloat16)
    out.update({f"bfloat16|{tensor}": state[tensor].clone() for tensor in BFLOAT16})
    for tensor in COMBINED:
        both = [change(f"train/{run}/adapter-final", tensor) for run in ("lora", "rslora")]
        weights = torch.tensor(WEIGHTS)
        out[f"linear|{tensor}"] = task_arithmetic(both, weights)
        for signs in ("total", "frequency"):
            out[f"ties_{signs}|{tensor}"] = ties(both, weights, DENSITY, signs)
    (FOLDER / "merge").mkdir(exist_ok=True)
    write_tensors(FOLDER / "merge/merged.safetensors", out)
    write_json(FOLDER / "merge/merge.json", {
        "made_by": "scripts/goldens_merge.py",
        "weights": WEIGHTS, "density": DENSITY,
        "bases": {name: runs[name]["base"] for name in RUNS},
    })
    print({name: tuple(tensor.shape) for name, tensor in out.items()})


if __name__ == "__main__":
    main()
