"""An export: whole or not there, for its owner alone, and each provider's folder fit to be sent."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner

from tests.store import scanned
from tests.store.scanned import (
    KEY,
    OTHER_KEY,
    STATS,
    batch,
    begin,
    blob_id,
    hashes,
    match,
    paired,
    row,
    shard_id,
    single,
    token,
)
from workbench.cli.export import register
from workbench.errors import ExitCode, ExportError, UsageError, WrongKey
from workbench.partners import export as export_module
from workbench.partners.export import export_alerts
from workbench.partners.formats import FORMATS
from workbench.store.key import encode_key
from workbench.store.store import Store


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def manifest(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_bytes())


def test_an_export_is_a_folder_a_provider_with_every_format(filled: Path, tmp_path: Path) -> None:
    done = export_alerts(filled, tmp_path / "out", key=KEY)
    names = {name for name, _ in FORMATS.values()} | {"manifest.json"}
    assert files(tmp_path / "out") == {"manifest.json"} | {f"{f}/{n}" for f in ("acme", "duo-ltd") for n in names}
    assert [(p.provider, p.alerts > 0, p.objects >= p.alerts) for p in done.providers] == [
        ("Acme", True, True), ("Duo Ltd", True, True)]


def test_files_are_0600_and_folders_0700_whatever_the_umask(filled: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        export_alerts(filled, tmp_path / "out", key=KEY)
    finally:
        os.umask(before)
    made = [tmp_path / "out", *(tmp_path / "out").rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in made if path.is_dir()} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in made if path.is_file()} == {0o600}


def test_manifests_vouch_for_every_file(filled: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_alerts(filled, out, key=KEY)
    index = manifest(out)
    assert index["rule_set_hash"] == "0123456789abcdef"
    assert index["run_status"] == "done"
    assert index["alerts"] == sum(entry["alerts"] for entry in index["providers"])
    vouched = {"manifest.json"}
    for entry in index["providers"]:
        own = manifest(out / entry["folder"])
        assert (own["provider"], own["alerts"], own["objects"]) == (entry["provider"], entry["alerts"], entry["objects"])
        assert len(json.loads((out / entry["folder"] / "alerts.json").read_bytes())) == own["objects"]
        for listed, folder in [(entry["manifest"], out), *((file, out / entry["folder"]) for file in own["files"])]:
            path = folder / listed["path"]
            assert hashlib.sha256(path.read_bytes()).hexdigest() == listed["sha256"]
            assert path.stat().st_size == listed["bytes"]
            vouched.add(path.relative_to(out).as_posix())
    assert vouched == files(out)


def test_a_providers_folder_names_no_other_provider_and_no_machine(filled: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_alerts(filled, out, key=KEY)
    for folder, other in (("acme", "Duo"), ("duo-ltd", "Acme")):
        content = b"".join(path.read_bytes() for path in (out / folder).iterdir())
        assert other.encode() not in content
        assert other.lower().encode() + b"_" not in content
        assert str(tmp_path).encode() not in content


def test_manifests_hold_no_token(filled: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_alerts(filled, out, key=KEY)
    tokens = {r["token"] for f in ("acme", "duo-ltd") for r in json.loads((out / f / "alerts.json").read_bytes())}
    shown = "".join(path.read_text() for path in out.rglob("manifest.json"))
    assert not [value for value in tokens if value in shown]


@pytest.mark.parametrize("name", ["Duo Ltd", "duo ltd", "duo-ltd"])  # the name, in any case, or its folder
def test_one_provider_alone(name: str, filled: Path, tmp_path: Path) -> None:
    export_alerts(filled, tmp_path / "out", key=KEY, partners=[name], formats=["jsonl", "csv"])
    assert files(tmp_path / "out") == {
        "manifest.json", "duo-ltd/manifest.json", "duo-ltd/alerts.jsonl", "duo-ltd/alerts.csv"}


@pytest.mark.parametrize(("options", "sentence"), [
    ({"partners": ["Acme", "Nobody"]}, "'Nobody'.*Acme, Duo Ltd"),
    ({"formats": ["json", "xlsx"]}, "xlsx"),
])
def test_what_there_is_none_of_is_refused_before_anything_is_written(options: dict[str, list[str]], sentence: str,
                                                                     filled: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=sentence):
        export_alerts(filled, tmp_path / "out", key=KEY, **options)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_provider_asked_for_by_name_gets_a_folder_even_without_alerts(store: Store, tmp_path: Path) -> None:
    store.finish_run(begin(store), "done")
    assert export_alerts(store.path, tmp_path / "all", key=KEY).providers == ()
    export_alerts(store.path, tmp_path / "one", key=KEY, partners=["Acme"], formats=["json"])
    assert json.loads((tmp_path / "one" / "acme" / "alerts.json").read_bytes()) == []


def test_an_earlier_export_is_replaced_as_a_whole(filled: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_alerts(filled, out, key=KEY)
    export_alerts(filled, out, key=KEY, partners=["Acme"], formats=["json"])
    assert files(out) == {"manifest.json", "acme/manifest.json", "acme/alerts.json"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def _note(out: Path) -> None:
    (out / "acme" / "notes.txt").write_text("precious")


def _foreign(out: Path) -> None:
    (out / "manifest.json").write_text('{"kind": "a web app", "providers": []}')


def _damaged(out: Path) -> None:
    (out / "manifest.json").write_text("{")


def _without(out: Path) -> None:
    (out / "manifest.json").unlink()


@pytest.mark.parametrize("change", [_note, _foreign, _damaged, _without])
def test_a_folder_that_is_no_export_or_holds_more_is_refused(change: Any, filled: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_alerts(filled, out, key=KEY, formats=["json"])
    change(out)
    before = {name: (out / name).read_bytes() for name in files(out)}
    with pytest.raises(ExportError, match="which no export wrote"):
        export_alerts(filled, out, key=KEY)
    assert {name: (out / name).read_bytes() for name in files(out)} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_used_and_a_file_is_not(filled: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    export_alerts(filled, tmp_path / "out", key=KEY, formats=["json"])
    (tmp_path / "file").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "out")
    for name in ("file", "link"):
        with pytest.raises(ExportError, match="something else"):
            export_alerts(filled, tmp_path / name, key=KEY)


def test_another_key_exports_nothing(filled: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongKey):
        export_alerts(filled, tmp_path / "out", key=OTHER_KEY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "earlier"), [("json", False), ("parquet", True), ("duckdb", True)])
def test_a_full_disk_leaves_what_was_there(name: str, earlier: bool, filled: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    if earlier:
        export_alerts(filled, out, key=KEY, formats=["json"])
    before = {path: (out / path).read_bytes() for path in files(out)}
    code = ("import resource, sys\nfrom workbench.partners.export import export_alerts\n"
            "from workbench.errors import ExportError\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (700, resource.RLIM_INFINITY))\n"
            "try:\n    export_alerts(sys.argv[1], sys.argv[2], formats=[sys.argv[3]])\n"
            "except ExportError as error:\n    print(error)\n    sys.exit(1)\n")
    ended = subprocess.run([sys.executable, "-c", code, str(filled), str(out), name], capture_output=True, text=True,
                           check=False, env={**os.environ, "WORKBENCH_KEY": encode_key(KEY)})
    assert ended.returncode == 1, ended.stderr
    assert "Nothing of it was left behind" in ended.stdout
    assert {path: (out / path).read_bytes() for path in files(out)} == before
    assert [path.name for path in tmp_path.iterdir()] == (["out"] if earlier else [])


def test_an_error_names_no_token(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(payload: Any, path: Path) -> None:
        raise export_module.duckdb.ConversionException(next(payload.records())["token"])

    monkeypatch.setattr(export_module, "FORMATS", {"json": ("alerts.json", broken)})
    with pytest.raises(ExportError) as raised:
        export_alerts(filled, tmp_path / "out", key=KEY)
    assert "tk" + "_" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_export_left_is_swept_away_by_the_next(
        filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = ("import os, signal, sys\nfrom workbench.partners import export\n"
            "export._replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
            "export.export_alerts(sys.argv[1], sys.argv[2], formats=['json'])\n")
    ended = subprocess.run([sys.executable, "-c", code, str(filled), str(tmp_path / "out")], check=False,
                           env={**os.environ, "WORKBENCH_KEY": encode_key(KEY)})
    assert ended.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".out.new-") and left.stat().st_mode & 0o077 == 0  # nobody else could look meanwhile
    with monkeypatch.context() as patched:
        patched.setattr(export_module, "FORMATS", {"json": ("alerts.json", _full_disk)})
        with pytest.raises(ExportError):
            export_alerts(filled, tmp_path / "out", key=KEY, formats=["json"])
    assert list(tmp_path.iterdir()) == []  # even by one that fails
    export_alerts(filled, tmp_path / "out", key=KEY, formats=["json"])
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def _full_disk(payload: Any, path: Path) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_terminated_export_leaves_nothing(filled: Path, tmp_path: Path) -> None:
    code = ("import os, signal, sys\nfrom workbench.partners import export\n"
            "export._replace = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n"
            "from workbench.cli import main\nmain()\n")
    ended = subprocess.run([sys.executable, "-c", code, "export", "--store", str(filled), "--out", str(tmp_path / "out")],
                           check=False, env={**os.environ, "WORKBENCH_KEY": encode_key(KEY)})
    assert ended.returncode == ExitCode.TERMINATED
    assert list(tmp_path.iterdir()) == []


def test_hostile_providers_get_folders_inside_the_export(store: Store, tmp_path: Path) -> None:
    names = ["../../escape", "Acme Inc", "acme-inc", "CON", "💥", "a/b"]
    rules = tuple(single(f"type_{number}", provider=name) for number, name in enumerate(names))
    run_id = begin(store, rules)
    rows = [row(blob_id(n), match(f"type_{n}", token(n))) for n in range(len(names))]
    store.record_shard(run_id, shard_id(0), hashes(rules), [batch(*rows)], stats=STATS)
    store.finish_run(run_id, "done")
    out = tmp_path / "deep" / "out"
    export_alerts(store.path, out, key=KEY, formats=["json"])
    told = {entry["provider"]: json.loads((out / entry["folder"] / "alerts.json").read_bytes())
            for entry in manifest(out)["providers"]}
    assert {name: [r["token"].encode() for r in records] for name, records in told.items()} == {
        name: [token(number)] for number, name in enumerate(names)}
    assert {path.parent.parent for path in out.rglob("alerts.json")} == {out}


def test_the_command_line_says_what_went_where(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_KEY", encode_key(KEY))
    app = Typer()
    app.callback()(lambda: None)
    register(app)
    arguments = ["export", "--store", str(filled), "--out", str(tmp_path / "out"), "--partner", "duo ltd",
                 "--format", "json", "--format", "csv", "--first-location-only"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "2 alerts for 1 provider in " in result.output
    assert "duo-ltd: 2 alerts, 4 objects for Duo Ltd" in result.output
    assert "tk" + "_" not in result.output


def test_an_export_does_not_keep_a_batch_waiting(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = (single("acme_token"), paired("duo_key", scanned.DUO_PARTS))
    run_id = begin(store, rules)
    store.record_shard(run_id, shard_id(0), hashes(rules), [batch(row(blob_id(0), match("acme_token", token(1))))],
                       stats=STATS)
    recorded = []

    def slow(payload: Any, path: Path) -> None:
        started = time.monotonic()
        store.record_shard(run_id, shard_id(1), hashes(rules), [], stats=STATS)  # while the export writes its files
        recorded.append(time.monotonic() - started)
        path.touch()

    monkeypatch.setattr(export_module, "FORMATS", {"json": ("alerts.json", slow)})
    export_alerts(store.path, tmp_path / "out", key=KEY)
    assert len(recorded) == 1
    assert manifest(tmp_path / "out")["run_status"] == "running"


@pytest.mark.parametrize(("status", "warned"), [("failed", True), ("done", False)])
def test_an_export_after_a_run_that_did_not_end_well_says_so(store: Store, tmp_path: Path, status: Any, warned: bool,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    """Its alerts may be without their places, or not all of them."""
    store.finish_run(begin(store), status, counts={}, failures={})
    monkeypatch.setenv("WORKBENCH_KEY", encode_key(KEY))
    app = Typer()
    register(app)
    done = CliRunner().invoke(app, ["--store", str(store.path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0 and ("Run workbench batch" in done.output) is warned
