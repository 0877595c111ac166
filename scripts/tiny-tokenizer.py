"""Writes the small byte-level BPE tokenizer of the tests: core/src/test/resources/dev/graft/tokenizer/tiny.

Needs Python 3 only. 256 bytes, a few words with the spaces before them, four special tokens; like Llama 3 it puts
<s> before a text and trims spaces off offsets. Its chat template is ChatML.
"""

import json
import pathlib

FOLDER = pathlib.Path(__file__).parent.parent / "core/src/test/resources/dev/graft/tokenizer/tiny"
WORDS = ["hello", " world", " yes", " no", "user", "assistant"]
SPECIAL = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"]


def byte_letters():
    """GPT-2's printable letter for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, spare = {b: chr(b) for b in plain}, 256
    for b in range(256):
        if b not in letters:
            letters[b] = chr(spare)
            spare += 1
    return letters


LETTERS = byte_letters()
vocabulary = {token: i for i, token in enumerate(SPECIAL)}
for b in range(256):
    vocabulary[LETTERS[b]] = len(vocabulary)
merges = []
for word in WORDS:
    letters = [LETTERS[b] for b in word.encode()]
    for n in range(1, len(letters)):
        left, right = "".join(letters[:n]), letters[n]
        if left + right not in vocabulary:
            merges.append([left, right])
            vocabulary[left + right] = len(vocabulary)

added = [
    {"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
     "special": True}
    for i, token in enumerate(SPECIAL)
]
tokenizer = {
    "version": "1.0",
    "truncation": {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0},
    "padding": {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 1,
                "pad_type_id": 0, "pad_token": "</s>"},
    "added_tokens": added,
    "normalizer": None,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    "post_processor": {"type": "Sequence", "processors": [
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        {"type": "TemplateProcessing",
         "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
         "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
         "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}}]},
    "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
              "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocabulary,
              "merges": merges},
}
config = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": {"__type": "AddedToken", "content": "<s>", "special": True},
    "eos_token": "</s>",
    "chat_template": "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content']"
                     " + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}"
                     "{{ '<|im_start|>assistant\n' }}{% endif %}",
}
FOLDER.mkdir(parents=True, exist_ok=True)
(FOLDER / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")) + "\n")
(FOLDER / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
(FOLDER / "generation_config.json").write_text(json.dumps({"eos_token_id": [1, 3]}) + "\n")
