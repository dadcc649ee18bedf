"""A path class says what a path's file is likely for: test, docs, vendor, generated, config or source.

Analysts stratify by it, because a token in ``tests/`` and one in ``deploy/`` are seldom equally true. It is a guess
from the path alone, and it never silences an alert.

A path gets the first class of the table whose folders, extensions, names or patterns it has, and ``source`` when it has
none. Letter case does not count, except where a pattern says so. In folders and names ``*`` stands for any characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.corpora.columns import bits, numbers, strings

PATH_CLASS = pa.field("path_class", pa.string(), nullable=False)
DEFAULT_CLASS = "source"
_START = "(?:^|/)"


@dataclass(frozen=True, slots=True)
class PathRule:
    """What makes a path one of a class: words are separated by spaces.

    ``folders`` are whole names of a folder anywhere above the file, ``names`` whole names of the file, ``extensions``
    what follows its last dot, and ``patterns`` are RE2 expressions searched in the path.
    """

    name: str
    folders: str = ""
    extensions: str = ""
    names: str = ""
    patterns: tuple[str, ...] = ()

    def pattern(self) -> str:
        """All of it as one RE2 expression."""
        parts = [f"{_START}(?:{_words(self.folders)})/"] if self.folders else []
        if self.extensions:
            parts.append(rf"\.(?:{_words(self.extensions)})$")
        if self.names:
            parts.append(f"{_START}(?:{_words(self.names)})$")
        return "(?i:" + "|".join((*parts, *self.patterns)) + ")"


PATH_RULES: tuple[PathRule, ...] = (
    # Other people's code, kept in the repository: its secrets are rarely the repository's own.
    PathRule(
        "vendor",
        folders="vendor vendors vendored _vendor third_party third-party thirdparty 3rdparty 3rd_party 3rd-party "
        "external externals extern node_modules bower_components jspm_packages site-packages dist-packages godeps pods "
        "carthage .yarn .pnpm-store .bundle .m2 .venv .virtualenv .tox",
        patterns=(r"(?:^|/)(?:venv|virtualenv)/lib/",),
    ),
    # Made by a program: long, repetitive, and a common source of false matches.
    PathRule(
        "generated",
        folders="dist build out target generated gen __generated__ .next .nuxt _site coverage htmlcov",
        extensions="lock lockb snap lcov",
        names="package-lock.json npm-shrinkwrap.json packages.lock.json pnpm-lock.yaml go.sum package.resolved "
        "cartfile.resolved",
        patterns=(
            r"\.(?:min|bundle|chunk)\.(?:js|mjs|css)$",
            r"\.(?:js|mjs|css|ts)\.map$",
            r"\.(?:pb|pb2|g|gen|generated|designer|freezed)\.[a-z]+$",
            r"_(?:pb2|pb2_grpc|generated|gen)\.[a-z]+$",
        ),
    ),
    # Tests, their data, and what only tests read.
    PathRule(
        "test",
        folders="test tests testing testdata test-data test_data testsuite test-suite test_suite test-fixtures "
        "__tests__ __mocks__ __fixtures__ __snapshots__ spec specs fixture fixtures mock mocks cassettes e2e "
        "integration-tests integration_tests unit-tests unit_tests androidtest integrationtest",
        names="conftest.py test.* tests.* test_*.* test-*.* mock_*.* fixture_*.*",
        patterns=(
            r"[-_.](?:tests?|specs?|mocks?|fixtures?)\.[a-z0-9]+$",
            r"(?-i:[a-z0-9](?:Tests?|TestCase|Spec|IT))\.(?:java|kt|cs|scala|groovy|swift)$",
        ),
    ),
    # Written for people, with the placeholders that people write.
    PathRule(
        "docs",
        folders="doc docs documentation man manual website wiki guide guides tutorial tutorials example examples "
        "sample samples demo demos cookbook",
        extensions="md mdx markdown mkd rst adoc asciidoc textile mediawiki org pod rdoc tex texi texinfo ipynb "
        "1 2 3 4 5 6 7 8 9",
        names="readme* changelog* changes* history* news license* licence* copying* notice* authors* contributors* "
        "contributing* install todo faq security.* code_of_conduct*",
    ),
    # Read by programs when they start: where live secrets mostly stand.
    PathRule(
        "config",
        folders="config configs configuration conf conf.d settings secret secrets credential credentials env envs "
        "environments helm charts k8s kubernetes terraform ansible deploy deployment .github .circleci .gitlab .vscode "
        ".idea .aws .ssh .docker .kube .azure .config",
        extensions="yaml yml toml ini cfg conf config cnf properties props env envrc plist tfvars tfstate hcl tf pem "
        "key ppk pfx p12 jks kdbx ovpn rdp reg npmrc pypirc netrc htpasswd credentials secret secrets",
        names=".env* *.env.* .*rc .*rc.* dockerfile* containerfile* makefile* procfile* jenkinsfile* vagrantfile* "
        "docker-compose* compose.* settings*.* config*.* secret*.* credential*.* appsettings*.* application*.* "
        "local_settings.* constants.* wp-config*.* package.json tsconfig*.json composer.json bower.json angular.json "
        "nx.json lerna.json renovate.json firebase.json vercel.json now.json app.json manifest.json "
        "google-services.json .netrc _netrc .pgpass .htpasswd .git-credentials .dockercfg .boto .s3cfg id_rsa id_dsa "
        "id_ecdsa id_ed25519",
    ),
)

PATH_CLASSES: tuple[str, ...] = (*(rule.name for rule in PATH_RULES), DEFAULT_CLASS)


def path_classes(paths: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The class of each path, as strings of the same length and chunking. A null or empty path is ``source``."""
    if isinstance(paths, pa.ChunkedArray):
        return pa.chunked_array([path_classes(chunk) for chunk in paths.chunks], pa.string())
    # Paths repeat (every revision of a file has the same one): judge each distinct path once.
    encoded = paths if pa.types.is_dictionary(paths.type) else paths.dictionary_encode()
    if not len(encoded.dictionary):
        return strings([DEFAULT_CLASS] * len(paths))
    distinct = encoded.dictionary.cast(pa.string())
    classes = np.full(len(distinct) + 1, len(PATH_RULES), np.int8)  # one more, for null
    for number, rule in reversed(list(enumerate(PATH_RULES))):
        classes[:-1][bits(pc.match_substring_regex(distinct, rule.pattern()))] = number
    indices = encoded.indices.cast(pa.int32())
    row_of = np.frombuffer(indices.buffers()[1], np.int32)[indices.offset : indices.offset + len(indices)]
    row_of = np.where(bits(indices.is_valid()), row_of, len(distinct))
    return strings(PATH_CLASSES).take(numbers(classes[row_of]))


def with_path_class(locations: pa.RecordBatch | pa.Table) -> pa.RecordBatch | pa.Table:
    """``locations`` with a ``path_class`` column, worked out from ``path`` unless it is there already."""
    if PATH_CLASS.name in locations.schema.names:
        return locations
    return locations.append_column(PATH_CLASS, path_classes(locations.column("path")))


def _words(words: str) -> str:
    """Words as alternatives of an expression; ``*`` stands for any characters but a slash."""
    return "|".join(re.escape(word).replace(r"\*", "[^/]*") for word in words.split())
