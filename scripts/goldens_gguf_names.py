"""Names of tensors as llama.cpp's converter gives them: python scripts/goldens_gguf_names.py

Writes core/src/test/resources/goldens/gguf/names.json from the tables of the package `gguf`. Experts go under the
names that the converter gives their stacks before it looks them up.
"""
import importlib.metadata
import json
import pathlib
import re

import gguf

GOLDENS = pathlib.Path("core/src/test/resources/goldens")
FAMILIES = {
    "llama-tiny": "LLAMA",
    "mistral-tiny": "LLAMA",
    "mixtral-tiny": "LLAMA",
    "qwen2-tiny": "QWEN2",
    "qwen3-tiny": "QWEN3",
    "qwen3-moe-tiny": "QWEN3MOE",
    "phi3-tiny": "PHI3",
    "gemma2-tiny": "GEMMA2",
    "gemma3-tiny": "GEMMA3",
    "gpt2-tiny": "GPT2",
}


def stacked(name):
    name = re.sub(r"model\.(layers\.\d+)\.block_sparse_moe\.experts\.\d+\.", r"\1.feed_forward.experts.", name)
    return re.sub(r"mlp\.experts\.\d+\.", "mlp.experts.", name)


def names(folder, arch):
    table = gguf.get_tensor_name_map(getattr(gguf.MODEL_ARCH, arch), 8)
    header = (GOLDENS / folder / "model.safetensors").read_bytes()
    tensors = json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])
    found = {n: table.get_name(stacked(n), try_suffixes=(".weight", ".bias")) for n in tensors if n != "__metadata__"}
    if arch == "QWEN3MOE":  # llama.cpp has experts in every layer of it
        found = {n: g for n, g in found.items() if g is not None}
    assert None not in found.values(), found
    return found


result = {"made_by": "scripts/goldens_gguf_names.py", "gguf": importlib.metadata.version("gguf")}
result["families"] = {folder: names(folder, arch) for folder, arch in FAMILIES.items()}
(GOLDENS / "gguf/names.json").write_text(json.dumps(result, indent=0, sort_keys=True) + "\n")
print(result["gguf"], {f: len(n) for f, n in result["families"].items()})
