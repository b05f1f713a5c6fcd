"""Puts what Jinja itself (3.1.6, set up as the transformers library does) renders into data/templates.golden.json; run after make-goldens.mjs."""
import datetime
import json
import pathlib

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

path = pathlib.Path(__file__).parent / "data" / "templates.golden.json"
golden = json.loads(path.read_text())


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols])
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = lambda form: datetime.datetime(2024, 7, 26, 12).strftime(form)
environment.filters["tojson"] = tojson
agrees = 0
for case in golden["rendered"]:
    script = case.pop("text", None), "error" in case
    case.pop("error", None)
    try:
        case["text"] = environment.from_string(golden["templates"][case["name"]]).render(
            messages=case["messages"], add_generation_prompt=True, tools=None, documents=None, bos_token="<s>", eos_token="</s>")
    except jinja2.exceptions.TemplateError as error:
        case["error"] = str(error)
    agrees += script == (case.get("text"), "error" in case)
path.write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")
print(f"{agrees} of {len(golden['rendered'])} as in JavaScript")
