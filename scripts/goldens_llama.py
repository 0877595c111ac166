"""Makes two tiny random Llama checkpoints and their logits: goldens/llama-tiny and goldens/llama-tiny-tied.

llama-tiny is plain: separate output head, no biases, default rotation. llama-tiny-tied has what the first has not:
a tied head, biases everywhere, heads whose width is not hidden/heads, and Llama 3 rotation scaling whose three bands
(kept, blended, divided) all occur. Its config.json is rewritten in the older spelling (`rope_theta`, `rope_scaling`,
`torch_dtype`) that most published checkpoints have; llama-tiny keeps the spelling of Transformers 5 (`rope_parameters`).
"""

import json

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from goldens import FOLDER, logits_of, repeatable, write_json, write_tensors

VOCAB = 97
LENGTHS = (1, 7, 33)
COMMON = dict(
    vocab_size=VOCAB, hidden_size=48, intermediate_size=80, num_attention_heads=6, num_key_value_heads=2,
    max_position_embeddings=256, bos_token_id=1, eos_token_id=2, attn_implementation="eager",
)
PLAIN = LlamaConfig(
    **COMMON, num_hidden_layers=3, head_dim=8, rms_norm_eps=1e-5, tie_word_embeddings=False,
    rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
)
TIED = LlamaConfig(
    **COMMON, num_hidden_layers=2, head_dim=10, rms_norm_eps=1e-6, tie_word_embeddings=True,
    attention_bias=True, mlp_bias=True,
    rope_parameters={
        "rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    },
)


def random_model(config, seed):
    """Every tensor random and wide enough that no two positions have nearly the same logits."""
    repeatable(seed)
    model = LlamaForCausalLM(config).float()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5)
            else:
                parameter.normal_(std=0.2)
    return model


def random_sequences(seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, VOCAB, (length,), generator=generator).tolist() for length in LENGTHS]


def respell_config(path):
    """The same settings as Transformers 4 wrote them."""
    config = json.loads(path.read_text())
    rotation = config.pop("rope_parameters")
    config["rope_theta"] = rotation.pop("rope_theta")
    config["rope_scaling"] = rotation
    config["torch_dtype"] = config.pop("dtype")
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def make(name, config, seed):
    model = random_model(config, seed)
    folder = FOLDER / name
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if config is TIED:
        respell_config(folder / "config.json")

    sequences = random_sequences(seed + 1)
    expected = logits_of(model, sequences)
    write_tensors(folder / "logits.safetensors", expected)

    again = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    read_back = logits_of(again, sequences)
    exact = logits_of(LlamaForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager"), sequences)
    for key, value in expected.items():
        assert torch.equal(value, read_back[key]), f"{name}: {key} differs after reading the checkpoint back"
    float32_error = max((expected[k] - exact[k]).abs().max().item() for k in expected)
    write_json(folder / "logits.json", {
        "made_by": "scripts/goldens_llama.py", "seed": seed, "dtype": "float32", "attention": "eager",
        "tensors": "ids.N [time] int64, logits.N [time, vocab] float32, in logits.safetensors; each sequence run alone",
        "sequences": sequences,
        "max_abs_logit": max(v.abs().max().item() for k, v in expected.items() if k.startswith("logits")),
        "max_abs_difference_from_float64": float32_error,
    })
    print(f"{name}: {sum(p.numel() for p in model.parameters())} parameters, float64 differs by {float32_error:.1e}")


if __name__ == "__main__":
    make("llama-tiny", PLAIN, seed=11)
    make("llama-tiny-tied", TIED, seed=12)
