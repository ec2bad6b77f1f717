"""What a runbook's sh block consists of: its commands, each with its line and its words, and the programs that it needs.

Read, never run. A word whose value only a run knows (a variable, a substitution) is marked as such and never guessed. What is
too clever for this reader is left out rather than misread: whoever judges commands must not judge what was not written.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

UNKNOWN: Final = "\0"
"""Stands in a word for what only a run knows: the value of a variable, the output of a substitution."""

_KEYWORDS: Final = frozenset(
    {"if", "then", "else", "fi", "for", "do", "done", "while", "until", "elif", "case", "esac", "{", "}", "!"}
)


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command: its words without quotes, without what redirects it, and the line that it begins on."""

    words: tuple[str, ...]
    line: int


def commands(script: str, *, first_line: int = 1) -> tuple[Command, ...]:
    """Return a script's simple commands, those of substitutions and functions too; lines count from `first_line`.

    A call of one of the script's own functions is left out: what it does stands in the function.
    """
    scanner = _Scanner(without_here_documents(script), first_line)
    scanner.run("")
    found = [command for command in scanner.found if command.words[0] not in scanner.functions]
    return tuple(sorted(found, key=lambda command: command.line))


def without_here_documents(script: str) -> str:
    """Return a script with blank lines in place of what its here-documents hold."""
    return _HERE_DOCUMENT.sub(_blank_lines, script)


def _blank_lines(found: re.Match[str]) -> str:
    """Return what stands behind a here-document's mark, and as many blank lines as keep the line numbers true."""
    return found["rest"] + "\n" * found[0].count("\n")


class _Scanner:
    """Walks once over a script; commands collect in `found`."""

    def __init__(self, text: str, line: int) -> None:
        self.found: list[Command] = []
        self._text = text
        self._at = 0
        self._line = line
        self._words: list[str] = []
        self._word: str | None = None
        self._begun = line
        self.functions: set[str] = set()
        self._patterns: list[bool] = []
        """For each `case` that is open: whether what comes is a pattern of it, and no command."""

    def run(self, until: str) -> None:
        """Read commands up to the unquoted character `until`, or to the end."""
        outer = (self._words, self._word, self._begun, self._patterns)
        self._words, self._word, self._begun, self._patterns = [], None, self._line, []
        while self._at < len(self._text):
            character = self._next()
            if character == until and self._in_pattern():
                # Only here it shows that the word before was `esac`.
                self._end_word()
            if character == until and not self._in_pattern():
                break
            self._take(character)
        self._end_command()
        self._words, self._word, self._begun, self._patterns = outer

    def _take(self, character: str) -> None:
        match character:
            case "\\" if self._text.startswith("\n", self._at):
                self._next()
            case " " | "\t":
                self._end_word()
            case "&" | "|" if self._word is not None and self._word.endswith((">", "<")):
                self._add(character)
            case ";" | "(" | ")" if self._takes_syntax(character):
                pass
            case "\n" | ";" | "|" | "&" | ")":
                self._end_command()
            case "(":
                self._end_command()
                self.run(")")
            case "#" if self._word is None:
                self._skip_to("\n")
            case _:
                self._add(self._part(character))

    def _takes_syntax(self, character: str) -> bool:
        """Take what separates the patterns of a `case` and their commands, or begins a function; say whether it was that."""
        match character:
            case ";" if self._patterns and self._text.startswith((";", "&"), self._at):
                self._end_command()
                self._next()
                self._expect(pattern=True)
            case ")" if self._in_pattern():
                self._end_word()
                self._words = []
                self._expect(pattern=False)
            case "(" if self._in_pattern():
                pass
            case "(" if self._has_words() and (closed := _CLOSED.match(self._text, self._at)):
                self._end_word()
                self.functions.update(self._words[-1:])
                self._words = []
                self._at = closed.end()
            case _:
                return False
        return True

    def _part(self, character: str) -> str:
        """Return what a character, and what belongs to it, stands for inside of a word."""
        match character:
            case "\\":
                return self._next().strip("\n")
            case "'":
                return self._skip_to("'", over=True)
            case '"':
                return self._quoted()
            case "$":
                return self._expanded()
            case "`":
                self.run("`")
                return UNKNOWN
        return character

    def _quoted(self) -> str:
        parts: list[str] = []
        while self._at < len(self._text) and (character := self._next()) != '"':
            parts.append(character if character == "'" else self._part(character))
        return "".join(parts)

    def _expanded(self) -> str:
        if self._text.startswith("((", self._at):
            self._skip_to("))", over=True)
        elif self._text.startswith("(", self._at):
            self._next()
            self.run(")")
        elif self._text.startswith("{", self._at):
            self._skip_to("}", over=True)
        elif name := _VARIABLE.match(self._text, self._at):
            self._at = name.end()
        else:
            return "$"
        return UNKNOWN

    def _next(self) -> str:
        """Return the next character; nothing at the end."""
        character = self._text[self._at : self._at + 1]
        self._at += 1
        self._line += character == "\n"
        return character

    def _skip_to(self, mark: str, *, over: bool = False) -> str:
        end = self._text.find(mark, self._at)
        end = len(self._text) if end < 0 else end
        skipped = self._text[self._at : end]
        self._line += skipped.count("\n")
        self._at = end + (len(mark) if over else 0)
        return skipped

    def _add(self, part: str) -> None:
        if self._word is None and not self._words:
            self._begun = self._line
        self._word = (self._word or "") + part

    def _end_word(self) -> None:
        if self._word is not None:
            self._words.append(self._word)
        self._word = None
        head = [word for word in self._words if word not in _KEYWORDS - {"case", "esac"}]
        if head == ["esac"] and self._patterns:
            self._patterns.pop()
            self._words = []
        elif len(head) == _HEAD_OF_CASE and head[0] == "case" and head[-1] == "in" and not self._in_pattern():
            self._patterns.append(True)
            self._words = []

    def _expect(self, *, pattern: bool) -> None:
        """Say what comes next in the innermost `case`; the word before may have ended the only one."""
        if self._patterns:
            self._patterns[-1] = pattern

    def _in_pattern(self) -> bool:
        return bool(self._patterns) and self._patterns[-1]

    def _has_words(self) -> bool:
        return bool(self._words) or self._word is not None

    def _end_command(self) -> None:
        self._end_word()
        words = tuple(_without_redirections(_from_program(self._words)))
        if words and not self._in_pattern():
            self.found.append(Command(words, self._begun))
        self._words = []


