"""A path class says what a path's file is likely for: test, docs, vendor, generated, config or source.

Analysts stratify by it, because a token in ``tests/`` and one in ``deploy/`` are seldom equally true. It is a guess
from the path alone, and it never silences an alert.

A path gets the first class of the table whose pattern it matches, and ``source`` when none does. Patterns see the
path in lower case with a leading slash, so that ``/test/`` is a whole folder name wherever it stands.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

PATH_CLASS = pa.field("path_class", pa.string(), nullable=False)
DEFAULT_CLASS = "source"

PATH_PATTERNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    # Other people's code, kept in the repository: its secrets are rarely the repository's own.
    ("vendor", (
        r"/(vendor|vendors|vendored|_vendor|third[-_]?party|3rd[-_]?party|thirdparty|external|externals|extern)/",
        r"/(node_modules|bower_components|jspm_packages|site-packages|dist-packages|godeps|pods|carthage)/",
        r"/\.(yarn|pnpm-store|bundle|m2|venv|virtualenv|tox)/",
        r"/(venv|virtualenv)/lib/",
    )),
    # Made by a program: long, repetitive, and a common source of false matches.
    ("generated", (
        r"\.(min|bundle|chunk)\.(js|mjs|css)$",
        r"\.(js|css|mjs|ts)\.map$",
        r"/(package-lock|npm-shrinkwrap|composer\.lock|packages\.lock)\.json$",
        r"/(yarn|pnpm-lock|poetry|cargo|gemfile|composer|pipfile|flake|uv|bun|mix|pubspec|podfile|gradle)\.(lock|lockb|yaml)$",
        r"/(gemfile|pipfile|composer|podfile|flake|cartfile|go)\.(lock|sum|resolved)$",
        r"\.(pb|pb2|g|generated|gen|designer|freezed)\.(go|cc|h|py|dart|cs|java|ts|js|swift)$",
        r"_(pb2|pb2_grpc|generated|gen)\.(py|pyi|go|rs|ts|js)$",
        r"/(dist|build|out|target|generated|gen|__generated__|\.next|\.nuxt|_site|coverage|htmlcov)/",
        r"\.(snap|lock|lcov|ipynb_checkpoints)$",
    )),
    # Tests, their data, and examples that only tests read.
    ("test", (
        r"/(test|tests|testing|testdata|test[-_]data|__tests__|__mocks__|__fixtures__|__snapshots__)/",
        r"/(spec|specs|fixture|fixtures|mock|mocks|cassettes|e2e|testsuite|test[-_]suite|test-fixtures|integration[-_]?tests?|unit[-_]?tests?)/",
        r"/[^/]*[-_.](test|tests|spec|specs|mock|mocks|fixture|fixtures)\.[a-z0-9]+$",
        r"/(test|tests|mock|fixture)[-_.][^/]*\.[a-z0-9]+$",
        r"/(conftest\.py|test\.[a-z0-9]+|tests\.[a-z0-9]+)$",
        r"/src/(test|androidtest|integrationtest|testfixtures)/",
        r"/[^/]+(tests?|testcase|it)\.(java|kt|cs|scala|groovy)$",
    )),
    # Written for people, with the placeholders that people write.
    ("docs", (
        r"/(doc|docs|documentation|man|manual|website|site|wiki|guides?|tutorials?|examples?|samples?|demos?|cookbook)/",
        r"\.(md|mdx|markdown|mkd|rst|adoc|asciidoc|textile|mediawiki|org|pod|rdoc|tex|texi|texinfo|[1-9]|ipynb)$",
        r"/(readme|changelog|changes|history|news|license|licence|copying|notice|authors|contributors|contributing|install|todo|faq|security|code_of_conduct)[^/]*$",
    )),
    # Read by programs when they start: where live secrets mostly stand.
    ("config", (
        r"\.(ya?ml|toml|ini|cfg|conf|config|cnf|properties|props|env|envrc|plist|tfvars|tfstate|hcl|tf|pem|key|ppk|pfx|p12|jks|kdbx|ovpn|rdp|reg|npmrc|pypirc|netrc|htpasswd|credentials|secrets?)$",
        r"/\.env[^/]*$",
        r"/[^/]*\.env\.[^/]*$",
        r"/\.[^/]+rc(\.[a-z]+)?$",
        r"/(\.github|\.circleci|\.gitlab|\.vscode|\.idea|\.aws|\.ssh|\.docker|\.kube|\.azure|\.config)/",
        r"/(config|configs|configuration|conf|conf\.d|settings|secrets?|credentials?|env|envs|environments|helm|charts|k8s|kubernetes|terraform|ansible|deploy|deployment)/",
        r"/(dockerfile|containerfile|makefile|procfile|jenkinsfile|vagrantfile|docker-compose|compose)[^/]*$",
        r"/(settings|config|configuration|secrets?|credentials?|appsettings|application|local_settings|constants|wp-config)[^/]*\.[a-z0-9]+$",
        r"/(\.npmrc|\.pypirc|\.netrc|_netrc|\.pgpass|\.htpasswd|\.git-credentials|\.dockercfg|\.boto|\.s3cfg|id_rsa|id_dsa|id_ecdsa|id_ed25519)$",
        r"/(package|tsconfig|composer|bower|angular|nx|lerna|renovate|firebase|vercel|now|app|manifest|google-services)\.json$",
    )),
)

PATH_CLASSES: tuple[str, ...] = (*(name for name, _ in PATH_PATTERNS), DEFAULT_CLASS)


def path_classes(paths: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The class of each path, as strings of the same length and chunking. A null or empty path is ``source``."""
    if isinstance(paths, pa.ChunkedArray):
        return pa.chunked_array([path_classes(chunk) for chunk in paths.chunks], pa.string())
    # Paths repeat (every revision of a file has the same one): judge each distinct path once.
    encoded = paths.dictionary_encode() if not pa.types.is_dictionary(paths.type) else paths
    lowered = pc.ascii_lower(pc.binary_join_element_wise("", encoded.dictionary.cast(pa.string()), "/"))
    conditions = [pc.match_substring_regex(lowered, "|".join(patterns)) for _, patterns in PATH_PATTERNS]
    names = [name for name, _ in PATH_PATTERNS]
    if not len(lowered):
        return pa.array([DEFAULT_CLASS] * len(paths), pa.string())
    classes = pc.case_when(pc.make_struct(*conditions), *names, DEFAULT_CLASS)
    return pc.coalesce(pc.take(classes, encoded.indices), DEFAULT_CLASS)


def with_path_class(locations: pa.RecordBatch | pa.Table) -> pa.RecordBatch | pa.Table:
    """``locations`` with a ``path_class`` column, worked out from ``path`` unless it is there already."""
    if PATH_CLASS.name in locations.schema.names:
        return locations
    return locations.append_column(PATH_CLASS, path_classes(locations.column("path")))
