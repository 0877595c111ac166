"""Quantises goldens/llama-tiny with Transformers and bitsandbytes on the CPU, and trains LoRA on it with PEFT.

Run scripts/goldens_llama.py and goldens_train.py first. Writes, below goldens/quant/:
    nf4/ nf4-double/ fp4/ int8/   the folders Transformers saves, and logits (of int8 twice: with the weights unpacked, as
                                  bitsandbytes trains on a CPU, and with LLM.int8()'s product, as `int8.N`)
    train/                        train.json, and for nf4 and nf4-double adapter-init, adapter-final: 20 steps as in
                                  goldens_train.py
Unpacking is `unpacked` below instead of bitsandbytes 0.50.2's own CPU kernel, which takes the scales of other blocks when
a row is no multiple of the block (48 here, blocks of 64) and, in its fallback, an FP4 table of four digits.
LLM.int8()'s product is scaled by CUDA's constant for 1/127², 6.200012e-05, instead of the CPU's 6.200124e-05.
Kernels that compute in bfloat16 whatever they are asked for (bitsandbytes' repacked weights for AVX-512 processors) are
switched off, so that everything is float32. One input of the int8 run passes the threshold of 6 in each of its rows.
"""

import math
import os
import shutil

import bitsandbytes
import bitsandbytes.functional as functional
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import BitsAndBytesConfig, LlamaForCausalLM

import goldens_train
from goldens import FOLDER, logits_of, repeatable, write_json, write_tensors
from goldens_llama import random_sequences
from goldens_train import differences, documents, save_adapter, train

QUANT = FOLDER / "quant"
FOUR = dict(load_in_4bit=True, bnb_4bit_compute_dtype=torch.float32)
CONFIGS = {
    "nf4": BitsAndBytesConfig(**FOUR, bnb_4bit_quant_type="nf4"),
    "nf4-double": BitsAndBytesConfig(**FOUR, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True),
    "fp4": BitsAndBytesConfig(**FOUR, bnb_4bit_quant_type="fp4"),
    "int8": BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=3.0),
}


def unpacked(codes, absmax, blocksize, quant_type, shape, dtype):
    """`value of code * absmax`, block after block of the whole tensor, as on CUDA."""
    halves = torch.stack([codes.reshape(-1) >> 4, codes.reshape(-1) & 15], dim=1).reshape(-1).long()
    table = functional.get_4bit_type(quant_type, device="cpu")
    size = math.prod(shape)
    return (table[halves][:size] * absmax.repeat_interleave(blocksize)[:size]).reshape(shape).to(dtype)


def scaled(sums, row_scales, column_scales, dtype=None, bias=None):
    """`int8_mm_dequant` with CUDA's constant."""
    out = sums * (row_scales.reshape(-1, 1) * column_scales.reshape(1, -1)) * 6.200012e-05
    return (out if bias is None else out + bias).to(dtype or torch.float16)


def load(folder, config=None):
    extra = {} if config is None else {"quantization_config": config}
    model = LlamaForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", device_map="cpu", **extra)
    for module in model.modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            module.support_avx512bf16_for_cpu = False
    return model


def logits_unpacked(model, sequences):
    """As while training: a Linear8bitLt in training mode unpacks its weight."""
    for module in model.modules():
        if isinstance(module, bitsandbytes.nn.Linear8bitLt):
            module.state.is_training = True
    model.eval()
    for module in model.modules():
        if isinstance(module, bitsandbytes.nn.Linear8bitLt):
            module.training = True
    tensors = {}
    with torch.no_grad():
        for n, ids in enumerate(sequences):
            tensors[f"ids.{n}"] = torch.tensor(ids)
            tensors[f"logits.{n}"] = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    return tensors


def quantised(name, sequences):
    model = load("llama-tiny", CONFIGS[name])
    folder = QUANT / name
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    expected = logits_unpacked(model, sequences)
    if name == "int8":
        own = logits_of(model, sequences)
        expected |= {k.replace("logits", "int8"): v for k, v in own.items() if k.startswith("logits")}
    write_tensors(folder / "logits.safetensors", expected)
    write_json(folder / "logits.json", {"bitsandbytes": bitsandbytes.__version__, "sequences": sequences})
    again = logits_unpacked(load(folder), sequences)
    for key, value in again.items():
        assert torch.equal(value, expected[key]), (name, key)


def qlora(name, batch):
    repeatable(33)
    learning_rate = 1e-2
    model = get_peft_model(load(f"quant/{name}"), LoraConfig(
        r=4, lora_alpha=8, target_modules="all-linear", bias="none", lora_dropout=0.0, task_type="CAUSAL_LM"))
    folder = QUANT / "train" / name
    save_adapter(model, folder / "adapter-init")
    history = train(model, batch, learning_rate)
    save_adapter(model, folder / "adapter-final")

    exact = PeftModel.from_pretrained(load(f"quant/{name}"), folder / "adapter-init", is_trainable=True).double()
    for module in exact.modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            module.compute_dtype, module.compute_type_is_set = torch.float64, True
    exact_history = train(exact, batch, learning_rate)
    adapter = {n: p for n, p in model.named_parameters() if p.requires_grad}
    exact_adapter = {n: p for n, p in exact.named_parameters() if p.requires_grad}
    errors = differences(history, exact_history, adapter, exact_adapter)
    print(name, history["loss"][0], "->", history["loss_after_training"], "float64 differs by", errors)
    return {"peak_learning_rate": learning_rate, **history, "float64_differs_by": errors}


def main():
    repeatable(31)
    library = torch.library.Library("bitsandbytes", "IMPL")
    library.impl("dequantize_4bit", unpacked, "CPU", allow_override=True)
    library.impl("int8_mm_dequant", scaled, "CPU")
    os.chdir(FOLDER)
    for name in (*CONFIGS, "train"):
        shutil.rmtree(QUANT / name, ignore_errors=True)
    sequences = random_sequences(32)
    for name in CONFIGS:
        quantised(name, sequences)
    batch = documents()
    runs = {name: qlora(name, batch) for name in ("nf4", "nf4-double")}
    write_json(QUANT / "train" / "train.json", {
        "made_by": "scripts/goldens_quant_models.py", "bitsandbytes": bitsandbytes.__version__,
        "documents": "as in goldens/train/train.json", "steps": goldens_train.STEPS, "runs": runs})


if __name__ == "__main__":
    main()
