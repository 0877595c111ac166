"""Checks that PEFT reads an adapter and computes the same logits: check_adapter.py MODEL ADAPTER LOGITS.safetensors

MODEL is a Hugging Face model folder, ADAPTER a folder with adapter_config.json and adapter_model.safetensors. LOGITS
holds pairs of `ids.N` [time] (any integer type) and `logits.N` [time, vocab]. Everything is computed in float32 on the
CPU. Exits with 1 and a sentence when PEFT warns, when a tensor of the file has no place in the model or one is missing,
or when a logit differs by more than the tolerance.
"""

import argparse
import sys
import warnings
from pathlib import Path

import torch
from peft import PeftModel, get_peft_model_state_dict
from peft.utils.transformers_weight_conversion import convert_peft_adapter_state_dict_for_transformers
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM


# what PEFT says of any adapter on one end of a model whose ends share a table, its own included
ADVICE = "Model has `tie_word_embeddings=True` and a tied layer is part of the adapter"


def load(model_folder, adapter_folder):
    """The model with its adapter, and what PEFT complained about while reading it."""
    base = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32, attn_implementation="eager")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(base, adapter_folder)
    complaints = [
        str(w.message) for w in caught
        if not issubclass(w.category, (DeprecationWarning, FutureWarning)) and not str(w.message).startswith(ADVICE)]
    # PEFT looks for what patterns match among modules only, also when it has put them there itself for a parameter
    if model.peft_config["default"].target_parameters:
        complaints = [c for c in complaints if "_pattern keys did not match any targeted module" not in c]
    return model.float().eval(), complaints


def key_complaints(model, adapter_folder):
    """PEFT leaves out tensors it does not know without a word, so the file is compared with what PEFT would save."""
    saved = set(get_peft_model_state_dict(model, save_embedding_layers=False))
    # experts stored apart are stacked by PEFT while it reads them
    stored = set(convert_peft_adapter_state_dict_for_transformers(
        model, model.peft_config["default"], load_file(adapter_folder / "adapter_model.safetensors")))
    complaints = [f"the file lacks the tensor {name}" for name in sorted(saved - stored)]
    return complaints + [f"PEFT has no place for the tensor {name}" for name in sorted(stored - saved)]


def largest_differences(model, expected):
    """Largest absolute difference to the stored logits, and to the model without its adapter."""
    to_stored = to_base = 0.0
    numbers = sorted(name.removeprefix("ids.") for name in expected if name.startswith("ids."))
    if not numbers:
        sys.exit("the file of logits has no tensor named ids.N; expected pairs of ids.N and logits.N")
    with torch.no_grad():
        for n in numbers:
            ids, logits = expected[f"ids.{n}"].long()[None], expected[f"logits.{n}"].float()
            ours = model(input_ids=ids, use_cache=False).logits[0]
            with model.disable_adapter():
                base = model(input_ids=ids, use_cache=False).logits[0]
            if ours.shape != logits.shape:
                sys.exit(f"logits.{n} has shape {tuple(logits.shape)}; the model computes {tuple(ours.shape)}")
            if not (ours.isfinite().all() and logits.isfinite().all()):
                sys.exit(f"logits.{n}: a logit is not finite")
            to_stored = max(to_stored, (ours - logits).abs().max().item())
            to_base = max(to_base, (ours - base).abs().max().item())
    return to_stored, to_base


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("model", type=Path)
    arguments.add_argument("adapter", type=Path)
    arguments.add_argument("logits", type=Path)
    arguments.add_argument("--tolerance", type=float, default=1e-4)
    options = arguments.parse_args()

    model, complaints = load(options.model, options.adapter)
    complaints += key_complaints(model, options.adapter)
    to_stored, to_base = largest_differences(model, load_file(options.logits))
    print(f"largest difference to the stored logits: {to_stored:.3e}; the adapter moves logits by up to {to_base:.3e}")
    if to_stored > options.tolerance:
        complaints.append(f"logits differ by {to_stored:.3e}; expected at most {options.tolerance:.0e}")
    if complaints:
        sys.exit("\n".join(complaints))


if __name__ == "__main__":
    main()
