"""Makes 20 training steps on goldens/llama-tiny to compare with: all weights, LoRA and rank-stabilised LoRA.

Run scripts/goldens_llama.py first. Writes, below goldens/:
    train/            train.json (settings, batch, losses, gradient norms, learning rates), full-final.safetensors
    train/lora/       adapter-init, adapter-final as PEFT saves them; logits.safetensors; merged.safetensors
    train/rslora/     adapter-init, adapter-final, logits.safetensors

Each run is repeated in float64; the differences are recorded as `float64_differs_by`, which is what a correct float32
implementation that adds in another order may differ by too.
"""

import os
import shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch.nn.utils import clip_grad_norm_
from transformers import LlamaForCausalLM, get_cosine_schedule_with_warmup

from goldens import FOLDER, NOT_LABELLED, logits_of, repeatable, write_json, write_tensors

STEPS, WARMUP_STEPS, MAX_NORM = 20, 2, 1.0
ADAMW = dict(betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
MERGED_MODULES = ("model.layers.0.self_attn.q_proj.weight", "model.layers.2.mlp.down_proj.weight")
TRAIN = FOLDER / "train"


def documents():
    """Three token sequences: all labelled, a prompt with its answer, and two labelled turns."""
    generator = torch.Generator().manual_seed(21)
    batch = []
    for length, labelled in ((5, [(0, 5)]), (12, [(5, 12)]), (20, [(4, 9), (15, 20)])):
        ids = torch.randint(0, 97, (length,), generator=generator)
        labels = torch.full_like(ids, NOT_LABELLED)
        for start, end in labelled:
            labels[start:end] = ids[start:end]
        batch.append((ids, labels))
    return batch


def loss_of(model, batch):
    """Mean over the labelled tokens of the whole batch; `labels[i]` is predicted from position `i - 1`.

    A label at position 0 has nothing before it and is not counted. Each document is run alone.
    """
    total, count = 0.0, 0
    for ids, labels in batch:
        log_probabilities = model(input_ids=ids[None], use_cache=False).logits[0].log_softmax(dim=-1)
        predicted_from = (labels[1:] != NOT_LABELLED).nonzero()[:, 0]
        targets = labels[predicted_from + 1]
        total = total - log_probabilities[predicted_from].gather(1, targets[:, None]).sum()
        count += len(targets)
    return total / count


def train(model, batch, learning_rate):
    """Losses and gradient norms (before clipping) of each step, and per-tensor norms of the first and third step.

    Tensors that stay exactly without gradient in a step (LoRA's A while B is zero) are recorded with norm 0.
    """
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(parameters.values(), lr=learning_rate, **ADAMW)
    schedule = get_cosine_schedule_with_warmup(optimizer, WARMUP_STEPS, STEPS)
    model.train()
    history = {"loss": [], "gradient_norm": [], "learning_rate": []}
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(model, batch)
        loss.backward()
        if step in (0, 2):
            history[f"tensor_gradient_norms_of_step_{step}"] = {n: p.grad.norm().item() for n, p in parameters.items()}
        history["loss"].append(loss.item())
        history["gradient_norm"].append(clip_grad_norm_(parameters.values(), MAX_NORM).item())
        history["learning_rate"].append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        history["loss_after_training"] = loss_of(model.eval(), batch).item()
    return history


def base(dtype):
    # The relative path becomes base_model_name_or_path in adapter_config.json.
    return LlamaForCausalLM.from_pretrained("llama-tiny", dtype=dtype, attn_implementation="eager")


def largest_difference(ours, exact):
    return max((ours[name].detach().double() - exact[name].detach()).abs().max().item() for name in exact)


def differences(history, exact_history, weights, exact_weights):
    per_step = {
        key: max(abs(a - b) for a, b in zip(history[key], exact_history[key])) for key in ("loss", "gradient_norm")
    }
    return {**per_step, "final_weights": largest_difference(weights, exact_weights)}


def full_fine_tuning(batch):
    learning_rate = 1e-3
    repeatable(22)
    model, exact = base(torch.float32), base(torch.float64)
    history, exact_history = train(model, batch, learning_rate), train(exact, batch, learning_rate)
    weights = dict(model.named_parameters())
    write_tensors(TRAIN / "full-final.safetensors", weights)
    errors = differences(history, exact_history, weights, dict(exact.named_parameters()))
    return {"peak_learning_rate": learning_rate, **history, "float64_differs_by": errors}


def save_adapter(model, folder):
    config = model.peft_config["default"]
    config.target_modules = sorted(config.target_modules)  # a set, whose order PEFT would write as it happens to be
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)


