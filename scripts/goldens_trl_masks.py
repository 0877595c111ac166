"""Tokens and labels as TRL's SFTTrainer prepares them, for TrlMasksTest.

    python scripts/goldens_trl_masks.py

Needs trl, transformers, torch. Runs the preparation of the trainer itself (no training step) on the tokenizer of the
tests (scripts/tiny-tokenizer.py) and a random model of width 8. Writes
core/src/test/resources/goldens/trl/masks.json.
"""
import json
import pathlib
import tempfile

import datasets
import torch
import transformers
import trl

torch.set_num_threads(1)
datasets.disable_progress_bars()
ROOT = pathlib.Path(__file__).parent.parent
TINY = ROOT / "core/src/test/resources/dev/graft/tokenizer/tiny"
OUT = ROOT / "core/src/test/resources/goldens/trl/masks.json"

PAIRS = [
    ("hello", " world"), ("hello ", "world"), ("hello world", " yes no"), ("hello\n", "\n yes"), ("", "hello"),
    ("hell", "o world"), ("user:", "assistant"), ("hello  ", "  world"), ("hello é", "ü yes 中文"),
    ("Q: 2+2=\nA:", " 4"), ("hello", " yes</s>"), ("a b c ", " d"), ("<|im_start|>user\nhello<|im_end|>\n", "yes"),
    ("no" * 30, " yes" * 5), ("tab\t", "\tbed"), ("🙂", "🙃 world"), ("wor", "ld"), (" yes", " yes"), ("x", "y"),
]
TEXTS = ["hello world", " yes no", "é中🙂", "hello</s>", "a\n\nb"]


def prepared(rows, completion_only_loss):
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(TINY / "tokenizer.json"), bos_token="<s>", eos_token="</s>", pad_token="</s>")
    config = transformers.LlamaConfig(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
                                      num_key_value_heads=1, vocab_size=len(tokenizer))
    with tempfile.TemporaryDirectory() as folder:
        args = trl.SFTConfig(folder, completion_only_loss=completion_only_loss, max_length=None, report_to="none",
                             use_cpu=True, bf16=False, eos_token="</s>")
        trainer = trl.SFTTrainer(transformers.LlamaForCausalLM(config), args=args, processing_class=tokenizer,
                                 train_dataset=datasets.Dataset.from_list(rows))
        return [{"ids": row["input_ids"], "labels": row["labels"]} for row in trainer.train_dataset]


pairs = [{"prompt": p, "completion": c} for p, c in PAIRS]
texts = [{"text": t} for t in TEXTS]
result = {
    "versions": {m.__name__: m.__version__ for m in (trl, transformers, torch)},
    "pairs": pairs,
    "completion_only": prepared(pairs, True),
    "all": prepared(pairs, False),
    "texts": texts,
    "text": prepared(texts, None),
}
OUT.parent.mkdir(parents=True, exist_ok=True)
OUT.write_text(json.dumps(result, ensure_ascii=False) + "\n")
print(result["versions"])
