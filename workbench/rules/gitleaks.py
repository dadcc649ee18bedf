"""A gitleaks rule: a rule as gitleaks' TOML configuration writes it, and what becomes of it here.

Its regular expression holds the secret and what stands round it in one; here they are apart. The secret's group becomes
the pattern. What stands before it becomes the delimiter when it is narrow, and keywords that must stand near when it is a
name and an assignment.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from re import _parser
from typing import Any

from workbench.errors import UsageError
from workbench.rules.custompattern import Translated
from workbench.rules.load import WIDEST_DELIMITER, refusals, search_way
from workbench.rules.pattern import PatternError, lengths, parse
from workbench.rules.text import DEFAULT_AFTER, DEFAULT_BEFORE, FormatText, NearText

KEYWORD_WINDOW_BYTES = 60
"""How near gitleaks' keywords must stand where its expression wanted them before an assignment."""

_KNOWN = frozenset({"id", "description", "regex", "secretGroup", "entropy", "keywords", "allowlist", "allowlists", "tags"})
_CLASSES = {"[:alnum:]": "0-9A-Za-z", "[:alpha:]": "A-Za-z", "[:digit:]": "0-9", "[:lower:]": "a-z", "[:upper:]": "A-Z",
            "[:xdigit:]": "0-9A-Fa-f", "[:word:]": "0-9A-Za-z_", "[:space:]": r"\s"}


@dataclass(slots=True)
class _Rule:
    """One rule under translation: where it stands, and a line for whatever is lost."""

    id: str
    line: int
    lines: list[str] = field(default_factory=list)

    def say(self, what: str) -> None:
        self.lines.append(f"line {self.line}: {self.id}: {what}")


def import_gitleaks(text: str, *, provider: str) -> Translated:
    """A rules file's data from gitleaks' TOML. Raises :class:`UsageError` for text that is no such configuration."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"Expected gitleaks' TOML but got {error}") from None
    rows = data.get("rules")
    if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
        raise UsageError("Expected gitleaks' TOML with [[rules]] but got none")
    lines = [f"line {_line(text, key)}: the global {key} is not translated" for key in ("allowlist", "extend") if key in data]
    secrets: dict[str, dict[str, Any]] = {}
    for row in rows:
        rule = _Rule(str(row.get("id", "without an id")), _line(text, str(row.get("id", ""))))
        secret = _secret(row, rule)
        if secret is not None and secret["type"] in secrets:
            rule.say("left out: a rule of this id stands before it")
        elif secret is not None:
            secrets[secret["type"]] = secret
        lines += rule.lines
    return Translated({"provider": provider, "secrets": list(secrets.values())}, tuple(lines))


def _line(text: str, word: str) -> int:
    """1-based line where ``word`` first stands as a value or a table's name; 1 where it does not."""
    found = re.search(rf'(?m)^.*(?:["\']{re.escape(word)}["\']|\[+{re.escape(word)}\]+).*$', text)
    return text.count("\n", 0, found.start()) + 1 if found and word else 1


def _secret(row: Mapping[str, Any], rule: _Rule) -> dict[str, Any] | None:
    if not isinstance(row.get("regex"), str):
        rule.say("left out: it has no regex (rules of paths alone have no counterpart)")
        return None
    for key in sorted(set(row) - _KNOWN):
        rule.say(f"{key} is not translated")
    try:
        parts = _taken_apart(row["regex"], int(row.get("secretGroup", 0)))
    except (PatternError, _parser.error) as error:
        rule.say(f"left out: {error}")
        return None
    formats = []
    for part in parts:
        fmt = _format(row, part, rule)
        problem = _problem(fmt)
        if problem is None:
            formats.append(fmt)
        else:
            rule.say(f"left out{', one alternative' if len(parts) > 1 else ''}: {problem}")
    if not formats:
        return None
    slug = re.sub(r"[^a-z0-9]+", "_", rule.id.lower()).strip("_")
    return {"type": slug, "name": slug.replace("_", " ").title(), "formats": formats}


