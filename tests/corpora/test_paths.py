"""Path classes, by the paths people know."""

from __future__ import annotations

import pyarrow as pa
import pytest

from workbench.corpora.paths import PATH_CLASSES, path_classes

CASES = {
    "vendor": ["node_modules/a/index.js", "vendor/github.com/x/y.go", "third_party/z.c", "a/ThirdParty/b.cs",
               "site-packages/requests/api.py", "venv/lib/python3/x.py", "Pods/A/b.m", ".yarn/releases/yarn.cjs",
               "node_modules/x/test/a.js"],  # other people's tests are other people's
    "generated": ["dist/app.js", "js/jquery.min.js", "app.js.map", "package-lock.json", "yarn.lock", "go.sum",
                  "Cargo.lock", "api/x.pb.go", "x_pb2.py", "build/out.txt", "src/Form1.Designer.cs", "poetry.lock",
                  "Gemfile.lock", "bun.lockb", "pnpm-lock.yaml"],
    "test": ["tests/test_a.py", "test_a.py", "a_test.go", "src/test/java/A.java", "spec/models/user_spec.rb",
             "app/x.spec.ts", "__tests__/a.js", "fixtures/key.pem", "FooTest.java", "LoginIT.java", "conftest.py",
             "testdata/config.yaml", "e2e/login.js", "src/LoginTests.cs", "tests/README.md"],
    "docs": ["README.md", "docs/index.html", "README", "CHANGELOG.rst", "examples/app.py", "LICENSE", "a/b.adoc",
             "man/x.1", "notebook.ipynb", "Documentation/config.txt"],
    "config": ["config.yml", ".env", ".env.production", "prod.env", "settings.py", "app/config/secrets.php",
               "Dockerfile", "docker-compose.yml", "main.tf", "terraform.tfvars", ".npmrc", "id_rsa",
               ".aws/credentials",
               "server.key", "k8s/deploy.yaml", "wp-config.php", "application.properties", "appsettings.json",
               ".github/workflows/ci.yml", "package.json", ".bashrc", "Makefile", "google-services.json"],
    "source": ["main.py", "src/app.js", "lib/a/b.rb", "latest/thing.go", "contest.py", "attest/a.c", "protest.js",
               "src/distance.js", "src/builder/a.java", "a", "", "documents.py", "src/Digit.java", "manual.c",
               "src/audit.kt", "environment.ts"],
}


@pytest.mark.parametrize(("expected", "path"), [(c, p) for c, paths in CASES.items() for p in paths])
def test_path_class(expected: str, path: str) -> None:
    assert path_classes(pa.array([path])).to_pylist() == [expected]


def test_whole_columns_of_every_kind() -> None:
    paths = [p for paths in CASES.values() for p in paths] * 3
    expected = [c for c, paths in CASES.items() for _ in paths] * 3
    assert path_classes(pa.array(paths)).to_pylist() == expected
    assert path_classes(pa.array(paths, pa.large_string())).to_pylist() == expected
    assert path_classes(pa.array(paths).dictionary_encode()).to_pylist() == expected
    for kind in (pa.int8(), pa.int32()):
        sliced = pa.array([None, *paths]).cast(pa.dictionary(kind, pa.string())).slice(3)
        assert path_classes(sliced).to_pylist() == expected[2:]
    chunked = path_classes(pa.chunked_array([paths[:5], [], paths[5:]]))
    assert chunked.to_pylist() == expected and chunked.num_chunks == 3
    assert path_classes(pa.array([None, "a.md"], pa.string())).to_pylist() == ["source", "docs"]
    assert path_classes(pa.array([], pa.string())).to_pylist() == []
    assert set(CASES) == set(PATH_CLASSES)
