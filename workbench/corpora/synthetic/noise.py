"""Noise: whole files of strings that look like tokens and are none, as every repository has them.

Lock files, commit ids, dumps of UUIDs, bundles with hashed names, inlined images, certificates, lists of digests.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass

from workbench.corpora.synthetic.document import Finished
from workbench.corpora.synthetic.place import filled
from workbench.corpora.synthetic.truth import Label
from workbench.corpora.synthetic.vocabulary import Vocabulary

_PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00").decode()[:24]
_MOST_LABELS = 400
_SLOT = re.compile(r"\{([wn])\}")


@dataclass(frozen=True, slots=True)
class Noise:
    """One kind of file: ``line`` templates with a ``{value}`` each, made by ``value``, words ``{w}``, numbers ``{n}``."""

    kind: str
    paths: tuple[str, ...]
    lines: tuple[str, ...]
    value: Callable[[Vocabulary], str]
    head: str = ""
    tail: str = ""
    joint: str = "\n"


def _sri(draw: Vocabulary) -> str:
    return "sha512-" + draw.base64(64)


def _image(draw: Vocabulary) -> str:
    return _PNG + draw.base64(300 * (1 + draw.below(30)))


def _certificate_line(draw: Vocabulary) -> str:
    return draw.base64(48)


def _hashed_name(draw: Vocabulary) -> str:
    return draw.pick((draw.hex(20), draw.hex(8), f"{draw.name('camel')}__{draw.base62(5)}", draw.base62(22),
                      draw.name("camel") + draw.name("pascal") + draw.name("pascal")))


_NPM = ('    "node_modules/{w}-{w}": {\n      "version": "{n}.{n}.{n}",\n      "resolved": '
        '"https://registry.example.com/{w}/-/{w}-{n}.{n}.{n}.tgz",\n      "integrity": "{value}",\n'
        '      "dev": true\n    },')
_YARN = ('{w}-{w}@^{n}.{n}.0:\n  version "{n}.{n}.{n}"\n  resolved "https://registry.example.com/{w}/-/{w}-{n}.tgz"\n'
         "  integrity {value}\n")

NOISE: tuple[Noise, ...] = (
    Noise("lock file hash", ("package-lock.json", "{w}/npm-shrinkwrap.json"), (_NPM,), _sri,
          head='{\n  "lockfileVersion": 3,\n  "packages": {', tail='    "": {}\n  }\n}'),
    Noise("lock file hash", ("yarn.lock", "{w}/yarn.lock"), (_YARN,), _sri),
    Noise("lock file hash", ("go.sum", "{w}/go.sum"),
          ("example.org/{w}/{w} v{n}.{n}.{n} {value}", "example.org/{w}/{w} v{n}.{n}.{n}/go.mod {value}"),
          lambda draw: "h1:" + draw.base64(32)),
    Noise("lock file hash", ("Cargo.lock", "poetry.lock", "Pipfile.lock", "uv.lock"),
          ('[[package]]\nname = "{w}-{w}"\nversion = "{n}.{n}.{n}"\nchecksum = "{value}"\n',
           '    {file = "{w}-{n}.{n}.{n}.tar.gz", hash = "sha256:{value}"},'), lambda draw: draw.hex(64)),
    Noise("git hash", ("CHANGELOG.md", ".github/workflows/{w}.yml", ".git-blame-ignore-revs", "{w}/vendor.conf"),
          ("- {w} {w} {w} ([{w}](https://git.example.com/{w}/{w}/commit/{value}))",
           "      - uses: {w}/{w}@{value} # v{n}.{n}",
           "{value}", "example.org/{w}/{w} {value}", "index {value}..{w} 100644"), lambda draw: draw.hex(40)),
    Noise("uuid", ("db/seeds/{w}.sql", "{w}/{w}.csproj", "fixtures/{w}.json", "Assets/{w}.meta"),
          ("INSERT INTO {w} VALUES ('{value}', '{w}', {n});", '    <ProjectReference Id="{value}" Name="{w}" />',
           '  {"id": "{value}", "{w}": {n}},', "guid: {value}", "x-request-id: {value}"), lambda draw: draw.uuid()),
    Noise("minified identifier", ("dist/{w}.min.js", "build/static/css/{w}.css", "public/{w}.chunk.js"),
          ('{w}:"{value}",', "e.{value}=t,", '{n}:"{value}",', ".{value}{margin:{n}px}",
           "function {value}(e){return e.{w}}",
           '"{value}.js":{n},'), _hashed_name, joint=""),
    Noise("base64 image", ("src/{w}.css", "public/{w}.html", "assets/{w}.svg", "docs/{w}.md"),
          (".{w}{background:url(data:image/png;base64,{value})}", '<img src="data:image/png;base64,{value}">',
           '<image xlink:href="data:image/png;base64,{value}"/>', "![{w}](data:image/png;base64,{value})"), _image),
    Noise("certificate", ("certs/{w}.crt", "tests/data/{w}.pem", "ssl/{w}.cer"), ("{value}",), _certificate_line,
          head="-----BEGIN CERTIFICATE-----", tail="-----END CERTIFICATE-----"),
    Noise("public key", ("authorized_keys", "{w}/.ssh/known_hosts", "keys/{w}.pub"),
          ("ssh-rsa {value} {w}@{w}", "{w}.example.com ssh-rsa {value}"),
          lambda draw: "AAAAB3NzaC1yc2EAAAADAQABAAABAQ" + draw.base64(255)),
    Noise("digest", ("SHA256SUMS", "checksums.txt", "{w}/MANIFEST", "RECORD"),
          ("{value}  {w}-{n}.{n}.{n}.tar.gz", "{value} *{w}.zip", "{w}/{w}.py,sha256={value},{n}"),
          lambda draw: draw.hex(draw.pick((32, 40, 64, 128)))),
)


def write_noise(noise: Noise, size_bytes: int, draw: Vocabulary) -> Finished:
    """A file of about ``size_bytes``, and at least one string; up to 400 labels."""
    content = bytearray((noise.head + noise.joint).encode() if noise.head else b"")
    labels: list[Label] = []
    while True:
        line = _SLOT.sub(lambda slot: draw.word() if slot[1] == "w" else str(draw.below(100)), draw.pick(noise.lines))
        value = noise.value(draw).encode()
        text, (start,) = filled(line, [value])
        if len(labels) < _MOST_LABELS:
            at = len(content) + start
            labels.append(Label(at, at + len(value), None, False, noise.kind, "nothing"))
        content += text
        content += noise.joint.encode()
        if len(content) >= size_bytes:
            break
    content += (noise.tail + "\n").encode() if noise.tail else b""
    return Finished(bytes(content), tuple(labels))