def lora(name, config, batch, sequence):
    learning_rate = 1e-2
    folder = TRAIN / name
    repeatable(23)
    model = get_peft_model(base(torch.float32), config)
    save_adapter(model, folder / "adapter-init")
    history = train(model, batch, learning_rate)
    save_adapter(model, folder / "adapter-final")
    expected = logits_of(model, [sequence])
    write_tensors(folder / "logits.safetensors", expected)

    exact = PeftModel.from_pretrained(base(torch.float64), folder / "adapter-init", is_trainable=True).double()
    exact_history = train(exact, batch, learning_rate)
    adapter = {n: p for n, p in model.named_parameters() if p.requires_grad}
    exact_adapter = {n: p for n, p in exact.named_parameters() if p.requires_grad}
    errors = differences(history, exact_history, adapter, exact_adapter)
    errors["logits"] = largest_difference(expected, logits_of(exact, [sequence]))

    merged = model.merge_and_unload()
    errors["logits_after_merging"] = largest_difference(logits_of(merged, [sequence]), expected)
    if name == "lora":
        weights = dict(merged.named_parameters())
        write_tensors(folder / "merged.safetensors", {module: weights[module] for module in MERGED_MODULES})
    return {"peak_learning_rate": learning_rate, **history, "float64_differs_by": errors}


def first_gradients(name, batch):
    """Loss and per-tensor gradient norms of a checkpoint as it is; a tied head's gradient is in the embedding's."""
    repeatable(25)
    model = LlamaForCausalLM.from_pretrained(name, dtype=torch.float32, attn_implementation="eager")
    loss = loss_of(model, batch)
    loss.backward()
    return {"loss": loss.item(), "tensor_gradient_norms": {n: p.grad.norm().item() for n, p in model.named_parameters()}}


def main():
    os.chdir(FOLDER)
    shutil.rmtree(TRAIN, ignore_errors=True)
    batch = documents()
    sequence = torch.randint(0, 97, (33,), generator=torch.Generator().manual_seed(24)).tolist()
    common = dict(bias="none", lora_dropout=0.0, task_type="CAUSAL_LM")
    runs = {
        "full": full_fine_tuning(batch),
        "lora": lora("lora", LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", **common), batch, sequence),
        "rslora": lora(
            "rslora",
            LoraConfig(r=8, lora_alpha=8, use_rslora=True, target_modules=["q_proj", "v_proj"], **common),
            batch, sequence,
        ),
    }
    write_json(TRAIN / "train.json", {
        "made_by": "scripts/goldens_train.py",
        "model": "llama-tiny", "dtype": "float32", "attention": "eager", "dropout": 0.0,
        "steps": STEPS, "warmup_steps": WARMUP_STEPS,
        "schedule": "get_cosine_schedule_with_warmup: the first step runs at learning rate 0",
        "optimizer": {"name": "torch.optim.AdamW", **ADAMW, "decayed": "every trained tensor, norms included"},
        "max_gradient_norm": MAX_NORM,
        "gradient_norm": "L2 over every trained tensor, before clipping",
        "loss": "sum over labelled tokens of -log p(labels[i] | ids[<i]), divided by their number in the whole batch; "
                "labels[0] is not counted; the same batch in every step; each document attended alone",
        "not_labelled": NOT_LABELLED,
        "documents": [{"ids": ids.tolist(), "labels": labels.tolist()} for ids, labels in batch],
        "counted_tokens": sum(int((labels[1:] != NOT_LABELLED).sum()) for _, labels in batch),
        "runs": runs,
        "first_gradients_of_llama_tiny_tied": first_gradients("llama-tiny-tied", batch),
    })
    for name, run in runs.items():
        print(name, f"loss {run['loss'][0]:.4f} -> {run['loss_after_training']:.4f}, float64 differs by", run["float64_differs_by"])


if __name__ == "__main__":
    main()
