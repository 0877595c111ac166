"""What the scripts that make reference values share: where the values go, and how they are written.

Reference values ("goldens") are small files under core/src/test/resources/goldens, computed in float32 on the CPU by
PyTorch, Transformers and PEFT. Graft's tests compare against them; Python is needed only to make them again.

    python -m venv venv && venv/bin/pip install torch==2.10.0 transformers==5.23.0 peft==0.21.2 safetensors
    venv/bin/python scripts/goldens_llama.py && venv/bin/python scripts/goldens_train.py && venv/bin/python scripts/goldens_optim.py
"""

import json
import re
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors.torch import save_file

FOLDER = Path(__file__).resolve().parent.parent / "core/src/test/resources/goldens"
NOT_LABELLED = -100


def versions():
    """The libraries whose arithmetic the values record; `torch` without the suffix of its build."""
    names = ("torch", "transformers", "peft", "safetensors")
    return {name: version(name).split("+")[0] for name in names}


def write_json(path, value):
    """Writes `value` with the versions first. Floats keep every digit they need to be read back the same."""
    text = json.dumps({"made_with": versions(), **value}, indent=2)
    numbers_on_one_line = re.sub(r"\[[-+.\deE,\s]*\]", lambda found: " ".join(found[0].split()), text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(numbers_on_one_line + "\n")


def write_tensors(path, tensors):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: t.detach().contiguous().clone() for name, t in tensors.items()}, path, metadata={"format": "pt"})


def repeatable(seed):
    """One thread and a fixed seed, so that sums are added in the same order each time."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)


def logits_of(model, sequences):
    """`ids.N` [time] and `logits.N` [time, vocab] for each sequence, run alone: the form check_adapter.py reads."""
    tensors = {}
    model.eval()
    with torch.no_grad():
        for n, ids in enumerate(sequences):
            tensors[f"ids.{n}"] = torch.tensor(ids)
            tensors[f"logits.{n}"] = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    return tensors
