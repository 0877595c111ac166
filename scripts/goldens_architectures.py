"""Makes one or two tiny random models for each architecture, their logits and gradients: goldens/<name>.

Everything a family has occurs and matters: biases and norms are random, windows are shorter than the sequences, soft
caps are low, and every rotary scaling is used by one model. Some configurations are rewritten in the spelling that
Transformers 4 wrote and most published checkpoints have. `gradients` in logits.json holds, for the longest sequence, the
sum of the log-probabilities of each next token and the norm of its gradient for every tensor. adapter-linear is an adapter
of every linear layer with random factors, saved by PEFT, with the logits of the model that wears it. One model has a
padding token that stands among the words: PyTorch gives its row of the embedding no gradient.
"""

import json
import sys

import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    Gemma2Config, Gemma2ForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM, MistralConfig,
    MistralForCausalLM, Phi3Config, Phi3ForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM,
)

from goldens import FOLDER, logits_of, repeatable, write_json, write_tensors

VOCAB = 64
LENGTHS = (1, 7, 33)
SMALL = dict(
    vocab_size=VOCAB, hidden_size=24, intermediate_size=40, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=256, bos_token_id=1, eos_token_id=2, pad_token_id=None, attn_implementation="eager",
)


def older(rotation):
    """The configuration as Transformers 4 wrote it: `rotation` takes the settings of `rope_parameters` apart."""
    def respell(config):
        config.update(rotation(config.pop("rope_parameters")))
        config["torch_dtype"] = config.pop("dtype")
        config.pop("layer_types", None)
        return config
    return respell


def one_rotation(rope):
    theta = rope.pop("rope_theta")
    rope["type"] = rope.pop("rope_type")
    rope.pop("partial_rotary_factor", None)
    return {"rope_theta": theta, "rope_scaling": None if rope["type"] == "default" else rope}


def two_rotations(rope):
    full, sliding = rope["full_attention"], rope["sliding_attention"]
    theta = full.pop("rope_theta")
    return {"rope_theta": theta, "rope_local_base_freq": sliding["rope_theta"], "rope_scaling": full}


def phi3_rotation(rope):
    respelt = {"partial_rotary_factor": rope["partial_rotary_factor"]}
    rope.pop("original_max_position_embeddings", None)
    return respelt | one_rotation(rope)


def gemma2_older(config):
    config = older(one_rotation)(config)
    config["hidden_act"] = "gelu_pytorch_tanh"
    config["cache_implementation"] = "hybrid"
    config.pop("tie_word_embeddings")
    config.pop("use_bidirectional_attention", None)
    return config


def gemma3_older(config):
    config = older(two_rotations)(config)
    config["sliding_window_pattern"] = 3
    config.pop("tie_word_embeddings")
    return config


# name: (seed, configuration, model, how config.json is rewritten or None)
MODELS = {
    "llama-tiny-dynamic": (20, LlamaConfig(
        **SMALL | dict(max_position_embeddings=16), num_hidden_layers=2, head_dim=6, tie_word_embeddings=False,
        rope_parameters={"rope_type": "dynamic", "rope_theta": 100.0, "factor": 4.0},
    ), LlamaForCausalLM, older(one_rotation)),
    "llama-tiny-odd": (33, LlamaConfig(
        **SMALL | dict(vocab_size=61, num_attention_heads=3, num_key_value_heads=1, pad_token_id=5), head_dim=10,
        num_hidden_layers=2, attention_bias=True, mlp_bias=True, tie_word_embeddings=False,
        rope_parameters={
            "rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 16, "factor": 16.0,
            "short_factor": [1.0, 1.1, 1.2, 1.3, 1.4], "long_factor": [1.0, 2.5, 4.0, 5.5, 7.0],
        },
    ), LlamaForCausalLM, None),
    "mistral-tiny": (21, MistralConfig(
        **SMALL, num_hidden_layers=2, head_dim=8, sliding_window=6, tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 1000.0},
    ), MistralForCausalLM, older(one_rotation)),
    "mistral-tiny-whole": (22, MistralConfig(
        **SMALL, num_hidden_layers=2, sliding_window=None, tie_word_embeddings=True,
        rope_parameters={"rope_type": "linear", "rope_theta": 100.0, "factor": 3.0},
    ), MistralForCausalLM, None),
    "qwen2-tiny": (23, Qwen2Config(
        **SMALL, num_hidden_layers=3, use_sliding_window=True, sliding_window=5, max_window_layers=1,
        tie_word_embeddings=False,
        rope_parameters={
            "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64,
        },
    ), Qwen2ForCausalLM, older(one_rotation)),
    "qwen2-tiny-tied": (24, Qwen2Config(
        **SMALL, num_hidden_layers=2, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    ), Qwen2ForCausalLM, None),
    "qwen3-tiny": (25, Qwen3Config(
        **SMALL, num_hidden_layers=3, head_dim=10, attention_bias=True, tie_word_embeddings=False,
        use_sliding_window=True, sliding_window=4, max_window_layers=2,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    ), Qwen3ForCausalLM, None),
    "qwen3-tiny-tied": (26, Qwen3Config(
        **SMALL, num_hidden_layers=2, head_dim=12, tie_word_embeddings=True,
        rope_parameters={
            "rope_type": "yarn", "rope_theta": 5000.0, "factor": 2.0, "original_max_position_embeddings": 128,
            "beta_fast": 8.0, "beta_slow": 2.0, "truncate": False, "attention_factor": 1.25,
        },
    ), Qwen3ForCausalLM, None),
    "phi3-tiny": (27, Phi3Config(
        **SMALL | dict(max_position_embeddings=128), num_hidden_layers=2, sliding_window=9, tie_word_embeddings=False,
        original_max_position_embeddings=16,
        rope_parameters={
            "rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.67,
            "short_factor": [1.0, 1.5], "long_factor": [1.25, 6.0],
        },
    ), Phi3ForCausalLM, older(phi3_rotation)),
    "phi3-tiny-plain": (28, Phi3Config(
        **SMALL, num_hidden_layers=2, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 1.0},
    ), Phi3ForCausalLM, None),
    "gemma2-tiny": (29, Gemma2Config(
        **SMALL, num_hidden_layers=2, head_dim=10, sliding_window=5, query_pre_attn_scalar=7,
        attn_logit_softcapping=2.0, final_logit_softcapping=5.0,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    ), Gemma2ForCausalLM, gemma2_older),
    "gemma2-tiny-uncapped": (30, Gemma2Config(
        **SMALL, num_hidden_layers=2, head_dim=6, sliding_window=4, query_pre_attn_scalar=6,
        attn_logit_softcapping=None, final_logit_softcapping=None, attention_bias=True, tie_word_embeddings=False,
        layer_types=["full_attention", "sliding_attention"],
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    ), Gemma2ForCausalLM, None),
    "gemma3-tiny": (31, Gemma3TextConfig(
        **SMALL, num_hidden_layers=3, head_dim=8, sliding_window=5, query_pre_attn_scalar=9, sliding_window_pattern=3,
        rope_parameters={
            "full_attention": {"rope_type": "linear", "rope_theta": 50000.0, "factor": 8.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
        },
    ), Gemma3ForCausalLM, gemma3_older),
    "gemma3-tiny-types": (32, Gemma3TextConfig(
        **SMALL, num_hidden_layers=3, head_dim=8, sliding_window=5, query_pre_attn_scalar=9, tie_word_embeddings=True,
        layer_types=["full_attention", "sliding_attention", "full_attention"],
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 50000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
        },
    ), Gemma3ForCausalLM, None),
}

