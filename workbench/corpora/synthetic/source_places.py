"""Places where programmers write values into programs: twelve languages, and what a bundler makes of one of them."""

from __future__ import annotations

from workbench.corpora.synthetic.place import Inline, Place

_SLASHES = "// {note}"
_BRACES = ("    if ({a} > {n}) {", "    }", "    return {a};", "", "    // {t}", "        {a}.{a}({a}, {n});", "}")

SOURCE_PLACES: tuple[Place, ...] = (
    Place(
        "python", ("{w}/{w}.py", "src/{w}/{w}.py", "{w}/settings.py", "tests/test_{w}.py"), "snake",
        ('{name} = "{value}"', "{name} = '{value}'", '    {name}="{value}",', "os.environ['{name}'] = '{value}'",
         'headers = {"Authorization": "Bearer {value}"}  # {name}'),
        ('{name} = "{value}"  # {note}', "config['{note}'] = dict({name}='{value}')"), "# {note}",
        Inline("client = connect(", '{name}="{value}"', ", ", ")"),
        ("import {w}", "def {a}({w}, {a}={n}):", "    {a} = {a}.{a}({n})", "    if {a} is None:", "        return {a}",
         "class {A}:", '    """{t}."""', "    # {t}", "", "    for {w} in {a}:", '    raise ValueError("{t}")')),
    Place(
        "javascript", ("src/{w}.js", "lib/{w}/{w}.js", "{w}/index.js", "config/{w}.js"), "camel",
        ('const {name} = "{value}";', "const {name} = '{value}';", "  {name}: '{value}',", "var {name}=\"{value}\";",
         "process.env.{name} = '{value}';", "const {name} = `{value}`;"),
        ("const {name} = '{value}'; // {note}", "  {name}: { note: '{note}', value: '{value}' },"), _SLASHES,
        Inline("const client = connect({ ", "{name}: '{value}'", ", ", " });"),
        ("import {A} from './{w}';", "function {a}({w}, {a}) {", "  const {a} = {a}.{a}({n});", "  if (!{a}) {",
         "    return {a};", "  }", "}", "", "// {t}", "export default {A};", "  await {a}(`/{w}/${{a}}`);")),
    Place(
        "typescript", ("src/{w}.ts", "src/{w}/{w}.service.ts", "app/{w}.tsx", "environments/environment.ts"), "camel",
        ("const {name}: string = '{value}';", 'export const {name} = "{value}";', "  {name}: '{value}',",
         "  private readonly {name} = '{value}';"),
        ("  {name}: '{value}', // {note}", "const {name} = '{value}' as const; // {note}"), _SLASHES,
        Inline("connect({ ", "{name}: '{value}'", ", ", " });"),
        ("import { {A} } from './{w}';", "export interface {A} {", "  {a}: number;", "  {a}?: string[];", "}", "",
         "  constructor(private {a}: {A}) {}", "  // {t}", "  return this.{a}.{a}({n});", "type {A} = '{w}' | '{w}';")),
    Place(
        "java", ("src/main/java/org/example/{w}/{w}.java", "app/src/{w}.java"), "camel",
        ('    private static final String {name} = "{value}";', '    String {name} = "{value}";',
         '        client.set("{name}", "{value}");', '    @Value("{value}") String {name};'),
        ('    String {name} = "{value}"; // {note}', '        client.put("{note}", "{name}", "{value}");'),
        "    // {note}",
        Inline("    connect(", '"{value}"', ", ", ");"),
        ("package org.example.{w};", "import org.example.{w}.{A};", "public class {A} {", "    private int {a} = {n};",
         "    public {A} {a}({A} {a}) {", "    @Override", *_BRACES)),
    Place(
        "kotlin", ("src/main/kotlin/{w}/{w}.kt", "app/build.gradle.kts", "{w}/{w}.kt"), "camel",
        ('    val {name} = "{value}"', '    const val {name} = "{value}"',
         '    buildConfigField("String", "{name}", "{value}")'),
        ('    val {name} = "{value}" // {note}',), "    // {note}",
        Inline("    connect(", '{name} = "{value}"', ", ", ")"),
        ("package org.example.{w}", "import org.example.{w}.{A}", "class {A}(private val {a}: Int) {",
         "    fun {a}({a}: {A}): Int {", "    val {a} = {a}.map { it.{a} }", "data class {A}(val {a}: String)",
         *_BRACES)),
    Place(
        "go", ("cmd/{w}/main.go", "internal/{w}/{w}.go", "pkg/{w}/{w}_test.go", "{w}.go"), "camel",
        ('\t{name} := "{value}"', 'const {name} = "{value}"', "var {name} = `{value}`", '\t\t{name}: "{value}",',
         '\tos.Setenv("{name}", "{value}")'),
        ('\t{name} := "{value}" // {note}', '\tcfg.Set("{note}", "{name}", "{value}")'), "\t// {note}",
        Inline("\tconnect(", '"{value}"', ", ", ")"),
        ("package {w}", 'import "example.org/{w}/{w}"', "func {A}({a} int) error {", "\tif err != nil {",
         "\t\treturn err",
         "\t}", "}", "type {A} struct {", "\t{A} int", "", "\t// {t}", "\t{a} := {a}.{A}({n})")),
    Place(
        "rust", ("src/{w}.rs", "src/{w}/mod.rs", "crates/{w}/src/lib.rs", "tests/{w}.rs"), "snake",
        ('    let {name} = "{value}";', 'const {name}: &str = "{value}";', '    .header("{name}", "{value}")'),
        ('    let {name} = "{value}"; // {note}',), "    // {note}", Inline("    connect(", '"{value}"', ", ", ");"),
        ("use crate::{w}::{A};", "pub struct {A} {", "    {a}: u32,", "impl {A} {", "    pub fn {a}(&self) -> usize {",
         "        self.{a}.len() + {n}", "    let {a} = {a}.{a}()?;", "    // {t}", "    }", "}", "")),
    Place(
        "ruby", ("app/models/{w}.rb", "config/initializers/{w}.rb", "lib/{w}/{w}.rb", "spec/{w}_spec.rb"), "snake",
        ('{name} = "{value}"', "  {name}: '{value}',", "ENV['{name}'] = '{value}'", "  config.{name} = '{value}'",
         "  :{name} => '{value}',"),
        ("  {name}: '{value}', # {note}", "  config.{name} = '{value}' # {note}"), "# {note}",
        Inline("connect(", "{name}: '{value}'", ", ", ")"),
        ("class {A} < {A}", "  def {a}({a}, {w})", "    {a} = {a}.{a}({n})", "    return if {a}.nil?", "  end", "end",
         "  # {t}", "", "  {a}.each do |{w}|", "require '{w}/{w}'", "  attr_reader :{a}")),
    Place(
        "php", ("app/{w}.php", "config/{w}.php", "wp-config.php", "src/{w}/{w}.php"), "snake",
        ("define('{name}', '{value}');", "${name} = '{value}';", "    '{name}' => '{value}',", '${name} = "{value}";'),
        ("    '{name}' => '{value}', // {note}", "define('{name}', '{value}'); /* {note} */"), _SLASHES,
        Inline("connect([", "'{name}' => '{value}'", ", ", "]);"),
        ("use App\\{A}\\{A};", "class {A} extends {A}", "{", "    public function {a}(${a})",
         "        ${a} = $this->{a}({n});",
         "        return ${a};", "    }", "}", "    // {t}", "", "    '{a}' => {n},"), head="<?php"),
    Place(
        "csharp", ("src/{w}/{w}.cs", "Services/{w}.cs", "{w}/Program.cs"), "pascal",
        ('    private const string {name} = "{value}";', '        var {name} = "{value}";', '    {name} = @"{value}",',
         '        options.{name} = "{value}";'),
        ('        var {name} = "{value}"; // {note}',), "        // {note}",
        Inline("        Connect(", '"{value}"', ", ", ");"),
        ("using Example.{A};", "namespace Example.{A}", "{", "    public class {A} : {A}",
         "        public int {A} { get; set; }",
         "            await {A}({a}, {n});", "        // {t}", "    }", "}", "", "            return {a}.{A};")),
    Place(
        "swift", ("Sources/{w}/{w}.swift", "{w}/AppDelegate.swift", "{w}.swift"), "camel",
        ('    let {name} = "{value}"', '    static let {name} = "{value}"', '    client.configure({name}: "{value}")'),
        ('    let {name} = "{value}" // {note}',), "    // {note}",
        Inline("    connect(", '{name}: "{value}"', ", ", ")"),
        ("import {A}", "final class {A}: {A} {", "    var {a}: Int = {n}", "    func {a}(_ {a}: {A}) -> {A}? {",
         "        guard let {a} = {a} else { return nil }", *_BRACES)),
    Place(
        "c++", ("src/{w}.cpp", "include/{w}/{w}.h", "{w}/{w}.ino", "firmware/{w}.cpp"), "snake",
        ('const char* {name} = "{value}";', '#define {name} "{value}"', '    std::string {name} = "{value}";',
         'static constexpr char {name}[] = "{value}";'),
        ('const char* {name} = "{value}";  // {note}', '#define {name} "{value}" /* {note} */'), _SLASHES,
        Inline("    connect(", '"{value}"', ", ", ");"),
        ("#include <{w}/{w}.h>", "namespace {w} {", "class {A} {", "  int {a}_ = {n};", "void {A}::{a}(int {w}) {",
         *_BRACES)),
    Place(
        "html", ("public/{w}.html", "templates/{w}.html", "index.html", "{w}/{w}.vue"), "kebab",
        ('  <meta name="{name}" content="{value}">', '  <div data-{name}="{value}"></div>',
         "  <script>var key = '{value}';</script>", '  <input type="hidden" name="{name}" value="{value}">'),
        ('  <div data-{name}="{value}"></div> <!-- {note} -->', '  <div title="{note}" data-{name}="{value}"></div>'),
        "  <!-- {note} -->", Inline("  <div ", 'data-{name}="{value}"', " ", "></div>"),
        ('  <div class="{k} {k}">', "    <p>{t}.</p>", "  </div>", '    <a href="https://{h}/{w}">{w}</a>',
         "  <!-- {t} -->", '    <img src="/{w}/{w}.png" alt="{t}">', "    <li>{w} {w}</li>"),
        head="<!doctype html>\n<html>", tail="</html>"),
    Place(
        "minified bundle", ("dist/{w}.min.js", "public/js/{w}.bundle.js", "build/static/js/main.{w}.js"), "camel",
        ('{name}="{value}",', '{name}:"{value}",', "e.{name}='{value}',", 't("{name}","{value}"),'),
        ('{name}={n:"{note}",v:"{value}"},', 't("{note}","{name}","{value}"),'), 't("{note}"),',
        Inline("r({", '{name}:"{value}"', ",", "}),"),
        ("function {s}({s},{s}){return {s}.{a}({n})}", "{s}={s}.{a}||{},", "!function({s}){{s}({n})}({s}),",
         "{s}.{a}=function({s},{s}){var {s}={s}[{n}];return {s}&&{s}.{a}},", '{s}("{w}",{n}),', "{s}?{s}:{s}.{s},",
         "for(var {s}={n};{s}<{s}.length;{s}++){s}[{s}]={s}({s}),", '{s}.exports={{w}:"{a}",{w}:{N}},'),
        joint="", most_bytes=4_000_000),
)