def _from_program(words: Sequence[str]) -> Sequence[str]:
    """Leave out what stands before a command's program: keywords and assignments; nothing is left of the head of a loop."""
    for index, word in enumerate(words):
        if word in {"for", "case"}:
            return ()
        if word not in _KEYWORDS and not _ASSIGNMENT.match(word):
            return words[index:]
    return ()


def _without_redirections(words: Sequence[str]) -> Iterator[str]:
    is_target = False
    for word in words:
        redirection = _REDIRECTION.match(word)
        if not is_target and not redirection:
            yield word
        is_target = redirection is not None and redirection.end() == len(word)


def programs(script: str) -> list[str]:
    """Return the programs that a script's commands begin with; comments and what a here-document holds are left out."""
    names = dict.fromkeys(command.words[0] for command in commands(script))
    return [name for name in names if name not in _BUILTINS and UNKNOWN not in name]


_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9?#@*!$-]")
_CLOSED: Final = re.compile(r"[ \t]*\)")
_HEAD_OF_CASE: Final = 3
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_REDIRECTION: Final = re.compile(r"[0-9]*(?:&>>?|>>|>\||>&|<>|<&|>|<)")
_HERE_DOCUMENT: Final = re.compile(r"<<-?[ \t]*(['\"]?)(?P<end>\w+)\1(?P<rest>.*)\n(?:.*\n)*?\t*(?P=end)$", re.MULTILINE)
_BUILTINS: Final = frozenset(
    shlex.split(
        ". : [ alias bg break cd command continue echo eval exec exit export false fg getopts hash jobs kill local printf pwd "
        "read readonly return set shift source test times trap true type ulimit umask unalias unset wait"
    )
)
