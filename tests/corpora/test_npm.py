"""npm packages: fetched by the real client from a registry on this machine, or given as tarballs, sound and not."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packageurl import PackageURL
from typer.testing import CliRunner

from tests.corpora.packages import END, header, member, tar, tgz
from workbench.cli import app
from workbench.corpora import npm_package
from workbench.corpora.npm import PackageReport, add_packages
from workbench.corpora.npm_client import Spec, is_tarball, parse_spec, read_list
from workbench.corpora.npm_package import file_url_of, purl, survey
from workbench.corpora.reader import Corpus
from workbench.corpora.verify import verify
from workbench.corpora.writer import CorpusWriter, blob_id_of
from workbench.errors import CorpusError, UsageError

BOTH = b"the same in both versions\n"


def add(folder: Path, *items: object, **options: object) -> PackageReport:
    with CorpusWriter(folder / "corpus") as writer:
        return add_packages(writer, [str(item) for item in items], **options)


def locations(folder: Path) -> list[tuple[str, str, str]]:
    """(package, version, path) of each location, sorted."""
    table = Corpus.open(folder / "corpus").locations()
    return sorted(zip(*(table.column(c).to_pylist() for c in ("repository", "revision", "path")), strict=True))


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    """Two versions of a package, one file the same in both."""
    return [write(tmp_path, f"acme-{v}.tgz", tgz("@acme/kit", v, {"lib/same.js": BOTH, "v.js": v.encode()}))
            for v in ("1.0.0", "1.1.0")]


def test_versions_share_blobs_and_each_has_its_locations(tmp_path: Path, two: list[Path]) -> None:
    report = add(tmp_path, *two)
    assert (report.packages, report.blobs, report.locations, report.failures) == (2, 5, 6, ())
    corpus = Corpus.open(tmp_path / "corpus")
    rows = corpus.locations([blob_id_of(BOTH)]).to_pylist()
    assert [{k: row[k] for k in ("source", "repository", "revision", "path", "url")} for row in rows] == [
        {"source": "npm", "repository": "@acme/kit", "revision": v, "path": "lib/same.js",
         "url": f"pkg:npm/%40acme/kit@{v}#lib/same.js"}
        for v in ("1.0.0", "1.1.0")
    ]
    assert corpus.blob(blob_id_of(BOTH)) == BOTH


def test_the_same_command_again_adds_nothing(tmp_path: Path, two: list[Path]) -> None:
    odd = member(b"package/package.json", b'{"name": "odd", "version": "1.0.0"}') + header(b"package/l", 0, kind=b"2")
    write(tmp_path, "odd.tgz", gzip.compress(odd + END))
    items = [*two, tmp_path / "odd.tgz"]
    add(tmp_path, *items)
    before = Corpus.open(tmp_path / "corpus").manifest
    report = add(tmp_path, *items)
    assert (report.packages, report.unchanged) == (0, 3)
    assert Corpus.open(tmp_path / "corpus").manifest == before
    assert before.skipped == {"link": 1}


def test_a_higher_limit_takes_what_was_left_out_and_counts_it_no_longer(tmp_path: Path) -> None:
    path = write(tmp_path, "a.tgz", tgz("a", "1.0.0", {"big.js": b"x" * 5000, "small.js": b"y"}))
    assert add(tmp_path, path, max_blob_bytes=1000).skipped == {"too_large": 1}
    assert add(tmp_path, path, max_blob_bytes=10_000).locations == 1
    manifest = Corpus.open(tmp_path / "corpus").manifest
    assert (manifest.skipped, manifest.locations, manifest.blobs) == ({}, 3, 3)


def test_another_tarball_of_the_same_version_adds_what_differs(tmp_path: Path) -> None:
    add(tmp_path, write(tmp_path, "a.tgz", tgz("a", "1.0.0", {"x.js": b"one"})))
    report = add(tmp_path, write(tmp_path, "b.tgz", tgz("a", "1.0.0", {"x.js": b"two"})))
    assert (report.blobs, report.locations) == (1, 1)


def test_contents_are_left_out_by_the_rules_for_git(tmp_path: Path) -> None:
    files = {"logo.png": b"\x89PNG\0\0", "empty.js": b"", "dist/bundle.min.js": b"kept", "node_modules/x/i.js": b"kept",
             "win.txt": "kept".encode("utf-16")}
    report = add(tmp_path, write(tmp_path, "a.tgz", tgz("a", "1.0.0", files)))
    assert report.skipped == {"binary": 1}
    paths = [path for _, _, path in locations(tmp_path)]
    assert paths == ["dist/bundle.min.js", "empty.js", "node_modules/x/i.js", "package.json", "win.txt"]


def test_a_package_larger_than_is_held_is_read_from_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "a.tgz", tgz("a", "1.0.0", {"x.js": b"one" * 1000}))
    monkeypatch.setattr(npm_package, "_HOLD_BYTES", 100)
    assert survey(path).held is None
    assert add(tmp_path, path).locations == 2


def test_a_bomb_is_counted_and_what_stood_before_it_kept(tmp_path: Path) -> None:
    zeros = gzip.compress(member(b"package/package.json", b'{"name": "a", "version": "1.0.0"}')
                          + header(b"package/zeros", 1 << 40) + bytes(8 << 20))
    report = add(tmp_path, write(tmp_path, "a.tgz", zeros), max_package_bytes=1 << 20)
    assert (report.skipped, report.unpacked_bytes, report.failures) == ({"bomb": 1}, 1 << 20, ())
    assert locations(tmp_path) == [("a", "1.0.0", "package.json")]


def test_a_damaged_tarball_adds_nothing_and_a_sound_one_completes(tmp_path: Path, two: list[Path]) -> None:
    sound = two[0].read_bytes()
    two[0].write_bytes(sound[:-20])
    report = add(tmp_path, *two)
    assert report.packages == 1
    assert [(what, "cut short" in why) for what, why in report.failures] == [(str(two[0]), True)]
    assert {version for _, version, _ in locations(tmp_path)} == {"1.1.0"}
    two[0].write_bytes(sound)
    assert (add(tmp_path, *two).packages, len(locations(tmp_path))) == (1, 6)
    assert verify(tmp_path / "corpus").problems == ()


def test_an_interrupted_command_leaves_nothing_and_the_same_again_completes(tmp_path: Path, two: list[Path]) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add(tmp_path, *two, progress=interrupt)
    assert not (tmp_path / "corpus").exists()
    assert add(tmp_path, *two).locations == 6


@pytest.mark.parametrize(
    "description",
    [
        None,
        b"{",
        b"[" * 100_000,
        b'"name"',
        b'{"name": "a"}',
        b'{"name": 5, "version": "1.0.0"}',
        b'{"name": "a\\nb", "version": "1.0.0"}',
        b'{"name": "  ", "version": "1.0.0"}',
        b'{"name": "' + b"a" * 300 + b'", "version": "1.0.0"}',
        b"\xff\xfe\xfd",
        b'{"name": "a", "version": ' + b"1" * 5000 + b"}",
    ],
)
def test_a_tarball_that_does_not_say_what_it_is_is_refused(tmp_path: Path, description: bytes | None) -> None:
    files = {"package/a.js": b"x"} | ({} if description is None else {"package/package.json": description})
    path = write(tmp_path, "a.tgz", gzip.compress(tar(files)))
    with pytest.raises(CorpusError, match=r"no package\.json with a name and a version"):
        survey(path)


def test_the_last_description_is_the_one_that_counts(tmp_path: Path) -> None:
    data = b"".join(member(b"package/package.json", b'{"name": "%s", "version": "1.0.0"}' % n) for n in (b"a", b"b"))
    assert survey(write(tmp_path, "a.tgz", gzip.compress(data + END))).name == "b"


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1 << 32), how=st.sampled_from(["truncate", "flip", "flip_inside"]))
def test_a_changed_tarball_is_read_refused_or_counted_but_never_half(tmp_path: Path, seed: int, how: str) -> None:
    dice = random.Random(seed)
    data = tgz("fuzz", "1.0.0", {f"f{k}.js": dice.randbytes(300).hex().encode() for k in range(5)})
    if how == "truncate":
        data = data[: dice.randrange(len(data))]
    else:
        changed = bytearray(gzip.decompress(data) if how == "flip_inside" else data)
        for _ in range(dice.randint(1, 5)):
            changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
        data = gzip.compress(changed, 1) if how == "flip_inside" else bytes(changed)
    shutil.rmtree(tmp_path / "corpus", ignore_errors=True)
    report = add(tmp_path, write(tmp_path, "fuzz.tgz", data))
    assert report.packages + len(report.failures) == 1
    assert (report.locations == 0) == (report.packages == 0)
    assert verify(tmp_path / "corpus").problems == ()


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("react", Spec("react", "")),
        ("react@18.2.0", Spec("react", "18.2.0")),
        ("@types/node@latest", Spec("@types/node", "latest")),
        ("lodash@>=4 <5", Spec("lodash", ">=4 <5")),
        ("JSONStream@^1.0.0", Spec("JSONStream", "^1.0.0")),
    ],
)
def test_packages_are_named_as_npm_names_them(text: str, spec: Spec) -> None:
    assert parse_spec(text) == spec
    assert str(spec) == text


@pytest.mark.parametrize(
    "text",
    [
        # What npm would also take, and run scripts of: folders, addresses, repositories, other names for them.
        "", ".", "./here", "../up", "/abs", "~/home", "C:/win", "user/repo", "git+ssh://host/x.git",
        "https://host/x.tgz",
        "github:user/repo", "react@file:../x", "react@npm:other", "react@user/repo", "react@https://host/x",
        # What would be an option, a file, or nothing.
        "--registry=x", "-g", "react@", "@scope", "@scope/", "x.tar", "a b", "react\n", "a" * 400,
    ],
)
def test_nothing_else_reaches_the_client(text: str) -> None:
    with pytest.raises(UsageError, match="Expected NAME"):
        parse_spec(text)
    assert not is_tarball(text)


def test_exact_versions_are_told_from_tags_and_ranges() -> None:
    exact = [parse_spec(f"a@{v}").exact_version for v in ("1.2.3", "1.2.3-rc.1", "1.2", "^1.2.3", "latest", "1.x")]
    assert exact == ["1.2.3", "1.2.3-rc.1", None, None, None, None]


def test_package_urls() -> None:
    assert purl("react", "18.2.0") == "pkg:npm/react@18.2.0"
    assert purl("@types/node", "1.0.0+b") == "pkg:npm/%40types/node@1.0.0%2Bb"
    # Old packages have capitals, and another package may have the same name without.
    assert purl("JSONStream", "1.0.0") == "pkg:npm/JSONStream@1.0.0"
    assert file_url_of("a", "1.0.0")("lib/a b#?%é.js") == "pkg:npm/a@1.0.0#lib/a%20b%23%3F%25%C3%A9.js"


@settings(max_examples=200)
@given(
    parts=st.lists(
        st.text(st.sampled_from("aZ9._~-+ @é%"), min_size=1, max_size=6).filter(lambda p: p not in (".", "..")),
        min_size=1,
        max_size=4,
    )
)
def test_package_urls_of_files_are_the_librarys(parts: list[str]) -> None:
    path = "/".join(parts)
    expected = PackageURL(type="npm", namespace="@a", name="b", version="1.0.0", subpath=path).to_string()
    assert file_url_of("@a/b", "1.0.0")(path) == expected


def test_a_list_names_the_line_that_is_wrong(tmp_path: Path) -> None:
    path = write(tmp_path, "names.txt", b"# popular\nreact@18.2.0  # why\n\nx/y.tgz\n")
    assert read_list(path) == ["react@18.2.0", "x/y.tgz"]
    path.write_bytes(b"react\nuser/repo\n")
    with pytest.raises(UsageError, match=r"names\.txt:2: Expected NAME"):
        read_list(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot be read as text"):
        read_list(path)


class Registry(BaseHTTPRequestHandler):
    """As much of a registry as ``npm pack`` asks for: a package's document, and tarballs."""

    packages: Mapping[tuple[str, str], bytes] = {}
    asked: list[str]

    def do_GET(self) -> None:
        self.server.asked.append(unquote(self.path))
        name, _, tarball = unquote(self.path).lstrip("/").partition("/-/")
        data = self._document(name) if not tarball else self.packages.get((name, tarball.removesuffix(".tgz")))
        self.send_response(200 if data else 404)
        self.send_header("Content-Length", str(len(data or b"{}")))
        self.end_headers()
        self.wfile.write(data or b"{}")

    def _document(self, name: str) -> bytes | None:
        versions = {v: data for (n, v), data in self.packages.items() if n == name}
        if not versions:
            return None
        base = f"http://127.0.0.1:{self.server.server_address[1]}/{name}/-/"
        entries = {
            v: {"name": name, "version": v, "dist": {
                "tarball": f"{base}{v}.tgz",
                "integrity": "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()}}
            for v, data in versions.items()
        }
        return json.dumps({"name": name, "versions": entries, "dist-tags": {"latest": max(versions)}}).encode()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A registry that the client's own configuration names; gives the list of what it was asked for."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    kit = {v: tgz("@acme/kit", v, {"lib/same.js": BOTH, "v.js": v.encode()}) for v in ("1.0.0", "1.1.0")}
    packages = {("@acme/kit", v): data for v, data in kit.items()}
    # Its description says another name: the registry's word is the one that people install by.
    packages["plain", "2.0.0"] = tgz("another", "9.9.9", {"p.js": b"p"})
    handler = type("Own", (Registry,), {"packages": packages})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (tmp_path / "npmrc").write_text(f"registry=http://127.0.0.1:{server.server_address[1]}/\n"
                                        f"cache={tmp_path / 'npm-cache'}\nfetch-retries=0\n")
        for name in [n for n in os.environ if n.lower().startswith("npm_config_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(tmp_path / "npmrc"))
        monkeypatch.chdir(tmp_path)
        yield server.asked
        server.shutdown()


def test_packages_come_through_the_npm_client(tmp_path: Path, asked: list[str]) -> None:
    report = add(tmp_path, "@acme/kit@1.0.0", "plain", "@acme/kit", "nowhere")
    assert report.packages == 3
    assert [what for what, why in report.failures if "E404" in why] == ["nowhere"]
    assert {(n, v) for n, v, _ in locations(tmp_path)} == {("@acme/kit", "1.0.0"), ("@acme/kit", "1.1.0"),
                                                           ("plain", "2.0.0")}
    asked.clear()
    # A version named exactly is there for good, so that nobody is asked.
    assert add(tmp_path, "@acme/kit@1.0.0", "plain@2.0.0").unchanged == 2
    assert asked == []
    assert add(tmp_path, "@acme/kit").unchanged == 1


def test_a_registry_that_cannot_be_reached_is_asked_once(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[object] = []
    start = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **options: runs.append(a) or start(*a, **options))
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:1/")
    report = add(tmp_path, *(f"package-{n}" for n in range(40)))
    assert (report.packages, len(report.failures), len(runs)) == (0, 40, 1)
    assert all("ECONNREFUSED" in why and "npm's own configuration" in why for _, why in report.failures)


def test_a_termination_ends_the_client_and_leaves_nothing(tmp_path: Path, asked: list[str]) -> None:
    """As a scheduler ends a run that takes too long, here at a registry that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        temporary = tmp_path / "temporary"
        temporary.mkdir()
        own = {"NPM_CONFIG_REGISTRY": f"http://127.0.0.1:{silent.getsockname()[1]}/", "TMPDIR": str(temporary)}
        command = [sys.executable, "-m", "workbench", "corpus", "add-npm", "slow", "--corpus", str(tmp_path / "corpus")]
        with subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ | own, cwd=Path.cwd()) as process:
            connection, _ = silent.accept()  # npm is asking
            with connection:
                assert list(temporary.iterdir())
                process.terminate()
                told = process.communicate(timeout=20)[1]
                connection.settimeout(10)
                while connection.recv(4096):  # ends when the client's process is gone
                    pass
    assert process.returncode == 143 and b"Traceback" not in told
    assert list(temporary.iterdir()) == [] and not (tmp_path / "corpus").exists()


def test_without_a_client_names_are_refused_and_tarballs_are_not(
    tmp_path: Path, two: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert add(tmp_path, *two).packages == 2
    with pytest.raises(UsageError, match="no program 'npm' on the PATH"):
        add(tmp_path, "react")


def test_the_command_says_what_it_did(tmp_path: Path, two: list[Path]) -> None:
    listed = write(tmp_path, "list.txt", f"{two[1]}\n{tmp_path / 'none.tgz'}\n".encode())
    options = ["corpus", "add-npm", str(two[0]), "--list", str(listed), "--corpus", str(tmp_path / "corpus")]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 1
    assert "2 packages, 0 more that were there" in result.output
    assert "none.tgz: cannot be read: No such file or directory" in result.output
    assert Corpus.open(tmp_path / "corpus").manifest.locations == 6
