#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the site: the documents, and the man pages with the comments of the headers, in HTML.

usage: site.py OUTDIR          the site is OUTDIR/html

Every text has one source.  The documents go to Sphinx as they are, but for their links: a header
becomes its man page, any other file of the tree a page that shows it, and the name of a function,
where it stands as code, a link to its page.  Man pages of section 3 come from man/pages.py, and
mandoc writes all of them in HTML.
"""

import html
import os
import pathlib
import posixpath
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent

SECTIONS = [        # the table of contents; what is not named comes under the last one
    ("Learn", ["doc/README", "doc/tutorial"]),
    ("Get something done", ["doc/how-to-*", "doc/porting", "examples/README"]),
    ("Look it up", ["man/index", "doc/protocol", "doc/compatibility", "doc/deviations", "SECURITY",
                    "NEWS"]),
    ("Understand it", ["doc/design", "doc/versions"]),
    ("More", []),
]
LANGUAGES = {".c": "c", ".h": "c", ".cpp": "cpp", ".hpp": "cpp", ".py": "python", ".sh": "sh",
             ".js": "js", ".lua": "lua"}
FENCE = re.compile(r"(```|~~~)")
LINK = re.compile(r"\]\(([^()\s]+)\)")
CODE = re.compile(r"(?<![\[`])`([a-z_]\w+)(?: \(.*?\))?`(?!`)")


def fail(message):
    sys.exit(f"site: {message}")


def run(*command, **options):
    done = subprocess.run([str(x) for x in command], stdout=subprocess.PIPE, text=True,
                          check=False, **options)
    if done.returncode:
        fail(f"'{' '.join(map(str, command))}' failed")
    return done.stdout


# --- Man pages ------------------------------------------------------------------------------------

class Manual:
    """All man pages, and the names that lead to each."""

    def __init__(self, scratch):
        run(sys.executable, "-B", TOP / "man/pages.py", scratch, TOP / "man/evassuan.7",
            TOP / "include")
        self.files = {path.name: path for path in
                      [*sorted(scratch.iterdir()), *sorted((TOP / "man").glob("*.[1-9]"))]}
        self.page = {}                              # of each name with its section
        for name, path in self.files.items():
            link = re.match(r"\.so (?:man\d/)?(\S+)", path.read_text(encoding="utf-8"))
            self.page[name] = link[1] if link else name

    def href(self, name, base):
        """The link from a page in the directory BASE to the manual of NAME, with its section."""
        page = self.page.get(name)
        if not page:
            return None
        anchor = "" if page == name else "#" + name.rsplit(".", 1)[0]
        return posixpath.relpath(f"man/{page}.html", base or ".") + anchor

    def text(self, name):
        """The page NAME in HTML, whose links lead to pages of the site."""
        text = run("mandoc", "-T", "html", "-O", "fragment,man=%N.%S", self.files[name])
        text = re.sub(r'<table class="(head|foot)">.*?</table>', "", text, flags=re.S)

        def link(match):
            href = self.href(match[1], "man")
            return f'<a class="Xr" href="{href}">' if href else "<a>"
        return re.sub(r'<a class="Xr" href="([^"]*)">', link, text)

    def ids(self, text, name):
        """TEXT with a place to go to for each other name of the page."""
        for other, page in self.page.items():
            word = other.rsplit(".", 1)[0]
            if page == name and other != name and f'id="{word}"' not in text:
                place = re.search(rf"<h2[^>]*>(?:(?!</h2>).)*\b{word}\b", text, re.S)
                at = place.start() if place else 0
                text = f'{text[:at]}<span id="{word}"></span>{text[at:]}'
        return text

    def write(self, source):
        """Writes all pages, and one that lists them."""
        lines = ["# Man pages", ""]
        (source / "man").mkdir()
        for name in sorted(set(self.page.values())):
            word, section = name.rsplit(".", 1)
            what = re.search(r"^\.Nd (.*)|\\- (.*)", self.files[name].read_text(encoding="utf-8"), re.M)
            what = (what[1] or what[2]).replace("\\", "") if what else ""
            title = f"{word}({section})"
            lines.append(f'* <a href="{name}.html">{title}</a>: {html.escape(what)}')
            text = self.ids(self.text(name), name)
            # A line without anything would end the piece of HTML.
            text = re.sub(r"\n\s*\n", "\n&#10;", text)
            (source / "man" / f"{name}.md").write_text(
                f"# {title}\n\n<div class=\"manual\">\n{text}\n</div>\n", encoding="utf-8")
        pages = [f"{name} <{name}>" for name in sorted(set(self.page.values()))]
        lines += ["", "```{toctree}", ":hidden:", "", *pages, "```", ""]
        (source / "man/index.md").write_text("\n".join(lines), encoding="utf-8")


# --- Documents ------------------------------------------------------------------------------------

class Site:
    """The source that Sphinx gets."""

    def __init__(self, out):
        self.source = out / "source"
        self.manual = Manual(out / "man3")
        self.documents = [TOP / x for x in ("README.md", "CONTRIBUTING.md", "SECURITY.md",
                                            "examples/README.md")]
        self.documents += sorted((TOP / "doc").glob("*.md"))
        self.shown = {}         # files of the tree that are shown: their pages

    def show(self, path):
        """The page that shows the file or directory PATH."""
        if path not in self.shown:
            name = str(path.relative_to(TOP))
            self.shown[path] = f"files/{name}.md"
            page = self.source / self.shown[path]
            page.parent.mkdir(parents=True, exist_ok=True)
            base = posixpath.dirname(self.shown[path])
            lines = ["---", "orphan: true", "---", f"# {name}", ""]
            if path.is_dir():
                lines += [f"* [{x.name}]({posixpath.relpath(self.show(x), base)})"
                          for x in sorted(path.iterdir()) if x.is_file()]
            else:
                lines += [f"```{{literalinclude}} {os.path.relpath(path, page.parent)}",
                          f":language: {LANGUAGES.get(path.suffix, 'text')}", "```"]
            page.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return self.shown[path]

    def target(self, link, document):
        """What LINK, in the file DOCUMENT, becomes."""
        name, mark, anchor = link.partition("#")
        if ":" in name or not name:
            return link
        path = pathlib.Path(os.path.normpath(document.parent / name))
        base = posixpath.dirname(document.relative_to(TOP).as_posix())
        if path == TOP / "README.md":
            return posixpath.relpath("index.md", base or ".") + mark + anchor
        if path in self.documents:
            return link
        if path.name == "NEWS":
            return posixpath.relpath("NEWS.md", base or ".")
        page = path.relative_to(TOP / "include").as_posix().replace("/", "_") + ".3" \
            if TOP / "include" in path.parents else None
        if page in self.manual.files:
            return posixpath.relpath(f"man/{page}.md", base or ".")
        if not path.exists():
            fail(f"{document.relative_to(TOP)}: there is no '{link}'")
        return posixpath.relpath(self.show(path), base or ".") + mark + anchor

    def line(self, line, document):
        """LINE of a document, with links that lead to pages of the site."""
        base = posixpath.dirname(document.relative_to(TOP).as_posix())

        def name(match):
            href = self.manual.href(match[1] + ".3", base)
            return f'<a href="{href}"><code>{html.escape(match[0].strip("`"))}</code></a>' \
                if href else match[0]
        line = LINK.sub(lambda m: f"]({self.target(m[1], document)})", line)
        return CODE.sub(name, line)

    def document(self, document):
        """Writes a document."""
        lines, fence = [], False
        for line in document.read_text(encoding="utf-8").splitlines():
            if FENCE.match(line):
                fence = not fence
                line = "```text" if fence and line == "```" else line
            is_text = not fence and not line.startswith(("    ", "#", "<!--"))
            lines.append(self.line(line, document) if is_text else line)
        page = self.source / document.relative_to(TOP)
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def write(self):
        """Writes everything."""
        self.manual.write(self.source)
        for document in self.documents:
            self.document(document)
        news = (TOP / "NEWS").read_text(encoding="utf-8").split("\n", 1)[1]
        (self.source / "NEWS.md").write_text("# News\n" + re.sub(r"^(Version .*)$", r"## \1", news,
                                                                 flags=re.M), encoding="utf-8")
        self.index()

    def index(self):
        """Makes the README the first page, with the table of contents of the site."""
        left = [x.relative_to(self.source).with_suffix("").as_posix()
                for x in [*self.source.rglob("*.md")]]
        left = sorted(x for x in left if not x.startswith(("files/", "man/")) or x == "man/index")
        left.remove("README")
        lines = []
        for title, names in SECTIONS:
            found = [x for name in names for x in left if pathlib.PurePath(x).match(name)] \
                if names else left
            left = [x for x in left if x not in found]
            lines += ["```{toctree}", ":hidden:", f":caption: {title}", "", *found, "```", ""]
        readme = self.source / "README.md"
        text = readme.read_text(encoding="utf-8")
        readme.unlink()
        (self.source / "index.md").write_text(text + "\n" + "\n".join(lines), encoding="utf-8")


def main():
    """Makes the site."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print("usage: site.py OUTDIR", file=sys.stderr)
        sys.exit(2)
    for program, package in ("mandoc", "mandoc"), ("sphinx-build", "python3-sphinx"):
        if not shutil.which(program):
            fail(f"there is no {program}; 'apt-get install {package}' has it")
    out = pathlib.Path(sys.argv[1]).resolve()
    shutil.rmtree(out, ignore_errors=True)
    (out / "source").mkdir(parents=True)
    for name in "conf.py", "man.css":
        shutil.copy(HERE / name, out / "source")
    Site(out).write()
    run("sphinx-build", "-q", "-W", "--keep-going", "-b", "html", "-d", out / "cache",
        out / "source", out / "html")


main()
