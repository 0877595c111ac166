"""Makes reference values for every way of adapting: goldens/peft/.

Run scripts/goldens_llama.py first. Writes, below goldens/peft/:
    <run>/            adapter-init and adapter-final as PEFT saves them, logits.safetensors (ids.0, logits.0)
    ../base-bias/     a tied model with a bias on every projection
    runs.json         settings of each run, and 20 training steps of those that are trained
    configs.json      adapter_config.json for several configurations, as PEFT writes them
    selection.json    which modules PEFT adapts, with which rank and alpha, for a table of settings
    regex.json        Python's re.fullmatch over patterns and names

Each training run is repeated in float64; the differences are recorded as `float64_differs_by`.
"""

import copy
import json
import os
import random
import re
import shutil
import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from transformers import LlamaConfig, LlamaForCausalLM

from goldens import FOLDER, logits_of, repeatable, write_json, write_tensors
from goldens_train import documents, differences, largest_difference, train

PEFT = FOLDER / "peft"
COMMON = dict(task_type="CAUSAL_LM", lora_dropout=0.0)
QV = ["q_proj", "v_proj"]
SEQUENCE = torch.randint(0, 97, (21,), generator=torch.Generator().manual_seed(24)).tolist()

# name: (base model, settings); the last of each pair is what makes the run special
RUNS = {
    "dora": ("base-bias", dict(r=4, lora_alpha=8, target_modules="all-linear", use_dora=True)),
    "lora_bias": ("base-bias", dict(r=4, lora_alpha=8, target_modules=QV, lora_bias=True)),
    "bias_all": ("base-bias", dict(r=2, lora_alpha=8, target_modules=QV, bias="all")),
    "bias_lora_only": ("base-bias", dict(r=2, lora_alpha=8, target_modules=QV, bias="lora_only")),
    "embeddings": ("llama-tiny", dict(r=4, lora_alpha=8, target_modules=[*QV, "embed_tokens", "lm_head"])),
    "embeddings_dora": ("llama-tiny", dict(r=4, lora_alpha=8, target_modules=["embed_tokens", "lm_head"], use_dora=True)),
    "tied_embedding": ("base-bias", dict(r=4, lora_alpha=8, target_modules=["q_proj", "embed_tokens"])),
    "tied_head": ("base-bias", dict(r=4, lora_alpha=8, target_modules=["q_proj", "lm_head"])),
    "tokens": ("llama-tiny", dict(r=4, lora_alpha=8, target_modules=QV, trainable_token_indices=[3, 88, 17])),
    "tokens_tied": ("base-bias", dict(r=4, lora_alpha=8, target_modules=QV, trainable_token_indices=[3, 88, 17])),
    "tokens_by_module": ("base-bias", dict(
        r=4, lora_alpha=8, target_modules=QV, trainable_token_indices={"embed_tokens": [3, 88], "lm_head": [17]})),
    "saved": ("llama-tiny", dict(r=4, lora_alpha=8, target_modules=QV, modules_to_save=["lm_head", "norm", "down_proj"])),
    "saved_tied": ("base-bias", dict(r=4, lora_alpha=8, target_modules=QV, modules_to_save=["embed_tokens", "mlp"])),
    "saved_kept_tied": ("base-bias", dict(
        r=4, lora_alpha=8, target_modules=QV, modules_to_save=["embed_tokens"], ensure_weight_tying=True)),
    "patterns": ("base-bias", dict(
        r=4, lora_alpha=8, target_modules=["q_proj", "up_proj"], use_rslora=True, layers_to_transform=[0, 1],
        rank_pattern={"layers.0.self_attn.q_proj": 2, "up_proj": 3}, alpha_pattern={r"layers\.1\..*": 5, "q_proj": 7.5})),
}

CONFIGS = {
    "smallest": dict(r=8, target_modules=["q_proj"]),
    "all_linear": dict(r=4, lora_alpha=16, target_modules="all-linear"),
    "regex": dict(target_modules=r".*\.(q|v)_proj", exclude_modules=r".*layers\.0\..*", use_rslora=True, lora_alpha=16.5),
    "lists": dict(
        target_modules=["v_proj", "k_proj"], exclude_modules=["layers.1.self_attn.k_proj"], layers_to_transform=1,
        layers_pattern="layers", rank_pattern={"v_proj": 2, "k_proj": 3}, alpha_pattern={"v_proj": 1},
        modules_to_save=["norm"], bias="all", init_lora_weights="gaussian"),
    "layers": dict(target_modules=["v_proj"], layers_to_transform=[1, 0], init_lora_weights=False, lora_bias=True),
    "dora": dict(target_modules=["v_proj"], use_dora=True, lora_dropout=0.25, bias="lora_only", init_lora_weights="orthogonal"),
    "tokens": dict(target_modules=["v_proj"], trainable_token_indices=[5, 2]),
    "tokens_by_module": dict(target_modules=["v_proj"], trainable_token_indices={"lm_head": [1, 2], "embed_tokens": [2]}),
    "tying": dict(target_modules=["v_proj"], modules_to_save=["embed_tokens"], ensure_weight_tying=True),
}


