#!/usr/bin/env python3
"""Expected output of Jinja templates, rendered by the environment that Transformers builds for chat templates.

Writes core/src/test/resources/goldens/templates/:
  snippets.json   small templates, each with what Python makes of it: "text", or "error" (and "raised" when the
                  template itself called raise_exception)
  families.json   chat templates in the manner of well-known model families over conversations

Run with Transformers 5.23 and Jinja2 3.1.6; the versions are recorded in the files.
"""

import json
import pathlib
import sys

import jinja2
import transformers
from transformers.utils import chat_template_utils

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from templates_families import FAMILIES  # noqa: E402
from templates_snippets import CONTEXTS, SNIPPETS  # noqa: E402

OUT = pathlib.Path(__file__).parent.parent / "core/src/test/resources/goldens/templates"
VERSIONS = {"transformers": transformers.__version__, "jinja2": jinja2.__version__, "python": sys.version.split()[0]}


def rendered(source, context):
    try:
        text = chat_template_utils._compile_jinja_template(source).render(**context)
        # an address in memory is another one next time: a template that prints one is wrong
        return {"error": "prints an address"} if " at 0x" in text else {"text": text}
    except jinja2.exceptions.TemplateError as e:
        raised = type(e) is jinja2.exceptions.TemplateError and "raise_exception" in source
        return {"error": str(e), **({"raised": True} if raised else {})}
    except Exception as e:  # TypeError, ValueError …: whatever Python raises
        return {"error": f"{type(e).__name__}: {e}"}


def snippets():
    rows = []
    for source in SNIPPETS:
        name = "default"
        if isinstance(source, tuple):
            name, source = source
        rows.append({"template": source, "context": name, **rendered(source, CONTEXTS[name])})
    return {"versions": VERSIONS, "contexts": CONTEXTS, "cases": rows}


def families():
    templates, cases = {}, []
    for name, source, conversations in FAMILIES:
        templates[name] = source
        for title, context in conversations.items():
            cases.append({"template": name, "case": title, "context": context, **rendered(source, context)})
    return {"versions": VERSIONS, "templates": templates, "cases": cases}


def write(name, value):
    OUT.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, ensure_ascii=False, indent=1)
    (OUT / name).write_text(text + "\n", encoding="utf-8")
    print(name, len(text), "characters,", len(value["cases"]), "cases,",
          sum("error" in row for row in value["cases"]), "errors")


if __name__ == "__main__":
    print(VERSIONS)
    write("snippets.json", snippets())
    write("families.json", families())
