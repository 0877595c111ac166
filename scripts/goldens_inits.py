"""Makes reference values for adapters that begin as a part of the base weights: goldens/inits/.

Run scripts/goldens_llama.py first. For PiSSA and OLoRA, PEFT 0.21 starts, trains 20 steps
and converts the adapter to one of the untouched base. Recorded are B·A of the start, the training, the logits after it,
and the settings of the converted adapter; pissa-unconverted/ is an adapter that was saved without conversion.

LoftQ: PEFT moves weights to CUDA before anything else, so its one step (`_loftq_init_new`: the largest singular values of
what NF4 takes away) is repeated here on the CPU. Numbers are unpacked by hand, `code[index]·absmax`, for
dequantize_4bit of bitsandbytes 0.50.2 gives others for these matrices on the CPU.
"""

import copy
import json
import os
import shutil

import bitsandbytes.functional as bnb
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils.loftq_utils import _low_rank_decomposition
from transformers import LlamaForCausalLM

from goldens import FOLDER, logits_of, repeatable, write_json, write_tensors
from goldens_train import documents, train

INITS = FOLDER / "inits"
SEQUENCE = torch.randint(0, 97, (21,), generator=torch.Generator().manual_seed(24)).tolist()
LAYERS = ("model.layers.0.self_attn.q_proj", "model.layers.2.mlp.down_proj")
RUNS = {
    "pissa": dict(r=4, lora_alpha=8),
    "olora": dict(r=4, lora_alpha=6, use_rslora=True),
}


def base():
    return LlamaForCausalLM.from_pretrained("llama-tiny", dtype=torch.float32, attn_implementation="eager")


def run(init, settings, tensors, batch):
    repeatable(51)
    config = LoraConfig(target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=init, **copy.deepcopy(settings))
    model = get_peft_model(base(), config)
    for layer in LAYERS:
        module = model.get_submodule(f"base_model.model.{layer}")
        a, b = module.lora_A["default"].weight, module.lora_B["default"].weight
        tensors[f"{init}.{layer}"] = b @ a
    temporary = INITS / "tmp"
    model.peft_config["default"].init_lora_weights = True
    model.save_pretrained(temporary / "start")
    model.peft_config["default"].init_lora_weights = init
    rate = 2e-3
    history = train(model, batch, rate)
    tensors[f"{init}.logits"] = logits_of(model, [SEQUENCE])["logits.0"]
    model.save_pretrained(temporary / "end", path_initial_model_for_weight_conversion=str(temporary / "start"))
    converted = json.loads((temporary / "end/adapter_config.json").read_text())
    if init == "pissa":
        model.save_pretrained(INITS / "pissa-unconverted")
        (INITS / "pissa-unconverted/README.md").unlink()
    again = PeftModel.from_pretrained(base(), temporary / "end")
    apart = (logits_of(again, [SEQUENCE])["logits.0"] - tensors[f"{init}.logits"]).abs().max().item()
    shutil.rmtree(temporary)
    return {
        "settings": settings, "base": "llama-tiny", "peak_learning_rate": rate,
        **{key: history[key] for key in ("loss", "gradient_norm", "learning_rate", "loss_after_training")},
        "converted": {key: converted[key] for key in ("r", "lora_alpha", "init_lora_weights", "use_rslora")},
        "converted_logits_differ_by": apart,
    }


def loftq(tensors, rank):
    model = base()
    for layer in LAYERS:
        weight = model.get_submodule(layer).weight.data
        packed, state = bnb.quantize_4bit(weight, blocksize=64, quant_type="nf4", compress_statistics=False)
        indices = torch.stack([packed.flatten() >> 4, packed.flatten() & 15], 1).flatten().long()
        lost = weight - (state.code[indices].view(-1, 64) * state.absmax[:, None]).view(weight.shape)
        found = _low_rank_decomposition(lost, reduced_rank=rank)
        tensors[f"loftq.{layer}"] = found["L"] @ found["R"]


def main():
    torch.set_num_threads(1)
    os.chdir(FOLDER)
    tensors = {"ids": torch.tensor(SEQUENCE)}
    batch = documents()
    runs = {init: run(init, settings, tensors, batch) for init, settings in RUNS.items()}
    loftq(tensors, 4)
    write_tensors(INITS / "inits.safetensors", tensors)
    write_json(INITS / "inits.json", {"made_by": "scripts/goldens_inits.py", "runs": runs, "loftq": {"r": 4}})


if __name__ == "__main__":
    main()