def base(name, dtype=torch.float32):
    # The relative path becomes base_model_name_or_path in adapter_config.json.
    return LlamaForCausalLM.from_pretrained(name, dtype=dtype, attn_implementation="eager")


def make_base_with_biases():
    """Two layers, tied head, biases everywhere: small, and every kind of key occurs."""
    repeatable(31)
    config = LlamaConfig(
        vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=True, attention_bias=True, mlp_bias=True)
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained("base-bias")
    os.remove("base-bias/generation_config.json")


def save_adapter(model, folder):
    config = model.peft_config["default"]
    if isinstance(config.target_modules, set):
        config.target_modules = sorted(config.target_modules)
    if isinstance(config.exclude_modules, set):
        config.exclude_modules = sorted(config.exclude_modules)
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)


def run(name, model_name, settings, batch):
    learning_rate = 1e-2
    folder = PEFT / name
    repeatable(23)
    model = get_peft_model(base(model_name), LoraConfig(**copy.deepcopy(settings), **COMMON))
    save_adapter(model, folder / "adapter-init")
    history = train(model, batch, learning_rate)
    save_adapter(model, folder / "adapter-final")
    expected = logits_of(model, [SEQUENCE])
    write_tensors(folder / "logits.safetensors", expected)

    exact = PeftModel.from_pretrained(base(model_name, torch.float64), folder / "adapter-init", is_trainable=True).double()
    exact_history = train(exact, batch, learning_rate)
    learnt = {n: p for n, p in model.named_parameters() if p.requires_grad}
    exact_learnt = {n: p for n, p in exact.named_parameters() if p.requires_grad}
    errors = differences(history, exact_history, learnt, exact_learnt) if learnt.keys() == exact_learnt.keys() else {}
    errors["logits"] = largest_difference(expected, logits_of(exact, [SEQUENCE]))
    keep = ("loss", "gradient_norm", "learning_rate", "loss_after_training")
    return {
        "base": model_name, "peak_learning_rate": learning_rate, "trained": sorted(learnt),
        **{key: history[key] for key in keep}, "float64_differs_by": errors,
    }


def written_configs():
    configs = {}
    for name, settings in CONFIGS.items():
        repeatable(41)
        model = get_peft_model(base("base-bias"), LoraConfig(**copy.deepcopy(settings), task_type="CAUSAL_LM"))
        save_adapter(model, PEFT / "tmp")
        configs[name] = json.loads((PEFT / "tmp/adapter_config.json").read_text())
        shutil.rmtree(PEFT / "tmp")
    return configs


def selections():
    """What PEFT adapts for settings that try its rules, on a model of two layers."""
    table = [
        dict(target_modules=["q_proj"]),
        dict(target_modules=["proj"]),
        dict(target_modules=["self_attn.q_proj", "model.layers.1.mlp.up_proj"]),
        dict(target_modules=r".*\.q_proj"),
        dict(target_modules="q_proj"),
        dict(target_modules=r"model\.layers\.[1-9]\..*(gate|up)_proj"),
        dict(target_modules=r"(?i).*Q_PROJ"),
        dict(target_modules=r"(?P<a>model|transformer)\.layers\.\d+\.mlp\.(?:up|down)_proj\Z"),
        dict(target_modules="all-linear"),
        dict(target_modules="ALL-LINEAR", exclude_modules=["mlp.up_proj", "k_proj"]),
        dict(target_modules="all-linear", exclude_modules=r".*\.0\..*"),
        dict(target_modules="all-linear", modules_to_save=["mlp"]),
        dict(target_modules=["q_proj", "k_proj"], modules_to_save=["layers.0.self_attn.k_proj"]),
        dict(target_modules=["q_proj", "lm_head", "embed_tokens"]),
        dict(target_modules=["q_proj"], layers_to_transform=1),
        dict(target_modules=["q_proj"], layers_to_transform=[]),
        dict(target_modules=["q_proj", "model.layers.0.self_attn.v_proj"], layers_to_transform=[1]),
        dict(target_modules=["q_proj", "lm_head"], layers_to_transform=[0]),
        dict(target_modules=["q_proj"], layers_to_transform=[0], layers_pattern="layers"),
        dict(target_modules=["q_proj"], layers_to_transform=[0], layers_pattern="l.*s"),
        dict(target_modules=["q_proj"], layers_to_transform=[0], layers_pattern=["h", "layers"]),
        dict(target_modules=["q_proj"], layers_to_transform=[0], layers_pattern=["h"]),
        dict(target_modules=["q_proj", "v_proj"], rank_pattern={"q_proj": 2, "v_pro": 5, "proj": 6}),
        dict(target_modules=["q_proj", "v_proj"], rank_pattern={r".*\.0\..*": 2, "q_proj": 3}, alpha_pattern={"[qv]_proj": 4}),
        dict(target_modules=["q_proj", "v_proj"], rank_pattern={"^q_proj": 2, r"self_attn\.v_proj": 3, "layers.1.self_attn.v_proj": 7}),
        dict(target_modules=["q_proj", "v_proj"], rank_pattern={"q_proj|k_proj": 2}, alpha_pattern={"model.layers.0.self_attn.q_proj": 3}),
    ]
    rows = []
    for settings in table:
        model = base("base-bias")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                adapted = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, **copy.deepcopy(settings)))
            except ValueError as e:
                rows.append({"settings": settings, "error": str(e)[:60]})
                continue
        layers = {
            name.removeprefix("base_model.model."): [module.r["default"], module.lora_alpha["default"]]
            for name, module in adapted.named_modules() if isinstance(module, LoraLayer)}
        rows.append({"settings": settings, "adapted": layers})
    return rows


