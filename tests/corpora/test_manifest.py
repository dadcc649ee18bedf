"""The manifest: what it keeps, and what it refuses with a sentence that helps."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.conftest import shared
from tests.corpora.made import write
from workbench.corpora.manifest import Manifest
from workbench.errors import CorpusError

GOOD = {"schema_version": 1, "name": "c", "content_bytes": 0, "blobs": 0, "locations": 0, "files": [], "made": "x"}
FILE = {"path": "blobs/a.parquet", "sha256": "00", "rows": 1, "bytes": 1}


@pytest.mark.parametrize("name", ["commits-small", "commits-large", "npm"])
def test_manifests_made_elsewhere_load_and_keep_what_they_say(name: str) -> None:
    folder = shared("corpora", name)
    manifest = Manifest.load(folder)
    assert manifest.extra["note"].startswith("Real content")
    assert manifest.to_json() == json.loads((folder / "manifest.json").read_text())


def test_saving_and_loading_gives_the_same(tmp_path: Path) -> None:
    write(tmp_path, [b"a", b"b"], made="a test")
    manifest = Manifest.load(tmp_path)
    manifest.save(tmp_path)
    assert Manifest.load(tmp_path) == manifest
    assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == []


def test_a_failed_save_leaves_the_old_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, [b"a"])
    before = (tmp_path / "manifest.json").read_bytes()

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        Manifest.load(tmp_path).save(tmp_path)
    assert (tmp_path / "manifest.json").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", "blobs", "locations", "manifest.json"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({**GOOD, "schema_version": 2}, "newer than 1.*Upgrade"),
        ({k: v for k, v in GOOD.items() if k != "files"}, "key 'files' is missing"),
        ({**GOOD, "blobs": "many"}, "Expected int but got blobs='many'"),
        ({**GOOD, "blobs": True}, "Expected int but got blobs=True"),
        ({**GOOD, "locations": -1}, "locations=-1"),
        ([], "Expected a JSON object but got list"),
        ({**GOOD, "files": ["a"]}, "Expected an object in 'files' but got 'a'"),
        ({**GOOD, "files": [FILE]}, "1 of 1 listed files missing: blobs/a.parquet"),
        # A manifest may come from someone else, and must not name files outside its folder.
        ({**GOOD, "files": [{**FILE, "path": "../secret"}]}, "Expected 'blobs/<file>'"),
        ({**GOOD, "files": [{**FILE, "path": "/etc/passwd"}]}, "Expected 'blobs/<file>'"),
        ({**GOOD, "files": [{**FILE, "path": "blobs/.."}]}, "Expected 'blobs/<file>'"),
        ({**GOOD, "files": [{**FILE, "path": "other/a.parquet"}]}, "Expected 'blobs/<file>'"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused(tmp_path: Path, document: object, message: str) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(CorpusError, match=message) as caught:
        Manifest.load(tmp_path)
    assert str(tmp_path) in str(caught.value) and caught.value.exit_code == 2


def test_no_folder_no_manifest_no_json(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="found nothing there"):
        Manifest.load(tmp_path / "gone")
    with pytest.raises(CorpusError, match="no manifest.json in this folder"):
        Manifest.load(tmp_path)
    (tmp_path / "manifest.json").write_text('{\n "name": \n}')
    with pytest.raises(CorpusError, match=r"manifest.json:3: not JSON"):
        Manifest.load(tmp_path)
    with pytest.raises(CorpusError, match="found a file"):
        Manifest.load(tmp_path / "manifest.json")