ADAPTED = ("mistral-tiny", "qwen2-tiny", "qwen3-tiny", "phi3-tiny", "gemma2-tiny", "gemma3-tiny")


def random_model(kind, config, seed):
    """Every tensor random and wide enough that no two positions have nearly the same logits."""
    repeatable(seed)
    model = kind(config).float()
    less_one = config.model_type.startswith("gemma")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(-0.5 if less_one else 0.5, 0.5 if less_one else 1.5)
            elif "embed" in name and less_one:
                parameter.normal_(std=0.2)
            else:
                parameter.normal_(std=0.25)
    return model


def make_adapter(folder, base, sequences):
    """Saved as PEFT saves it, with factors away from zero."""
    repeatable(71)
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", r=2, lora_alpha=5, target_modules="all-linear"))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.2)
    model.peft_config["default"].base_model_name_or_path = folder.name
    model.save_pretrained(folder / "adapter-linear")
    (folder / "adapter-linear/README.md").unlink(missing_ok=True)
    write_tensors(folder / "adapter-linear/logits.safetensors", logits_of(model, sequences))


def gradients(model, ids):
    model.zero_grad()
    tokens = torch.tensor([ids])
    logits = model(tokens, use_cache=False).logits[0, :-1].float()
    total = logits.log_softmax(-1).gather(1, tokens[0, 1:, None]).sum()
    total.backward()
    return {
        "sum_of_log_probabilities": total.item(),
        "norms": {name: p.grad.norm().item() for name, p in model.named_parameters()},
    }


def make(name):
    seed, config, kind, respell = MODELS[name]
    model = random_model(kind, config, seed)
    folder = FOLDER / name
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    path = folder / "config.json"
    if respell:
        path.write_text(json.dumps(respell(json.loads(path.read_text())), indent=2, sort_keys=True) + "\n")

    generator = torch.Generator().manual_seed(seed + 1)
    sequences = [torch.randint(0, config.vocab_size, (length,), generator=generator).tolist() for length in LENGTHS]
    if config.pad_token_id is not None:
        sequences[-1][3] = sequences[-1][20] = config.pad_token_id
    expected = logits_of(kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager"), sequences)
    write_tensors(folder / "logits.safetensors", expected)
    exact = logits_of(kind.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager"), sequences)
    error = max((expected[k] - exact[k]).abs().max().item() for k in expected)
    write_json(folder / "logits.json", {
        "made_by": "scripts/goldens_architectures.py", "seed": seed, "dtype": "float32", "attention": "eager",
        "tensors": "ids.N [time] int64, logits.N [time, vocab] float32, in logits.safetensors; each sequence run alone",
        "sequences": sequences,
        "max_abs_logit": max(v.abs().max().item() for k, v in expected.items() if k.startswith("logits")),
        "max_abs_difference_from_float64": error,
        "gradients": gradients(
            kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager"), sequences[-1]),
    })
    if name in ADAPTED:
        make_adapter(folder, kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager"), sequences)
    print(f"{name}: {sum(p.numel() for p in model.parameters())} parameters, float64 differs by {error:.1e}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for each in sys.argv[1:] or MODELS:
        make(each)