def regex_table():
    """Patterns by hand and at random, matched against names by Python."""
    names = [
        "model.layers.0.self_attn.q_proj", "model.layers.12.mlp.up_proj", "lm_head", "q_proj", "model.norm",
        "transformer.h.3.attn.c_attn", "a", "ab", "aab", "a{2}", "a[b", "a&b", "x]", "A", "", "aa", "a.b", "]", "^a",
    ]
    patterns = [
        r".*q_proj", r"(?P<n>a)(?P=n)b", r"(a)\1b", r"a{2}b?", r"a{,2}b", r"a\{2\}", r"a{x}", r"a{", r"a[[]b", r"a[&&]b",
        r"[]x]+", r"[^]a]", r"[^\W\d]+", r"a\Z", r"\Aa\b", r"(?i)a", r"(?i:a)b", r"(?s).*", r"a*+b", r"(?>a|ab)b",
        r"a(?=b)b", r"(?!lm).*", r"(?<=a)b", r".*(?<!up)_proj", r"[a&b.]+", r"\x61b", r"\u0061+", r"[\x61-\x62]+",
        r"a|ab", r"(a|ab)(b|)", r"", r"a??b", r"(?:a)+b", r"[a\]]+", r"[\^a]+", r"x\]", r"[\b]?a", r"a\vb", r"\w+\.\w+\.\d+\..*",
        r"(?(1)a|b)", r"a**", r"*a", r"(?#x)a", r"\Qa\E", r"\p{L}", r"(?<n>a)", r"(?x) a", r"a(?i)b", r"(", r"[a", r"a\\", "a\\",
        r"\h", r"(?P<n>a)(?P<n>b)", r"(?P=m)", r"\8", r"^*a", r"a{3,2}",
    ]
    chance = random.Random(5)
    pieces = ["a", "b", ".", r"\.", "[ab]", "[^a]", "(a|b)", "(?:ab)", r"\w", r"\d", "q_proj", "layers", "_", r"[\w.]", "(?=a)", "$", "^"]
    counts = ["", "", "", "*", "+", "?", "{2}", "{,2}", "{1,3}", "*?", "+?", "*+"]
    for _ in range(150):
        patterns.append("".join(chance.choice(pieces) + chance.choice(counts) for _ in range(chance.randint(1, 5))))
    rows = []
    for pattern in dict.fromkeys(patterns):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compiled = re.compile(pattern)
            rows.append({"pattern": pattern, "matches": [n for n in names if compiled.fullmatch(n)]})
        except re.error as e:
            rows.append({"pattern": pattern, "error": e.msg})
    return {"names": names, "table": rows}


def main():
    os.chdir(FOLDER)
    shutil.rmtree(PEFT, ignore_errors=True)
    shutil.rmtree("base-bias", ignore_errors=True)
    make_base_with_biases()
    batch = documents()
    runs = {name: run(name, *settings, batch) for name, settings in RUNS.items()}
    for name, one in runs.items():
        print(name, f"loss {one['loss'][0]:.4f} -> {one['loss_after_training']:.4f}", one["float64_differs_by"])
    made_by = {"made_by": "scripts/goldens_peft.py"}
    write_json(PEFT / "runs.json", {**made_by, "settings": {n: s for n, (_, s) in RUNS.items()}, "runs": runs})
    write_json(PEFT / "configs.json", {**made_by, "settings": CONFIGS, "written": written_configs()})
    write_json(PEFT / "selection.json", {**made_by, "model": "base-bias", "r": 8, "lora_alpha": 16, "table": selections()})
    write_json(PEFT / "regex.json", {**made_by, **regex_table()})


if __name__ == "__main__":
    main()