def _problem(fmt: Mapping[str, Any]) -> str | None:
    """Why a format cannot be used, or None."""
    for engine, why in refusals(fmt["pattern"]):
        return f"{engine} refuses its pattern: {why}"
    if lengths(parse(fmt["pattern"]))[0] < 4:
        return "its secret may be under 4 bytes long"
    if search_way(FormatText.model_validate(dict(fmt)), is_part=False) is None:
        return "it has neither a literal to search for nor keywords"
    return None


def _format(row: Mapping[str, Any], parts: tuple[str, str, str], rule: _Rule) -> dict[str, Any]:
    before, pattern, after = parts
    fmt: dict[str, Any] = {"pattern": pattern}
    keywords = [k for k in row.get("keywords", ()) if isinstance(k, str) and len(k) >= 2]
    is_context = not _is_delimiter(before)
    if is_context:
        rule.say("what its regex wants before the secret became keywords near it" if keywords else
                 "what its regex wants before the secret is lost: it has no keywords")
    elif before:
        fmt["before"] = before
    if not _is_delimiter(after):
        rule.say("what its regex wants after the secret is lost")
    elif after:
        fmt["after"] = after
    refused = _allowed(row, rule)
    if refused:
        fmt["must_not_match"] = refused
    if row.get("entropy"):
        fmt["min_entropy"] = float(row["entropy"])
    if keywords and (is_context or _needs_keywords(fmt)):
        near = {"keywords": keywords, "window": {"bytes": KEYWORD_WINDOW_BYTES}}
        fmt["near"] = NearText.model_validate(near).model_dump()
    return fmt


def _needs_keywords(fmt: Mapping[str, Any]) -> bool:
    try:
        return search_way(FormatText.model_validate(dict(fmt)), is_part=False) is None
    except PatternError:
        return False  # reported where the pattern is


def _is_delimiter(expression: str) -> bool:
    """Whether it can stand as `before` or `after`: short, and no more than a few characters long."""
    try:
        return lengths(parse(expression))[1] <= min(16, WIDEST_DELIMITER) if expression else True
    except PatternError:
        return False


def _allowed(row: Mapping[str, Any], rule: _Rule) -> list[str]:
    """gitleaks' allow lists as patterns that a token must not match."""
    found: list[str] = []
    lists = row.get("allowlists") or ([row["allowlist"]] if isinstance(row.get("allowlist"), dict) else [])
    for allow in lists:
        if allow.get("condition", "OR").upper() == "AND" and sum(k in allow for k in ("regexes", "paths", "stopwords")) > 1:
            rule.say("an allow list whose conditions must all hold is lost")
            continue
        for key in sorted(set(allow) - {"description", "regexes", "regexTarget", "stopwords", "condition"}):
            rule.say(f"the allow list's {key} is lost")
        if allow.get("regexTarget", "secret") not in ("secret", ""):
            rule.say(f"an allow list that looks at the {allow['regexTarget']} is lost")
        else:
            found += [e for e in map(_plain, allow.get("regexes", ())) if _holds(e, rule)]
        if allow.get("stopwords"):
            found.append("(?i:" + "|".join(re.escape(w) for w in allow["stopwords"]) + ")")
    return found


def _holds(expression: str, rule: _Rule) -> bool:
    refused = refusals(expression)
    if refused:
        rule.say(f"an allow list's regex is lost: {refused[0][0]} refuses it")
    return not refused


# ---------------------------------------------------------------------------------------------------------------------
# An expression taken apart


def _plain(expression: str) -> str:
    """Go's spelling as the shared subset's: classes in words spelled out, options round what they are for."""
    for theirs, ours in _CLASSES.items():
        expression = expression.replace(theirs, ours)
    return _scoped(re.sub(r"\(\?P<\w+>", "(", expression))


def _scoped(expression: str) -> str:
    """Go's ``x(?i)y|z``, an option from there to the group's end, as ``x(?i:y)|(?i:z)``."""
    for at, _ in _places(expression):
        option = re.match(r"\(\?([ims]*)(-[ims]+)?\)", expression[at:])
        if option is None:
            continue
        start = at + option.end()
        stop = _group_end(expression, start)
        word = "(?i:" if "i" in option.group(1) else "(?-i:" if "i" in (option.group(2) or "") else "(?:"
        inside = "|".join(f"{word}{part})" for part in _branches(_scoped(expression[start:stop])))
        return expression[:at] + inside + expression[stop : stop + 1] + _scoped(expression[stop + 1 :])
    return expression


