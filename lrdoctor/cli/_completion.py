"""What the shell completes, beyond commands, options and files."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem


def rule_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The rules in force whose id or name begins so, each with the other beside it; for `shell_complete`."""
    from lrdoctor.config import load_config
    from lrdoctor.doctor import known_rules
    from lrdoctor.errors import LrdoctorError

    try:
        rules = known_rules(load_config(Path.cwd()))
    except LrdoctorError:
        return []  # the command says what is broken, once it is run
    by_id = [CompletionItem(rule.id, help=rule.name) for rule in rules if rule.id.startswith(incomplete.upper())]
    by_name = [CompletionItem(rule.name, help=rule.id) for rule in rules if rule.name.startswith(incomplete.lower())]
    return by_id if by_id or not incomplete else by_name
