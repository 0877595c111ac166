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


# ChatML with tools, marked for assistant_only_loss; without the marks it is UNMARKED
MARKED = """{%- if tools %}{{- '<|im_start|>system\n' + (tools | tojson) + '<|im_end|>\n' }}{%- endif %}
{%- for message in messages %}
    {{- '<|im_start|>' + message['role'] + '\n' }}
    {%- if message['role'] == 'assistant' %}
        {%- generation %}
            {{- message['content'] or '' }}
            {%- for call in message['tool_calls'] or [] %}{{- call['function'] | tojson }}{%- endfor %}
            {{- '<|im_end|>' }}
        {%- endgeneration %}
    {%- else %}
        {{- message['content'] + '<|im_end|>' }}
    {%- endif %}
    {{- '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"""
UNMARKED = MARKED.replace("{%- generation %}", "").replace("{%- endgeneration %}", "")
TOOL = {"type": "function", "function": {"name": "add", "parameters": {
    "type": "object", "properties": {"a": {"type": "integer"}}}}}


def turns(*contents, system=None):
    first = [{"role": "system", "content": system}] if system else []
    return first + [{"role": ("user", "assistant")[i % 2], "content": c} for i, c in enumerate(contents)]


CHATS = [
    {"messages": turns("hello", "world")},
    {"messages": turns("hello", "yes", "no", "é 中文 🙂", "hello\n", "\n\nyes no\n")},
    {"messages": turns("hello", "world", "and", "", system="user: no")},
    {"messages": turns("hello", "yes", "no")},
    {"messages": turns("add one", "calls", system="tools") + [
        {"role": "tool", "content": "2"}, {"role": "assistant", "content": "two"}], "tools": json.dumps([TOOL])},
]
# Transformers finds no token where the first character of an answer is a space that the tokenizer cuts from its
# offsets: it marks nothing of this one
SPACED = {"messages": turns("hello", " world")}
SPLIT = [
    {"prompt": turns("hello"), "completion": [{"role": "assistant", "content": " world"}]},
    {"prompt": turns("hello", "yes", "no", system="user"), "completion": [{"role": "assistant", "content": "é\n"}]},
    {"prompt": turns("hello"), "completion": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"},
                                              {"role": "assistant", "content": "c"}]},
]


def prepared(rows, completion_only_loss, template=None):
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(TINY / "tokenizer.json"), bos_token="<s>", eos_token="</s>", pad_token="</s>",
        chat_template=template)
    config = transformers.LlamaConfig(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
                                      num_key_value_heads=1, vocab_size=len(tokenizer))
    with tempfile.TemporaryDirectory() as folder:
        args = trl.SFTConfig(folder, completion_only_loss=completion_only_loss,
                             assistant_only_loss=template is not None and "{%- generation" in template, max_length=None, report_to="none",
                             use_cpu=True, bf16=False, eos_token="</s>")
        trainer = trl.SFTTrainer(transformers.LlamaForCausalLM(config), args=args, processing_class=tokenizer,
                                 train_dataset=datasets.Dataset.from_list(rows))
        if "labels" not in trainer.train_dataset.column_names:  # then the collator makes them, from the masks
            return [{"ids": row["input_ids"], "labels": trainer.data_collator([row])["labels"][0].tolist()}
                    for row in trainer.train_dataset]
        return [{"ids": row["input_ids"], "labels": row["labels"]} for row in trainer.train_dataset]


pairs = [{"prompt": p, "completion": c} for p, c in PAIRS]
texts = [{"text": t} for t in TEXTS]
def marks_of_transformers(row):
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(TINY / "tokenizer.json"), eos_token="</s>")
    return tokenizer.apply_chat_template(row["messages"], chat_template=MARKED, return_assistant_tokens_mask=True,
                                         return_dict=True)["assistant_masks"]


result = {
    "versions": {m.__name__: m.__version__ for m in (trl, transformers, torch)},
    "pairs": pairs,
    "completion_only": prepared(pairs, True),
    "all": prepared(pairs, False),
    "texts": texts,
    "text": prepared(texts, None),
    "chats": CHATS,
    "marked": MARKED,
    "assistant_only": [prepared([row], None, MARKED)[0] for row in CHATS],
    "spaced": SPACED,
    "spaced_marks": marks_of_transformers(SPACED),
    "unmarked": UNMARKED,
    "splits": SPLIT,
    "completion_only_chat": [prepared([row], True, UNMARKED)[0] for row in SPLIT],
}
OUT.parent.mkdir(parents=True, exist_ok=True)
OUT.write_text(json.dumps(result, ensure_ascii=False) + "\n")
print(result["versions"])
