"""Writes docs/reference and docs/pictures from what the program says of itself: `python docs/generate.py`.

A test compares the pages with what this would write, so that none is out of date.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib import import_module
from pathlib import Path

import click
from click.testing import CliRunner

import archcalc.layers
import archcalc.rules
from archcalc.cli import group
from archcalc.layers import FAMILIES, REGISTRY
from archcalc.reports import forms
from archcalc.rules.base import RULES
from archcalc.sources.huggingface.reading import families

sys.path.insert(0, str(Path(__file__).parent))  # for when a test reads this file by its path
from pictures import PICTURES, pictures

REFERENCE = Path(__file__).parent / "reference"
_WIDTH = 100


def indexes() -> dict[Path, str]:
    """The text of every index: what is known of files that are read only when they are asked for."""
    return {
        Path(archcalc.layers.__path__[0], "index.py"): _index_of_layers(),
        Path(archcalc.rules.__path__[0], "index.py"): _index_of_rules(),
    }


def _index_of_layers() -> str:
    """Which layers each file has; those named as a family first."""
    lines = []
    for path in sorted(
        Path(archcalc.layers.__path__[0]).glob("[a-z]*.py"), key=lambda path: (path.stem not in FAMILIES, path.stem)
    ):
        module = import_module(f"archcalc.layers.{path.stem}")
        classes = [one for one in vars(module).values() if getattr(one, "__module__", "") == module.__name__]
        names = [one.op for one in classes if REGISTRY.get(getattr(one, "op", "")) is one]
        lines += [f'    "{path.stem}": "{" ".join(names)}",'] if names else []
    return _written(
        "Which layers each file has; a spec reads the files of those it names.",
        "",
        "FILES = {",
        *lines,
        "}  # fmt: skip",
    )


def _index_of_rules() -> str:
    """Of each rule its file, its name, when it runs, and what it is about."""
    for path in Path(archcalc.rules.__path__[0]).glob("*/[a-z]*.py"):
        import_module(f"archcalc.rules.{path.parent.name}.{path.stem}")
    lines = []
    for code, rule in ((code, RULES[code]) for code in sorted(RULES) if RULES.registered(code)):
        about = [op for op, layer in REGISTRY.items() if rule.is_about(layer)]
        runs = ("MEASURED" if rule.evidence == "measured" else "ON") if rule.on else "ASKED"
        file = type(rule).__module__.removeprefix("archcalc.rules.")
        lines.append(f'    "{code}": ("{file}", "{rule.name}", {runs}, "{rule.key}", "{" ".join(about)}"),')
    return _written(
        "What is known of each rule before its file is read; linting a spec reads the files of those that may find something.",
        "",
        "# When a rule runs that nobody selects: always, with a device, or not.",
        'ON, MEASURED, ASKED = "on", "measured", "asked"',
        "# By code: the file, the name, when it runs, the key of a spec and the layers that it is about.",
        "FACTS = {",
        *lines,
        "}  # fmt: skip",
    )


def _written(what: str, *lines: str) -> str:
    return "\n".join([f'"""{what} Written by `python docs/generate.py`."""', *lines, ""])


def pages() -> dict[str, str]:
    """The text of every page, by its path in docs/reference."""
    return {
        **_layers(),
        **_rules(),
        "commands.md": _commands(),
        "reports.md": _reports(),
        "model-types.md": _model_types(),
    }


def write() -> None:
    """Write the indexes, the pages and the pictures anew; one that is no longer made goes."""
    made = {path: text for path, text in indexes().items() if path.read_text(encoding="utf-8") != text}
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
    if made:  # this process has read the old ones, which may name files that are gone
        os.execv(sys.executable, [sys.executable, __file__])
    for folder, texts in ((REFERENCE, pages()), (PICTURES, pictures())):
        shutil.rmtree(folder, ignore_errors=True)
        for name, text in texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def _said(*arguments: str) -> str:
    result = CliRunner(env={"COLUMNS": str(_WIDTH)}).invoke(group, list(arguments), prog_name="archcalc")
    if result.exit_code:
        raise RuntimeError(result.output)
    return result.output


def _layers() -> dict[str, str]:
    families: dict[str, list[dict[str, str]]] = {}
    for layer in json.loads(_said("layers", "--format", "json"))["layers"]:
        families.setdefault(layer["family"], []).append(layer)
    contents = ["# Layers", "", "What `archcalc layers` and `archcalc layer NAME` say.", ""]
    made = {}
    for family, layers in families.items():
        contents += [f"## [{family.capitalize()}]({family}.md)", "", "| layer | |", "|---|---|"]
        text = [f"# {family.capitalize()}", ""]
        for layer in layers:
            name = layer["name"]
            page = _said("layer", name)
            summary = page.split("\n\n")[1].split("\n")[0]
            contents.append(f"| [`{name}`]({family}.md#{name}) | {summary.replace('|', '&#124;')} |")
            text += [f"## {name}", "", "```text", page.rstrip(), "```", ""]
        contents.append("")
        made[f"layers/{family}.md"] = "\n".join(text)
    return {"layers/index.md": _with_contents(contents, families), **made}


def _rules() -> dict[str, str]:
    listed = json.loads(_said("rule", "--format", "json"))["rules"]
    groups: dict[str, list[dict[str, str]]] = {}
    for rule in listed:
        groups.setdefault(rule["group"], []).append(rule)
    overview = _said("rule")
    contents = ["# Rules", "", "What `archcalc rule` and `archcalc rule CODE` say.", ""]
    made = {}
    for code, rules in groups.items():
        title = next(line for line in overview.split("\n") if line.startswith(f"{code}  ")).split("  ")[1]
        title = title[0].upper() + title[1:]
        contents += [f"## [{code}: {title}]({code.lower()}.md)", "", "| code | name | severity | default | fix |", "|---|---|---|---|---|"]  # fmt: skip
        text = [f"# {code}: {title}", ""]
        for rule in rules:
            anchor = f"{rule['code']}-{rule['name']}".lower()
            contents.append(
                f"| [{rule['code']}]({code.lower()}.md#{anchor}) | {rule['name']} | {rule['severity']} | {'on' if rule['default'] else 'off'} | {rule['fix'] or ''} |"
            )
            text += _rule(rule)
        contents.append("")
        made[f"rules/{code.lower()}.md"] = "\n".join(text)
    return {"rules/index.md": _with_contents(contents, [code.lower() for code in groups]), **made}


def _rule(rule: dict[str, str]) -> list[str]:
    kind = f"{rule['severity'].capitalize()}, {rule['evidence']}, {'on' if rule['default'] else 'off unless selected'}"
    lines = [
        f"## {rule['code']}: {rule['name']}", "", f"*{kind}{', fixed by `lint --fix`' if rule['fix'] == 'safe' else ''}*", "",
        rule["why"], "",
    ]  # fmt: skip
    for key, title in (("example", "Fires on"), ("use_instead", "Write instead")):
        if rule[key]:
            lines += [f"{title}:", "", "```yaml", rule[key].rstrip(), "```", ""]
    return [*lines, f"Source: {rule['reference']}", ""] if rule["reference"] else lines


def _commands() -> str:
    lines = ["# Commands", "", "What `archcalc COMMAND --help` says.", ""]
    context = click.Context(group)
    for name in group.list_commands(context):
        lines += [f"## {name}", "", "```text", _said(name, "--help").rstrip(), "```", ""]
    return "\n".join(lines)


def _reports() -> str:
    lines = [
        "# Reports",
        "",
        "What each report is about, what prints it, and its forms; the first is what people get.",
        "",
    ]
    lines += ["| report | | printed by | forms |", "|---|---|---|---|"]
    reasons = []
    for report in forms.reports():
        about = import_module(f"archcalc.reports.{report}")
        names = ", ".join(f"`{form}`" for form in forms.forms(report))
        lines.append(f"| `{report}` | {about.__doc__} | `{about.COMMAND}` | {names} |")
        reasons += [f"* `{report}` as {form}: {reason}" for form, reason in forms.without(report).items()]
    return "\n".join(
        [
            *lines,
            "",
            "`archcalc schema --report NAME` prints the JSON Schema of a report that has JSON.",
            "",
            "## What there is not",
            "",
            *reasons,
            "",
        ]
    )


def _model_types() -> str:
    count = sum(len(models) for _, models in families())
    lines = ["# Model types of Hugging Face", "", f"The {count} kinds of config.json that are read, by family.", ""]
    for about, models in families():
        lines += [f"* {about}  ", "  " + ", ".join(f"`{name}`" for name in sorted(models))]
    return "\n".join([*lines, ""])


def _with_contents(lines: list[str], names: object) -> str:
    """A page with a list of its pages that the documentation's sidebar reads."""
    return "\n".join([*lines, "```{toctree}", ":hidden:", "", *names, "```", ""])


if __name__ == "__main__":
    write()
