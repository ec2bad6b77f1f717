"""A group of subcommands, each imported only when it is called, so that none pays for another's libraries."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """Subcommands by name: the module whose `command` each is, and its one-line help."""

    def __init__(self, *words: Any, modules: Mapping[str, tuple[str, str]], **settings: Any) -> None:
        super().__init__(*words, **settings)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name them, in the order in which they are listed."""
        del ctx
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the one of that name; None if there is none."""
        del ctx
        if cmd_name not in self._modules:
            return None
        found: click.Command = importlib.import_module(self._modules[cmd_name][0]).command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their one-line help, without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in self._modules.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find what was typed; UsageError says what may have been meant."""
        if args and args[0] not in self._modules and not args[0].startswith("-"):
            import difflib  # noqa: PLC0415  # for a mistake only

            close = difflib.get_close_matches(args[0], self._modules, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else f" Commands: {', '.join(self._modules)}."
            raise click.UsageError(f"there is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)
