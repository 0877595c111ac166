"""Makes reference values for adapters on quantised bases and for LLM.int8()'s products: below goldens/quant/.

Run scripts/goldens_llama.py, goldens_train.py and goldens_quant_models.py first. Writes
    dora/                  dora.json, and for nf4 and int8 adapter-init, adapter-final: 20 steps of DoRA by PEFT on the folders
                           that goldens_quant_models.py made
    loftq.safetensors      for two layers of llama-tiny what `peft.utils.loftq_utils.loftq_init` gives in 4 and 8 bits after 1
                           and 5 iterations: the base it leaves (`bits.iterations.layer.base`) and `L·R` (`.product`)
    int8-products.safetensors   products of `MatMul8bitLt` with outliers in some columns, thresholds 6 and 0, and the gradients
                           of their inputs

bitsandbytes' CPU build is corrected as in goldens_quant_models.py. PEFT's loftq_init names CUDA as its device; here its
source runs with the CPU in that place. Of the 20 steps in 8 bits both libraries multiply with the unpacked weight, as
bitsandbytes does on a CPU while it trains.
"""

import inspect
import os
import shutil

import bitsandbytes
import bitsandbytes.functional as functional
import peft.tuners.lora.dora
import torch
from bitsandbytes.autograd._functions import MatMul8bitLt, MatmulLtState
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import integrations, loftq_utils
from transformers import LlamaForCausalLM

import goldens_train
from goldens import repeatable, write_json, write_tensors
from goldens_quant_models import FOLDER, QUANT, load, scaled, unpacked
from goldens_train import differences, documents, save_adapter, train

LAYERS = ("model.layers.0.self_attn.q_proj", "model.layers.2.mlp.down_proj")


def keep_rows(model):
    """PEFT unpacks 8-bit weights for DoRA's norms in a way that loses their scales on a CPU."""
    kept = {}
    for module in model.modules():
        if isinstance(module, bitsandbytes.nn.Linear8bitLt):
            kept[module] = functional.int8_vectorwise_dequant(module.weight.data.clone(), module.weight.SCB.clone())
    original = integrations.dequantize_module_weight
    peft.tuners.lora.dora.dequantize_module_weight = lambda module: kept[module] if module in kept else original(module)


def dora(name, batch):
    repeatable(34)
    learning_rate = 1e-2
    config = LoraConfig(
        r=4, lora_alpha=8, target_modules="all-linear", bias="none", lora_dropout=0.0, task_type="CAUSAL_LM", use_dora=True)
    base = load(f"quant/{name}")
    keep_rows(base)
    model = get_peft_model(base, config)
    folder = QUANT / "dora" / name
    save_adapter(model, folder / "adapter-init")
    history = train(model, batch, learning_rate)
    save_adapter(model, folder / "adapter-final")
    adapter = {n: p for n, p in model.named_parameters() if p.requires_grad}
    errors = {}
    if name == "nf4":
        exact = PeftModel.from_pretrained(load(f"quant/{name}"), folder / "adapter-init", is_trainable=True).double()
        for module in exact.modules():
            if isinstance(module, bitsandbytes.nn.Linear4bit):
                module.compute_dtype, module.compute_type_is_set = torch.float64, True
        exact_history = train(exact, batch, learning_rate)
        exact_adapter = {n: p for n, p in exact.named_parameters() if p.requires_grad}
        errors = differences(history, exact_history, adapter, exact_adapter)
    print("dora", name, history["loss"][0], "->", history["loss_after_training"], "float64 differs by", errors)
    return {"peak_learning_rate": learning_rate, **history, "float64_differs_by": errors}


def loftq_on_the_cpu():
    source = inspect.getsource(loftq_utils.loftq_init).replace('else "cuda"', 'else "cpu"')
    names = dict(vars(loftq_utils))
    exec(source, names)
    return names["loftq_init"]


def loftq(rank):
    loftq_init, tensors = loftq_on_the_cpu(), {}
    model = LlamaForCausalLM.from_pretrained("llama-tiny", dtype=torch.float32)
    for bits in (4, 8):
        for iterations in (1, 5):
            for layer in LAYERS[:1] if bits == 8 else LAYERS:
                weight = model.get_submodule(layer).weight.data
                base, a, b = loftq_init(weight, bits, rank, iterations)
                key = f"{bits}.{iterations}.{layer}"
                tensors[f"{key}.base"], tensors[f"{key}.product"] = base, b @ a
                print("loftq", key, "error", (weight - base - b @ a).norm().item(), "of", (weight - base).norm().item())
    write_tensors(QUANT / "loftq.safetensors", tensors)


def products():
    generator = torch.Generator().manual_seed(35)
    out, width, tensors = 23, 70, {}
    weight = torch.randn(out, width, generator=generator) * 0.3
    codes, scales, _ = functional.int8_vectorwise_quant(weight.half())
    tensors |= {"weight": weight, "codes": codes, "scales": scales}
    for rows in (1, 9):
        x = torch.randn(rows, width, generator=generator)
        x[0, 3], x[0, 41], x[rows - 1, 69], x[rows // 2, 41] = 6.0, -31.5, 7.25, 9.0
        x[rows // 2, 12] = 5.996
        back = torch.randn(rows, out, generator=generator)
        tensors |= {f"{rows}.x": x, f"{rows}.dy": back}
        for threshold in (6.0, 0.0):
            state = MatmulLtState()
            state.CB, state.SCB, state.threshold, state.has_fp16_weights = codes, scales, threshold, False
            leaf = x.clone().requires_grad_()
            y = MatMul8bitLt.apply(leaf, codes, None, None, state)
            y.backward(back)
            tensors |= {f"{rows}.{threshold:g}.y": y, f"{rows}.{threshold:g}.dx": leaf.grad}
    write_tensors(QUANT / "int8-products.safetensors", tensors)


def main():
    repeatable(31)
    library = torch.library.Library("bitsandbytes", "IMPL")
    library.impl("dequantize_4bit", unpacked, "CPU", allow_override=True)
    library.impl("int8_mm_dequant", scaled, "CPU")
    os.chdir(FOLDER)
    shutil.rmtree(QUANT / "dora", ignore_errors=True)
    products()
    loftq(4)
    batch = documents()
    write_json(QUANT / "dora" / "dora.json", {
        "made_by": "scripts/goldens_quant_adapters.py", "bitsandbytes": bitsandbytes.__version__,
        "documents": "as in goldens/train/train.json", "steps": goldens_train.STEPS,
        "runs": {name: dora(name, batch) for name in ("nf4", "int8")}})


if __name__ == "__main__":
    main()
