"""Rule files are the rules of a session as text: as they were opened, and as they have been edited since.

Only the files that an edited rule needs are read again after an edit. The whole set, which takes seconds when it is
GitHub's catalogue and was never read before, is read once, in the background.
"""

from __future__ import annotations

import difflib
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench.errors import RulesError, UsageError
from workbench.lab import editing, mentions
from workbench.lab.onerule import only
from workbench.lab.textfiles import difference, read, shortest, write
from workbench.measure import ruletests
from workbench.rules import cached, load
from workbench.rules.lint import check_loaded
from workbench.rules.problem import Problem
from workbench.rules.rule import RuleSet, build
from workbench.rules.source import rule_files

_PATIENCE_S = 1.0
"""How long opening waits for the whole set: a few files are read by then, so their problems are told at once."""


class Saved(list[Path]):
    """Where files were saved, as a person reads it."""

    def __repr__(self) -> str:
        return "\n".join(f"saved {shortest(f)}" for f in self) or "nothing was edited, so nothing was saved"


class RuleFiles:
    """The files of a rule set, with edits. Edits are in memory until :meth:`save`."""

    def __init__(self, paths: Sequence[Path | str]) -> None:
        """Read the files' text. Raises RulesError when there are none, or when they are few and have problems."""
        self.paths = [Path(p).absolute() for p in paths]
        if not all(p.exists() for p in self.paths) or not rule_files(self.paths):
            load.read(self.paths)  # says which is missing
        self._saved = {f: read(f) for f in rule_files(self.paths)}
        self._texts = dict(self._saved)
        self._sets: dict[tuple[tuple[Path, str], ...], load.Loaded] = {}
        self._first: dict[str, RuleSet] = {}
        self._written: dict[Path, str] = {}
        self._changed: tuple[int, list[str]] = (-1, [])
        self.version = 0  # counts the edits, and what else changes any text
        self._whole: Future[RuleSet] = Future()
        reader = threading.Thread(target=self._read_whole, name="rules", daemon=True)
        reader.start()
        reader.join(_PATIENCE_S)
        if self._whole.done():
            self._whole.result()

    def _read_whole(self) -> None:
        try:
            self._whole.set_result(cached.load([shortest(f) for f in self._saved]))
        except BaseException as error:  # noqa: BLE001  it is raised where the set is asked for
            self._whole.set_exception(error)

    def __repr__(self) -> str:
        return f"RuleFiles({len(self._texts)} files, {len(self.changed_files())} edited)"

    # -- what the rules say --------------------------------------------------------------------------------------------

    def file_of(self, name: str, *, edited: bool = True) -> Path:
        """The file of a secret type or pair. Raises UsageError for one that no file has."""
        if not isinstance(name, str):
            raise UsageError(f"Expected the name of a secret type or pair but got {name!r}")
        for file, text in self._version(edited).items():
            if name in mentions.types_in(text) and name in _names(self._loaded([file], edited)):
                return file
        close = difflib.get_close_matches(name, self.names(), 3)
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise UsageError(f"Expected a secret type or pair of the rules but got {name!r}{hint}")

    def names(self) -> list[str]:
        """Secret types and pairs of all files, as far as their text shows them."""
        return sorted({n for text in self._texts.values() for n in mentions.types_in(text)})

    def rule(self, name: str, *, edited: bool = True) -> RuleSet:
        """The rule that holds a secret type or pair, alone: with ``edited`` False as it was opened or saved.

        Raises UsageError for a name that no file has, RulesError for problems of the files it needs.
        """
        rules = self._among_all(load.rule_set(self._closure(self.file_of(name, edited=edited), edited)))
        return rules.subset([rules.rule_of()[name]])

    def _among_all(self, rules: RuleSet) -> RuleSet:
        """These rules with the providers and prefixes of all files beside them, as in a scan with all. Waits for the
        background reading; where other files have problems these rules are by themselves."""
        try:
            whole = self._whole.result()
        except RulesError:
            return rules
        return replace(rules, providers=rules.providers | whole.providers, heads=rules.heads | whole.heads)

    def whole(self) -> RuleSet:
        """All rules, with edits. Waits for the background reading. Raises RulesError."""
        rules = self._whole.result()
        changed = self.changed_files()
        if not changed:
            return rules
        before = {n for f in changed if f in self._saved for n in _names(self._loaded([f], False))}
        now = load.rule_set(self._closures(changed))
        ours = {n for f in changed for n in _names(self._loaded([f], True))}
        types = [s for n, s in rules.secret_types.items() if n not in before | ours]
        pairs = [p for n, p in rules.pairs.items() if n not in before | ours]
        types += [s for n, s in now.secret_types.items() if n in ours]
        pairs += [p for n, p in now.pairs.items() if n in ours]
        return build(types, pairs)

    def opened(self) -> RuleSet:
        """All rules as they were opened. Waits for the background reading. Raises RulesError."""
        return self._whole.result()

    def changed_files(self) -> list[Path]:
        return [f for f, text in self._texts.items() if self._saved.get(f) != text]

    def changed(self) -> list[str]:
        """Secret types and pairs in files that were edited whose rule finds other things now, or is new."""
        version = self.version
        if self._changed[0] == version:
            return self._changed[1]
        out = []
        for file in self.changed_files():
            before = load.rule_set(self._closure(file, False)) if file in self._saved else None
            after = load.rule_set(self._closure(file, True))
            old = {n: before.rules[r].hash for n, r in before.rule_of().items()} if before else {}
            out += [n for n, r in after.rule_of().items() if old.get(n) != after.rules[r].hash]
        self._changed = version, sorted(set(out))
        return self._changed[1]

    def is_edited(self, name: str) -> bool:
        return name in self.changed()

    # -- edits ---------------------------------------------------------------------------------------------------------

    def edit(self, name: str, fields: Mapping[str, Any], *, format: int | str | None = None) -> str:
        """Change fields of a rule (see :func:`workbench.lab.editing.edited`); returns the difference of its file.

        Nothing changes when it raises: UsageError, or RulesError for a pattern or rule that cannot be used.
        """
        file = self.file_of(name)
        return self._try(file, editing.edited(self._texts[file], name, fields, format=format))

    def add(self, entries: Sequence[tuple[str, Mapping[str, Any]]], *, provider: str,
            file: Path | str | None = None) -> str:
        """Add secret types and pairs, (section, entry) each, to the provider's file, which is made if there is none;
        all or none. Those that this session added are replaced: a cell of a notebook is run many times. Returns the
        difference."""
        texts = self._without([str(entry["type"]) for _, entry in entries])
        path = Path(file).absolute() if file else self._file_for(provider)
        text = texts.get(path, self._texts.get(path))
        for section, entry in entries:
            if text is None and section != "secrets":
                raise UsageError(
                    f"Expected a file that holds the pair's parts but got {path.name}; add those types first"
                )
            text = editing.new_file(provider, entry) if text is None else editing.appended(text, section, entry)
        changed = self._try(path, text, {f: t for f, t in texts.items() if f != path})
        self._first = {str(entry["type"]): self.rule(str(entry["type"])) for _, entry in entries} | self._first
        return changed

    def _without(self, names: Sequence[str]) -> dict[Path, str | None]:
        """The files that would change if drafts of these names were taken out. Raises UsageError for what is no
        draft."""
        out: dict[Path, str | None] = {}
        for name in names:
            seeming = [f for f, t in self._texts.items() if name in mentions.types_in(t)]
            for file in [f for f in seeming if name in _names(self._loaded([f], True))]:
                if file in self._saved and name in _names(self._loaded([file], False)):
                    raise UsageError(
                        f"Expected a new type but got {name}, which stands in {shortest(file)}; change it with "
                        f"edit({name!r}, …)"
                    )
                out[file] = editing.without(out.get(file) or self._texts[file], name)
        return out

    def before(self, name: str) -> RuleSet:
        """The rule as it was opened or saved; one that is new, as it was added.

        Raises UsageError for a new one that finds the same as when it was added.
        """
        try:
            return self.rule(name, edited=False)
        except UsageError:
            rules, now = self._first.get(name), self.rule(name)
            if rules is None or rules.hash == now.hash:
                raise UsageError(
                    f"{name} is new and was not edited since it was added, so there is nothing to compare it "
                    f"with; dry_run({name!r}) shows all it finds"
                ) from None
            return rules

    def revert(self, name: str | None = None) -> list[str]:
        """Take back all edits of the file that holds ``name``, or of all files; returns the files' names."""
        files = self.changed_files() if name is None else [self.file_of(name)]
        for file in files:
            self._put(file, self._saved.get(file))
        return [f.name for f in files]

    def _try(self, file: Path, text: str | None, others: Mapping[Path, str | None] | None = None) -> str:
        """Put the new texts there, unless the rules of ``file`` cannot be used then; returns its difference."""
        texts = {**(others or {}), file: text}
        before = {f: self._texts.get(f) for f in texts}
        for f, t in texts.items():
            self._put(f, t)
        try:
            load.rule_set(self._closure(file, True))
        except BaseException:
            for f, t in before.items():
                self._put(f, t)
            raise
        return difference(before[file] or "", text or "", file.name)

    def _put(self, file: Path, text: str | None) -> None:
        self.version += 1
        if text is None:
            self._texts.pop(file, None)
        else:
            self._texts[file] = text

    def _file_for(self, provider: str) -> Path:
        for file, text in self._texts.items():
            if mentions.provider_of(text) == provider:
                return file
        folder = next((p for p in self.paths if p.is_dir()), self.paths[0].parent)
        return folder / f"{re.sub('[^a-z0-9]+', '_', provider.lower()).strip('_')}.yaml"

    # -- checks and saving ---------------------------------------------------------------------------------------------

    def problems(self, name: str) -> list[Problem]:
        """What lint says of one rule."""
        loaded = only(self._closure(self.file_of(name), True), self.rule(name))
        return [p for p in check_loaded(loaded) if p.rule == name]

    def tests(self, names: Iterable[str]) -> ruletests.Outcome:
        """The tests of these rules, run through the whole engine with the rules of their files."""
        names = list(names)
        return ruletests.run(self._closures({self.file_of(n) for n in names}), only=names)

    def check(self, *, in_place: bool = True) -> list[Path]:
        """The edited files, once they may be saved: lint has no error and every test of theirs passes.

        Raises RulesError with every problem, and with ``in_place`` UsageError when someone else changed a file
        meanwhile.
        """
        files = self.changed_files()
        for file in files if in_place else ():
            on_disk = read(file) if file.exists() else None
            if on_disk != self._saved.get(file):
                raise UsageError(
                    f"{shortest(file)!s} was changed by another program since this session read it; open a "
                    "new session and make the edit again, or save to another folder with to=…"
                )
        if not files:
            return []
        loaded = self._closures(files)
        ours = {self._label(f) for f in files}
        problems = [str(p) for p in check_loaded(loaded) if p.severity == "error" and p.file in ours]
        if not problems:
            names = [n for f in files for n in _names(self._loaded([f], True))]
            problems = [str(f) for f in ruletests.run(loaded, only=names).failures]
        if problems:
            raise RulesError([*problems[:-1], f"{problems[-1]}\nnothing was saved"])  # which is no problem more
        return files

    def save(self, to: Path | str | None = None, *, replace: bool = False) -> list[Path]:
        """Check and write the edited files, each whole or not at all; returns where they are.

        ``to`` is another folder for them; with ``replace``, other files of their names there are lost. Raises what
        :meth:`check` raises, and UsageError when they cannot be written.
        """
        files = self.check(in_place=to is None)
        for file in files if to and not replace else ():
            self._check_free(Path(to).absolute() / file.name, self._texts[file])
        if files and not to and any("_shipped" in f.parts for f in files):
            raise UsageError("The shipped rules are a part of the installed package; save to a folder of your own "
                             "with to='rules', and open the next session with rules='rules'")
        whole = self.whole() if files else None
        written = Saved()
        for file in files:
            target = Path(to).absolute() / file.name if to else file
            write(target, self._texts[file])
            self._written[target] = self._texts[file]
            if target == file:
                self._saved[file] = self._texts[file]
                self.version += 1
            written.append(target)
        if whole is not None and not to:
            self._whole = Future()
            self._whole.set_result(whole)
        return written

    def _check_free(self, target: Path, text: str) -> None:
        """Raise UsageError when a file stands there whose text this session neither read nor wrote."""
        there = read(target) if target.exists() else None
        if there not in (None, text, self._written.get(target), self._saved.get(target)):
            raise UsageError(f"{shortest(target)} is there already and holds other rules. Open the session with "
                             f"rules={str(shortest(target.parent))!r} to go on with them, give another folder, or "
                             "replace=True to lose them; nothing was saved")

    # -- reading -------------------------------------------------------------------------------------------------------

    def _version(self, edited: bool) -> dict[Path, str]:
        return self._texts if edited else self._saved

    def _label(self, file: Path) -> str:
        """The file as problems name it; one that was never written has no place yet."""
        return str(shortest(file)) if file in self._saved else file.name

    def _loaded(self, files: Iterable[Path], edited: bool) -> load.Loaded:
        texts = self._version(edited)
        key = tuple((f, texts[f]) for f in sorted(files))
        if key not in self._sets:
            self._sets[key] = load.check_sources([(self._label(f), t) for f, t in key])
        return self._sets[key]

    def _closure(self, file: Path, edited: bool) -> load.Loaded:
        return self._loaded(self._together([file], edited), edited)

    def _closures(self, files: Iterable[Path]) -> load.Loaded:
        return self._loaded(self._together(files, True), True)

    def _together(self, files: Iterable[Path], edited: bool) -> set[Path]:
        return mentions.together(self._version(edited), files)


def _names(loaded: load.Loaded) -> set[str]:
    return {i.type for f in loaded.files for _, i in (*load.numbered(f.text.secrets), *load.numbered(f.text.pairs))}
