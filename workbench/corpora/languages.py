"""A language is what a file is written in, as its extension says: enough to describe a corpus, not to parse it."""

from __future__ import annotations

OTHER = "other"
NONE = "no extension"

LANGUAGES: dict[str, str] = {
    extension: language
    for language, extensions in {
        "C": "c h",
        "C++": "cc cpp cxx hh hpp hxx inl",
        "C#": "cs csx",
        "Clojure": "clj cljs cljc edn",
        "CSS": "css scss sass less styl",
        "CSV": "csv tsv",
        "Dart": "dart",
        "Docker": "dockerfile",
        "Elixir": "ex exs eex heex",
        "Erlang": "erl hrl",
        "F#": "fs fsi fsx",
        "Go": "go",
        "Groovy": "groovy gradle jenkinsfile",
        "Haskell": "hs lhs",
        "HCL": "tf tfvars hcl",
        "HTML": "html htm xhtml vue svelte ejs hbs erb jinja j2",
        "INI": "ini cfg conf properties editorconfig",
        "Java": "java jsp",
        "JavaScript": "js mjs cjs jsx es6",
        "JSON": "json jsonl json5 webmanifest geojson map",
        "Jupyter": "ipynb",
        "Kotlin": "kt kts",
        "Log": "log out",
        "Lua": "lua",
        "Markdown": "md mdx markdown",
        "Objective-C": "m mm",
        "Perl": "pl pm t",
        "PHP": "php phtml",
        "PowerShell": "ps1 psm1 psd1",
        "Protocol Buffers": "proto",
        "Python": "py pyi pyx",
        "R": "r rmd",
        "reStructuredText": "rst",
        "Ruby": "rb rake gemspec",
        "Rust": "rs",
        "Scala": "scala sbt",
        "Shell": "sh bash zsh fish ksh env",
        "SQL": "sql",
        "Swift": "swift",
        "SVG": "svg",
        "Text": "txt text",
        "TOML": "toml lock",
        "TypeScript": "ts tsx mts cts",
        "Visual Basic": "vb vbs bas",
        "XML": "xml xsd xsl xslt plist csproj vcxproj pom resx",
        "YAML": "yml yaml",
    }.items()
    for extension in extensions.split()
}
"""Language by extension, in lower case and without the dot."""
