"""Makes tiny random GPT-2, Mixtral and Qwen3-MoE checkpoints, their logits and gradients, and PEFT adapters of them.

goldens/<model>: config.json and model.safetensors in the published form, and logits.safetensors (`ids.N` [time] and
`logits.N` [time, vocab] of each sequence run alone). `gradients` in logits.json holds, for the longest sequence, the sum
of the log-probabilities of each next token and the norm of its gradient for every tensor of the file.

goldens/<model>/adapter-*: an adapter saved by PEFT with random factors, and the logits of the model with it.

  gpt2-tiny          as published: tied head, gelu_new
  gpt2-tiny-variant  a head of its own, exact GELU, a feed-forward of its own width, scores scaled by layer
  mixtral-tiny       four experts, two for each token, a sliding window
  qwen3-moe-tiny     six experts, three for each token, weights normalised, one dense layer, heads wider than the model
  qwen3-moe-step     experts in every second layer, weights as they are, tied head

Seeds are searched until the longest sequence uses every expert and no token is near the border between two choices of experts.
"""

import json
import shutil

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, MixtralConfig, MixtralForCausalLM, Qwen3MoeConfig, Qwen3MoeForCausalLM,
)

from goldens import FOLDER, logits_of, repeatable, write_json, write_tensors

VOCAB = 61
LENGTHS = (1, 7, 33)
MARGIN = 0.15
TOKENS = dict(vocab_size=VOCAB, bos_token_id=1, eos_token_id=2, attn_implementation="eager")
GPT2 = dict(**TOKENS, n_embd=16, n_head=4, n_layer=2, n_positions=40)
LLAMA_LIKE = dict(
    **TOKENS, hidden_size=16, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
    rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
)
MODELS = {
    "gpt2-tiny": (GPT2LMHeadModel, GPT2Config(**GPT2)),
    "gpt2-tiny-variant": (GPT2LMHeadModel, GPT2Config(
        **GPT2, n_inner=24, activation_function="gelu", scale_attn_by_inverse_layer_idx=True, tie_word_embeddings=False,
    )),
    "mixtral-tiny": (MixtralForCausalLM, MixtralConfig(
        **LLAMA_LIKE, num_hidden_layers=2, intermediate_size=12, num_local_experts=4, num_experts_per_tok=2,
        sliding_window=9,
    )),
    "qwen3-moe-tiny": (Qwen3MoeForCausalLM, Qwen3MoeConfig(
        **LLAMA_LIKE, num_hidden_layers=2, intermediate_size=20, moe_intermediate_size=12, num_experts=6,
        num_experts_per_tok=3, norm_topk_prob=True, mlp_only_layers=[1], head_dim=8,
    )),
    "qwen3-moe-step": (Qwen3MoeForCausalLM, Qwen3MoeConfig(
        **LLAMA_LIKE, num_hidden_layers=2, intermediate_size=20, moe_intermediate_size=12, num_experts=4,
        num_experts_per_tok=2, norm_topk_prob=False, decoder_sparse_step=2, tie_word_embeddings=True, head_dim=6,
    )),
}
FUSED = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
# LoraConfig of each adapter; PEFT itself turns experts named in target_modules into target_parameters
ADAPTERS = {
    "gpt2-tiny": {"all": dict(r=3, lora_alpha=6, target_modules="all-linear", fan_in_fan_out=True)},
    "mixtral-tiny": {
        "all": dict(r=2, lora_alpha=6, target_modules="all-linear"),
        "down": dict(r=3, lora_alpha=6, target_modules=["q_proj"], target_parameters=FUSED[1:]),
    },
    "qwen3-moe-tiny": {
        "experts": dict(r=2, lora_alpha=6, use_rslora=True, target_modules=["v_proj"], target_parameters=FUSED),
    },
}


def random_model(kind, config, seed):
    repeatable(seed)
    model = kind(config).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                parameter.uniform_(0.5, 1.5) if name.endswith("weight") else parameter.normal_(std=0.2)
            else:
                parameter.normal_(std=0.5 if name.endswith("mlp.gate.weight") else 0.25)
    return model


def random_sequences(seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, VOCAB, (length,), generator=generator).tolist() for length in LENGTHS]


def margin(model, sequences):
    """Smallest gap between the logits of the last expert chosen and the first not chosen; negative if one is unused."""
    smallest = float("inf")
    layers = model.model.layers if hasattr(model, "model") else []
    routers = [layer.mlp.gate for layer in layers if hasattr(layer.mlp, "experts")]
    seen = []
    hooks = [r.register_forward_hook(lambda m, i, out: seen.append((m, out[0].detach()))) for r in routers]
    logits_of(model, sequences)
    for hook in hooks:
        hook.remove()
    for router in routers:
        logits = torch.cat([out for m, out in seen if m is router])
        ordered = logits.sort(dim=-1, descending=True)
        if ordered.indices[-LENGTHS[-1]:, :router.top_k].unique().numel() < logits.shape[-1]:
            return -1.0
        smallest = min(smallest, (ordered.values[:, router.top_k - 1] - ordered.values[:, router.top_k]).min().item())
    return smallest


