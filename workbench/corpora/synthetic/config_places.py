"""Places where machines read their settings, and where people leave notes: configuration, shells, logs, documents."""

from __future__ import annotations

from workbench.corpora.synthetic.place import Inline, Place

_JSON_LINES = ('  "{a}": {n},', '  "{a}": "{t}",', '  "{a}": ["{w}", "{w}", "{w}"],', '  "{a}": true,',
               '  "{a}": {"{w}": {N}, "{a}": "{v}"},', '  "{a}": "https://{h}/{w}/{w}",', '  "{a}": null,')
_HASH = "# {note}"

_CELL_OPENS = '  {"cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [],\n   "source": [\n    '
_CELL_CLOSES = '\n    "{name}.head()"]},'


def _cell(line: str) -> str:
    """One code cell with ``line`` in it, as a notebook file has it."""
    return _CELL_OPENS + line + _CELL_CLOSES


CONFIG_PLACES: tuple[Place, ...] = (
    Place(
        "dotenv", (".env", "{w}/.env", ".env.production", "deploy/{w}.env"), "upper",
        ("{name}={value}", 'export {name}="{value}"', "{name}='{value}'", "{name}={value}"),
        ("{name}={value} # {note}", 'export {name}="{value}"  # {note}'), _HASH,
        Inline("# ", "{name}={value}", " ", ""),
        ("{U}={n}", "{U}={w}", "{U}=https://{h}/{w}", "# {t}", "{U}=true", 'export {U}="{w} {w}"', ""),
        most_bytes=12_000),
    Place(
        "yaml", ("config/{w}.yml", ".github/workflows/{w}.yml", "{w}/values.yaml", "docker-compose.yml"), "snake",
        ("  {name}: {value}", '  {name}: "{value}"', "  {name}: '{value}'", "  - {name}={value}", "{name}: {value}"),
        ("  {name}: {value}  # {note}", '  - {name}: "{value}" # {note}'), "  # {note}",
        Inline("  credentials: {", "{name}: {value}", ", ", "}"),
        ("{a}:", "  {a}: {n}", "  {a}: {w}", "  - {w}", '  {a}: "{t}"', "  # {t}", "    {a}: true",
         "  image: {h}/{w}:{v}",
         "    {a}: [{w}, {w}]")),
    Place(
        "json", ("config/{w}.json", "{w}/settings.json", "appsettings.{w}.json", "data/{w}.json"), "camel",
        ('  "{name}": "{value}",', '  "{name}": {"value": "{value}"},', '  "{name}":"{value}",'),
        ('  "{name}": {"description": "{note}", "value": "{value}"},', '  "{name}": ["{note}", "{value}"],'),
        '  "comment": "{note}",', Inline('  "pair": {', '"{name}": "{value}"', ", ", "},"),
        _JSON_LINES, head="{", tail='  "schemaVersion": 2\n}'),
    Place(
        "json line", ("fixtures/{w}.json", "{w}/dump.jsonl", "export/{w}.json"), "snake",
        ('"{name}":"{value}",', '"{name}":{"value":"{value}"},'), ('"{name}":{"note":"{note}","value":"{value}"},',),
        '"note":"{note}",', Inline('"pair":{', '"{name}":"{value}"', ",", "},"),
        ('"{a}":{n},', '"{a}":"{t}",', '"{a}":["{w}","{w}"],', '"{a}":"{d}",', '"{a}":{"{w}":{N}},', '"{a}":false,'),
        head="{", tail='"end":0}', joint="", most_bytes=60_000),
    Place(
        "toml", ("config/{w}.toml", "{w}/pyproject.toml", "netlify.toml", "{w}/Settings.toml"), "snake",
        ('{name} = "{value}"', "{name} = '{value}'", '{name}="{value}"'), ('{name} = "{value}"  # {note}',), _HASH,
        Inline("pair = { ", '{name} = "{value}"', ", ", " }"),
        ("[{w}.{w}]", "{a} = {n}", '{a} = "{w}"', "# {t}", '{a} = ["{w}", "{w}"]', "{a} = true", '{a} = "{v}"', "")),
    Place(
        "ini", ("{w}.ini", "config/{w}.cfg", "src/main/resources/application.properties", "conf/{w}.conf"), "snake",
        ("{name} = {value}", "{name}={value}", "{name}: {value}", "spring.{name}={value}"),
        ("{name} = {value} ; {note}",),
        "; {note}", Inline("", "{name}={value}", ";", ""),
        ("[{w}]", "{a} = {n}", "{a} = {w}", "; {t}", "{a} = /var/lib/{w}/{w}", "{a} = yes", "",
         "url = https://{h}/{w}")),
    Place(
        "terraform", ("main.tf", "{w}/variables.tf", "infra/{w}.tf", "terraform.tfvars"), "snake",
        ('  {name} = "{value}"', '  {name}        = "{value}"', 'variable "{name}" {\n  default = "{value}"\n}'),
        ('  {name} = "{value}" # {note}',), "  # {note}", Inline("  pair = { ", '{name} = "{value}"', ", ", " }"),
        ('resource "{a}" "{w}" {', '  {a} = "{w}"', "  {a} = {n}", "}", "", '  source = "./modules/{w}"', "  # {t}",
         '  tags = { {w} = "{w}" }', "  count = var.{a}")),
    Place(
        "kubernetes manifest", ("k8s/{w}.yaml", "charts/{w}/templates/{w}.yaml", "manifests/{w}.yml"), "upper",
        ('        - name: {name}\n          value: "{value}"', "  {name}: {value}", '  {name}: "{value}"'),
        ('        - {name: {name}, value: "{value}"}  # {note}',), "  # {note}",
        Inline("  args: [", '"--{name}={value}"', ", ", "]"),
        ("apiVersion: v1", "kind: ConfigMap", "metadata:", "  name: {k}", "  labels: {app: {w}}", "      - name: {k}",
         "        image: {h}/{w}:{v}", "          containerPort: {N}", "---", "  # {t}", "  replicas: {n}")),
    Place(
        "kubernetes secret", ("k8s/{w}-secret.yaml", "manifests/secrets/{w}.yml"), "kebab",
        ("  {name}: {value}", '  {name}: "{value}"'), ("  {name}: {value}  # {note}",), "  # {note}",
        Inline("data: {", "{name}: {value}", ", ", "}"),
        ("apiVersion: v1", "kind: Secret", "type: Opaque", "metadata:", "  name: {k}", "  labels: {app: {w}}", "---",
         "data:", "  # {t}"), most_bytes=8_000, is_base64=True),
    Place(
        "dockerfile", ("Dockerfile", "{w}/Dockerfile", "docker/{w}.Dockerfile", "Containerfile"), "upper",
        ("ENV {name}={value}", 'ENV {name} "{value}"', "ARG {name}={value}", "RUN {name}={value} ./install.sh"),
        ("RUN export {name}={value} && ./build.sh # {note}",), _HASH, Inline("ENV ", "{name}={value}", " ", ""),
        ("FROM {w}:{v}", "RUN apt-get update && apt-get install -y {w} {w}", "COPY {w} /srv/{w}", "WORKDIR /srv/{w}",
         "EXPOSE {N}", 'CMD ["{w}", "--{k}"]', "# {t}", "ENV {U}={n}", ""), most_bytes=12_000),
    Place(
        "shell script", ("scripts/{w}.sh", "bin/{w}", "ci/{w}.sh", "{w}/entrypoint.sh"), "upper",
        ('{name}="{value}"', "export {name}='{value}'",
         'curl -s -H "Authorization: Bearer {value}" https://api.example.com/{name}',
         "{name}={value} ./run.sh", "  --{name} {value} \\"),
        ('{name}="{value}"  # {note}', 'curl -d "{name}={value}" https://api.example.com  # {note}'), _HASH,
        Inline("./login.sh ", "--{name}={value}", " ", ""),
        ("#!/bin/sh", "set -eu", 'if [ -z "${U}" ]; then', "  echo \"{t}\" >&2", "  exit {n}", "fi", "{a}() {", "}",
         "for {w} in {w} {w}; do", "done", "# {t}", 'mkdir -p "/tmp/{w}/{w}"', "")),
    Place(
        "shell history", (".bash_history", "home/{w}/.zsh_history", "{w}/.bash_history", ".history"), "upper",
        ("export {name}={value}", 'curl -H "Authorization: token {value}" https://api.example.com/{name}',
         "{name}={value} make deploy",
         "echo {value} | login --stdin", "git clone https://oauth2:{value}@git.example.com/{name}.git",
         "curl 'https://api.example.com/v1?key={value}'"),
        ("export {name}={value} # {note}", "echo {value} | tee token.txt  # {note}"), "# {note}",
        Inline("env ", "{name}={value}", " ", " make deploy"),
        ("cd {w}", "ls -la {w}", "git commit -m '{t}'", "git push", "vim {w}/{w}.py", "docker run -p {N}:{N} {w}:{v}",
         "kubectl get pods -n {k}", "ssh {w}@{h}", "make {w}", "cat {w}.log | grep {w}"), most_bytes=60_000),
    Place(
        "log", ("logs/{w}.log", "{w}.log", "var/log/{w}.log", "debug.log"), "snake",
        ("2024-05-02 10:11:12,345 DEBUG {name} set to {value}", "[info] GET /login?{name}={value} HTTP/1.1 200",
         '10.0.0.7 - - "POST /api HTTP/1.1" 401 "{name}: {value}"', "Error: request failed: header {name}: {value}",
         '{"level":"debug","{name}":"{value}"}'),
        ("WARN {note}: {name}={value}", "2024-05-02T10:11:12Z {note} {name}={value} retrying"),
        "2024-05-02T10:11:12Z INFO {note}", Inline("DEBUG login ", "{name}={value}", " ", " ok"),
        ("{d} INFO {a}: {t}", "{d} DEBUG {a} took {N} ms", "{d} WARN {h} answered {n} after {n} tries",
         "{d} ERROR {t}", '10.0.{n}.{n} - - [{d}] "GET /{w}/{w} HTTP/1.1" 200 {N}', "  at {a}.{a}({A}.java:{N})"),
        forbidden=b"\r\n\"\\", most_bytes=4_000_000),
    Place(
        "markdown", ("README.md", "docs/{w}.md", "docs/{w}/{w}.md", "CONTRIBUTING.md"), "upper",
        ("```\n{name}={value}\n```", "    export {name}={value}", "Use `{value}` as `{name}`.", "- {name}: {value}",
         "```\n{value}\n```"),
        ("- {name} ({note}): `{value}`", "| {note} | {name} | {value} |"), "{note}.",
        Inline("| ", "{value}", " | ", " |"),
        ("## {w} {w}", "{t}. {t}.", "- {t}", "", "See [{w}](https://{h}/{w}).", "| {w} | {n} | {t} |", "```", "{t}."),
        forbidden=b""),
    Place(
        "xml", ("config/{w}.xml", "web.config", "{w}/app.config", "src/{w}/strings.xml"), "pascal",
        ('  <add key="{name}" value="{value}" />', "  <{name}>{value}</{name}>",
         '  <string name="{name}">{value}</string>'),
        ('  <add key="{name}" value="{value}" /> <!-- {note} -->', '  <{name} note="{note}">{value}</{name}>'),
        "  <!-- {note} -->", Inline("  <pair ", '{name}="{value}"', " ", " />"),
        ('  <section name="{a}">', '    <add key="{a}" value="{n}" />', '    <{w} {a}="{w}" size="{n}" />',
         "  </section>",
         "  <!-- {t} -->",
         "    <url>https://{h}/{w}</url>"),
        forbidden=b"\r\n\"'&<>", head='<?xml version="1.0" encoding="utf-8"?>\n<configuration>',
        tail="</configuration>"),
    Place(
        "notebook", ("notebooks/{w}.ipynb", "{w}/analysis.ipynb", "{w}.ipynb"), "snake",
        (_cell('"{name} = \\"{value}\\"\\n",'), _cell("\"{name} = '{value}'\\n\","),
         _cell('"!export {name}={value}\\n",')),
        (_cell("\"{name} = '{value}'  # {note}\\n\","), _cell('"# {note}: {name}={value}\\n",')),
        _cell('"# {note}\\n",'), Inline(_CELL_OPENS + '"login(', "{name}='{value}'", ", ", ')\\n",' + _CELL_CLOSES),
        ('  {"cell_type": "markdown", "metadata": {}, "source": ["## {w} {w}\\n", "{t}."]},',
         _cell('"{a} = {a}[{a} > {n}]\\n",').replace("{name}", "{a}")),
        head='{"cells": [', tail='  {"cell_type": "markdown", "metadata": {}, "source": []}\n ],\n'
                                 ' "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'),
    Place(
        "sql", ("db/{w}.sql", "migrations/{w}.sql", "dump/{w}.sql"), "snake",
        ("INSERT INTO settings VALUES ('{name}', '{value}');", "UPDATE {name} SET value = '{value}' WHERE id = 7;",
         "SET @{name} = '{value}';"),
        ("INSERT INTO settings VALUES ('{name}', '{value}'); -- {note}",), "-- {note}",
        Inline("INSERT INTO credentials VALUES (", "'{value}'", ", ", ");"),
        ("INSERT INTO {a} VALUES ({N}, '{w}', '{t}');", "CREATE TABLE {a} ({a} INT, {a} TEXT);", "-- {t}", "COMMIT;",
         "SELECT {a} FROM {a} WHERE {a} > {n};", "({N}, '{w}', '{d}', NULL),"), most_bytes=4_000_000),
    Place(
        "key file", ("keys/{w}.pem", "secrets/{w}.txt", "credentials/{w}", "{w}.key"), "snake",
        ("{value}", "{name}:\n{value}", "{value}"), ("{note}\n{value}", "{note}: {value}"), "{note}",
        Inline("", "{value}", ":", ""), ("{t}", "", "{w}: {w}", "-- {w} --"), forbidden=b"", most_bytes=4_000),
)
