#!/usr/bin/env python3
"""Which tokens of conversations are the assistant's, by Transformers, with the tiny tokenizer of the tests.

Writes core/src/test/resources/goldens/templates/masks.json. Each case is a template and a conversation with

  ids, assistant_masks   `apply_chat_template(return_assistant_tokens_mask=True)`, for templates with {% generation %};
                         TRL's `assistant_only_loss` learns these tokens
  ids, prompt_tokens     of a template without: the length of the conversation up to its last turn with the generation
                         prompt; TRL learns what follows it

Given the folder of the shared data it also writes bert-uncased.json: ids of texts by BertTokenizer over a vocab.txt.
"""

import json
import pathlib
import sys

import transformers
from transformers import PreTrainedTokenizerFast

ROOT = pathlib.Path(__file__).parent.parent
TINY = ROOT / "core/src/test/resources/dev/graft/tokenizer/tiny"
BUILT_IN = ROOT / "core/src/main/resources/dev/graft/tokenizer/templates"

PLAIN = ("{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' + '\n' }}{% endfor %}"
         "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
MARKED = ("{% for m in messages %}{% if m.role == 'assistant' %}[{% generation %}{{ m.content }}!{% endgeneration %}]"
          "{% else %}{{ m.content }}{% endif %}{% endfor %}")
# Turns begin and end with something else than a space: the tiny tokenizer gives spaces on their own no place in the
# text, and then Transformers takes everything up to the end of the conversation, or nothing.
CONVERSATIONS = [
    [("user", "hello"), ("assistant", "yes")],
    [("system", "no"), ("user", "hello world"), ("assistant", "yes\n\nno é 😀"), ("user", " no"), ("assistant", "world 日本")],
    [("assistant", "hello"), ("assistant", "no"), ("user", "yes yes"), ("assistant", "world")],
]


def main():
    tokenizer = PreTrainedTokenizerFast.from_pretrained(str(TINY))
    templates = {"plain": PLAIN, "marked": MARKED}
    for name in ["chatml", "llama3", "zephyr", "alpaca", "phi3"]:
        templates[name] = (BUILT_IN / f"{name}.jinja").read_text(encoding="utf-8")
    cases = []
    for name, template in templates.items():
        for turns in CONVERSATIONS:
            messages = [{"role": role, "content": text} for role, text in turns]
            case = {"template": name, "messages": messages}
            if name == "plain":
                case["ids"] = tokenizer.apply_chat_template(messages, chat_template=template)["input_ids"]
                prompt = tokenizer.apply_chat_template(messages[:-1], chat_template=template, add_generation_prompt=True)
                case["prompt_tokens"] = len(prompt["input_ids"])
            else:
                out = tokenizer.apply_chat_template(
                    messages, chat_template=template, return_assistant_tokens_mask=True, return_dict=True)
                case["ids"], case["assistant_masks"] = out["input_ids"], out["assistant_masks"]
            cases.append(case)
    versions = {"transformers": transformers.__version__, "python": sys.version.split()[0]}
    text = json.dumps({"versions": versions, "templates": templates, "cases": cases}, ensure_ascii=False)
    (ROOT / "core/src/test/resources/goldens/templates/masks.json").write_text(text + "\n", encoding="utf-8")
    print(versions, len(cases), "cases", len(text), "characters")
    if len(sys.argv) > 1:
        word_piece(pathlib.Path(sys.argv[1]) / "tokenizers", versions)


def word_piece(tokenizers, versions):
    """Ids of the texts of the shared goldens by BertTokenizer over bert-base-uncased/vocab.txt."""
    bert = transformers.BertTokenizer(vocab=str(tokenizers / "bert-base-uncased/vocab.txt"), do_lower_case=True)
    texts = [row["text"] for row in json.loads((tokenizers / "goldens/bert-base-cased.json").read_text())]
    cases = [{"text": text, "ids": bert(text)["input_ids"]} for text in texts]
    out = ROOT / "core/src/test/resources/goldens/templates/bert-uncased.json"
    out.write_text(json.dumps({"versions": versions, "cases": cases}, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