def wide_margin(kind, config, first_seed):
    for seed in range(first_seed, first_seed + 3000):
        model, sequences = random_model(kind, config, seed), random_sequences(seed + 1)
        if margin(model, sequences) >= MARGIN:
            return model, sequences, seed
    raise SystemExit("no seed has a wide enough margin")


def published(name, tensor):
    """The tensors a gradient of an in-memory parameter belongs to in the file: experts are stacked in memory."""
    mixtral = name.replace(".mlp.", ".block_sparse_moe.")
    if name.endswith("experts.gate_up_proj"):
        for e, both in enumerate(tensor):
            for part, old, half in zip(("gate_proj", "up_proj"), ("w1", "w3"), both.chunk(2)):
                yield name.replace("gate_up_proj", f"{e}.{part}.weight"), half
                yield mixtral.replace("gate_up_proj", f"{e}.{old}.weight"), half
    elif name.endswith("experts.down_proj"):
        for e, one in enumerate(tensor):
            yield name.replace("down_proj", f"{e}.down_proj.weight"), one
            yield mixtral.replace("down_proj", f"{e}.w2.weight"), one
    else:
        yield name, tensor
        yield mixtral, tensor


def gradients(model, ids, stored):
    model.zero_grad()
    row = torch.tensor([ids])
    log_probs = model(input_ids=row, use_cache=False).logits[0, :-1].log_softmax(-1)
    total = log_probs.gather(1, row[0, 1:, None]).sum()
    total.backward()
    norms = {}
    for name, parameter in model.named_parameters():
        for key, gradient in published(name, parameter.grad):
            if key in stored:
                norms[key] = gradient.norm().item()
    assert set(norms) == set(stored), set(norms) ^ set(stored)
    return {"sum_of_log_probabilities": total.item(), "norms": norms}


def make(name, first_seed):
    kind, config = MODELS[name]
    model, sequences, seed = wide_margin(kind, config, first_seed)
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if name == "qwen3-moe-tiny":
        respell(folder / "config.json")
    expected = logits_of(model, sequences)
    write_tensors(folder / "logits.safetensors", expected)

    again = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    for key, value in logits_of(again, sequences).items():
        assert torch.equal(value, expected[key]), f"{name}: {key} differs after reading the checkpoint back"
    write_json(folder / "logits.json", {
        "made_by": "scripts/goldens_gpt2_moe.py", "seed": seed, "dtype": "float32", "attention": "eager",
        "tensors": "ids.N [time] int64, logits.N [time, vocab] float32, in logits.safetensors; each sequence run alone",
        "sequences": sequences, **({"router_margin": margin(model, sequences)} if hasattr(model, "model") else {}),
        "gradients": gradients(model, sequences[-1], load_file(folder / "model.safetensors")),
        "max_abs_logit": max(v.abs().max().item() for k, v in expected.items() if k.startswith("logits")),
    })
    for adapter, settings in ADAPTERS.get(name, {}).items():
        make_adapter(folder, f"adapter-{adapter}", sequences, settings)
    print(f"{name}: seed {seed}, {sum(p.numel() for p in model.parameters())} parameters")


def respell(path):
    """The spelling of published Qwen3-MoE configurations."""
    config = json.loads(path.read_text())
    config["num_experts"] = config.pop("num_local_experts")
    config["rope_theta"] = config.pop("rope_parameters")["rope_theta"]
    config["rope_scaling"] = None
    config["torch_dtype"] = config.pop("dtype")
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def make_adapter(folder, name, sequences, settings):
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    repeatable(71)
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **settings))
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "lora_B" in key:
                parameter.normal_(std=0.2)
    model.peft_config["default"].base_model_name_or_path = folder.name
    model.save_pretrained(folder / name)
    (folder / name / "README.md").unlink(missing_ok=True)
    path = folder / name / "adapter_config.json"
    config = json.loads(path.read_text())
    for key in ("target_modules", "target_parameters"):
        config[key] = config[key] and sorted(config[key])  # a set, whose order PEFT writes as it happens to be
    path.write_text(json.dumps(config, indent=2, sort_keys=True))
    write_tensors(folder / name / "logits.safetensors", logits_of(model, sequences))


if __name__ == "__main__":
    for number, model_name in enumerate(MODELS):
        make(model_name, 100 + 10000 * number)