def _places(expression: str) -> Iterator[tuple[int, int]]:
    """(offset, depth) of every character that is neither escaped nor in a class; a bracket has the depth outside it."""
    depth, at = 0, 0
    while at < len(expression):
        c = expression[at]
        if c == "\\":
            at += 2
            continue
        if c == ")":
            depth -= 1
        yield at, depth
        if c == "[":
            at = _class_end(expression, at)
        if c == "(":
            depth += 1
        at += 1


def _class_end(expression: str, at: int) -> int:
    """Offset of the ] that closes the class opened at ``at``; a ] at its very start belongs to it."""
    at += 2 if expression[at + 1 : at + 2] == "^" else 1
    first = True
    while at < len(expression) and (expression[at] != "]" or first):
        at += 2 if expression[at] == "\\" else 1
        first = False
    return at


def _group_end(expression: str, start: int) -> int:
    """Offset of the bracket that closes the group ``start`` lies in; the expression's end for none."""
    return next((start + at for at, depth in _places(expression[start:]) if depth < 0), len(expression))


def _branches(expression: str) -> list[str]:
    """The alternatives at the top of an expression."""
    bars = [at for at, depth in _places(expression) if depth == 0 and expression[at] == "|"]
    return [expression[a + 1 : b] for a, b in itertools.pairwise([-1, *bars, len(expression)])]


def _taken_apart(regex: str, group: int) -> list[tuple[str, str, str]]:
    """(before, pattern, after) for every alternative of a regex: cut round its secret, the first group or the one named.

    Raises :class:`PatternError` when a secret is not at the top of its alternative, so that it cannot be cut out.
    """
    branches = _branches(_plain(regex))
    if group > 1 and len(branches) > 1:
        raise PatternError("Expected one alternative beside secretGroup but got several")
    return [_cut_branch(branch, group) for branch in branches]


def _cut_branch(branch: str, group: int) -> tuple[str, str, str]:
    is_caseless = branch.startswith("(?i:") and _group_end(branch, 4) == len(branch) - 1
    inner = branch[4:-1] if is_caseless else branch
    spans = list(_top_groups(inner))
    if not spans and _parser.parse(inner).state.groups > 1 or group > max(1, len(spans)):
        raise PatternError("Expected its secret at the top of the regex but got it inside another group")
    if spans:
        start, end = spans[max(group, 1) - 1]
        before, pattern, after = inner[:start], inner[start + 1 : end - 1], inner[end:]
    else:
        pattern = inner.removeprefix(r"\b").removesuffix(r"\b").removeprefix("^").removesuffix("$")
        before = after = ""
    return (_cased(_delimiter(before, DEFAULT_BEFORE), is_caseless), f"(?i:{pattern})" if is_caseless else pattern,
            _cased(_delimiter(after, DEFAULT_AFTER), is_caseless))


def _cased(delimiter: str, is_caseless: bool) -> str:
    """A delimiter with words in it keeps the option; most have none, and are easier to read without."""
    return f"(?i:{delimiter})" if is_caseless and re.search(r"(?<!\\)[A-Za-z]{2}", delimiter) else delimiter


def _delimiter(expression: str, default: str) -> str:
    """What stands beside the secret, as a delimiter; "" where the default says the same or nothing is asked."""
    bare = expression.replace(r"\b", "")
    if bare in ("", "^", "$"):
        return ""
    text = re.sub(r"(?<!\\)\$", r"\\z", bare)
    text = re.sub(r"(?<![\[\\])\^", r"\\A", text)
    return "" if text == default else text


def _top_groups(expression: str) -> Iterator[tuple[int, int]]:
    """Spans of the capturing groups that stand in no other group, in order."""
    for at, depth in _places(expression):
        if depth == 0 and expression[at] == "(" and expression[at + 1 : at + 2] != "?":
            yield at, _group_end(expression, at + 1) + 1
