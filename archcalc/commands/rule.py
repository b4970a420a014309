"""`archcalc rule [CODE]`."""

from __future__ import annotations

import click

from archcalc.commands import options
from archcalc.commands.printing import emit
from archcalc.diagnostics import RequestError
from archcalc.reports.rules.report import Report
from archcalc.rules.base import Rule
from archcalc.rules.codes import LANGUAGE, nearest
from archcalc.rules.selection import load_rules


def _codes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return [code for code in (*LANGUAGE, *load_rules()) if code.startswith(incomplete.upper())]


@click.command(name="rule")
@click.argument("code", required=False, shell_complete=_codes)
@options.form("rules")
@options.color
@options.guarded
def command(code: str | None, format: str, color: str) -> int:
    """Describe a rule: what it finds, why, and what to write instead.

    CODE is a code, e.g. PRM301, or a name, e.g. bias-before-norm. Without CODE, list all rules.
    """
    rules = load_rules()
    if code is None:
        emit("rules", format, Report(rules), color)
    else:
        emit("rule", format, Report(rules, _find(code, rules)), color)
    return 0


def _find(wanted: str, rules: dict[str, Rule]) -> str:
    names = {name: code for code, (name, _) in LANGUAGE.items()} | {rule.name: rule.code for rule in rules.values()}
    if wanted.upper() in rules or wanted.upper() in LANGUAGE:
        return wanted.upper()
    if wanted.lower() in names:
        return names[wanted.lower()]
    if any(code.rstrip("0123456789") == wanted.upper() for code in (*rules, *LANGUAGE)):
        raise RequestError(f"`{wanted}` is a group of rules: `archcalc rule` lists those of each group")
    near = nearest(wanted, [*rules, *LANGUAGE, *names])
    hint = f"did you mean `{near}`?" if near else "`archcalc rule` lists them"
    raise RequestError(f"no rule is named `{wanted}`: {hint}")
