#!/usr/bin/env python3
"""Which chat template AutoTokenizer of Transformers takes from the files in a model's folder, for TemplateFilesTest.

    python scripts/goldens_template_files.py

Each case is the tokenizer of the tests (scripts/tiny-tokenizer.py) with other template files beside it; the templates are
plain texts, so that what is written names the one chosen. Writes core/src/test/resources/goldens/templates/files.json.
"""

import json
import pathlib
import shutil
import tempfile

import transformers

ROOT = pathlib.Path(__file__).parent.parent
TINY = ROOT / "core/src/test/resources/dev/graft/tokenizer/tiny"
OUT = ROOT / "core/src/test/resources/goldens/templates/files.json"
JINJA, TOOLS, RAG = "chat_template.jinja", "additional_chat_templates/tool_use.jinja", "additional_chat_templates/rag.jinja"


def named(*names):
    return [{"name": n, "template": n + " of the list"} for n in names]


def config(template):
    return {"tokenizer_config.json": json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>",
         **({"chat_template": template} if template else {})})}


LEGACY = {"chat_template.json": json.dumps({"chat_template": "json"})}
CASES = {
    "none": config(None),
    "config": config("config"),
    "jinja": {**config(None), JINJA: "jinja"},
    "jinja ends with a line break": {**config(None), JINJA: "jinja\n"},
    "jinja before config": {**config("config"), JINJA: "jinja"},
    "jinja before a list": {**config(named("default", "tool_use")), JINJA: "jinja"},
    "jinja before chat_template.json": {**config(None), **LEGACY, JINJA: "jinja"},
    "config before chat_template.json": {**config("config"), **LEGACY},
    "list": config(named("default", "tool_use", "rag")),
    "list without tool_use": config(named("default", "rag")),
    "list without default": config(named("tool_use", "rag")),
    "list of one that is not default": config(named("rag")),
    "list of default alone": config(named("default")),
    "jinja and others": {**config(None), JINJA: "jinja", TOOLS: "tools", RAG: "rag"},
    "jinja and others before config": {**config("config"), JINJA: "jinja", TOOLS: "tools"},
    "others alone before config": {**config("config"), TOOLS: "tools"},
    "others alone without tool_use": {**config(None), RAG: "rag"},
}


def chosen(folder, tools):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    try:
        return tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tools=tools, tokenize=False)
    except ValueError:
        return None


def case(name, files):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        shutil.copy(TINY / "tokenizer.json", folder)
        for path, content in files.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(content)
        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
        return {"case": name, "files": files, "plain": chosen(folder, None), "with_tools": chosen(folder, [tool])}


result = {"versions": {"transformers": transformers.__version__}, "cases": [case(n, f) for n, f in CASES.items()]}
OUT.write_text(json.dumps(result, indent=1) + "\n")
print(result["versions"], len(result["cases"]), "cases")
