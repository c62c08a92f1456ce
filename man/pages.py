#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the man pages of section 3 from the comments of the public headers.

usage: pages.py OUTDIR DATED-PAGE INCLUDE-DIRECTORY

A header is a page, `eva.h.3`, with its file comment.  Each of its sections is a page that has the
name of the section's first function, or of its first type.  All other functions and types of the
section are links to it.  DATED-PAGE is a page written by hand, whose date these pages take.

What this script relies on is the layout that the headers have: a comment in the first column
belongs to the declarations right below it; `/* --- Title --- */` begins a section; within a comment,
indented lines are examples or tables, and lines that begin with `* ` are lists.
"""

import pathlib
import re
import shutil
import sys
import textwrap

CLOSING = ".,:;)]?!"
SKIPPED = re.compile(r"#(?!define)|extern \"C\"|\}$|G_DEFINE_")
LITERAL_SENTENCE = 60           # a shorter line is an item of its own
LONG_PARAMETER = 60             # a longer one has to be broken


class Item:
    """A comment and the declarations below it."""

    def __init__(self, comment):
        self.comment = comment
        self.functions = []             # (TYPE, NAME, [PARAMETER])
        self.types = []                 # names
        self.code = []                  # lines of what is no function

    def parameters(self):
        """The names of all parameters, in upper case, as comments write them."""
        found = {}
        for _, _, parameters in self.functions:
            for parameter in parameters:
                name = re.search(r"\(\*(\w+)\)|(\w+)(?:\[\w*\])?$", parameter)
                if name:
                    name = name[1] or name[2]
                    found[name.upper()] = name
        return found


class Page:
    """The file comment of a header, or one of its sections."""

    def __init__(self, header, title, comment):
        self.header = header
        self.title = title
        self.comment = comment
        self.items = []

    def functions(self):
        return [f for item in self.items for f in item.functions]

    def names(self):
        """All names by which it can be found, the first of them its own."""
        types = [t for item in self.items for t in item.types]
        names = [name for _, name, _ in self.functions()] + types
        return list(dict.fromkeys(names))


# --- Reading a header -----------------------------------------------------------------------------

def comment_text(lines):
    """What a comment says, without its frame and its indentation."""
    text = "\n".join(lines)
    text = re.sub(r"\s*\*/$", "", re.sub(r"^/\*", "  ", text))
    lines = text.split("\n")
    if len(lines) > 1 and all(re.match(r" \*( |$)", x) for x in lines[1:]):
        lines = [lines[0]] + ["  " + x[2:] for x in lines[1:]]
    lines = [lines[0].strip()] + textwrap.dedent("\n".join(lines[1:])).split("\n")
    return [x.rstrip() for x in lines]


def parameters_of(text):
    """The parameters in the text between a prototype's parentheses."""
    found, depth = [""], 0
    for c in re.sub(r"\s+", " ", text):
        depth += (c in "([") - (c in ")]")
        if c == "," and not depth:
            found.append("")
        else:
            found[-1] += c
    return [x.strip() for x in found]


def function_of(text):
    """A prototype as (TYPE, NAME, [PARAMETER])."""
    text = re.sub(r"\s+GPGRT_ATTR_\w+( \([^)]*\))?", "", text)
    match = re.match(r"(.*?)(\w+)\s\((.*)\)[^)]*$", text, re.S)
    kind = re.sub(r"\s+", " ", match[1].replace("static inline", "")).strip()
    return kind, match[2], parameters_of(match[3])


def declaration_end(lines, i):
    """The number of the line behind the declaration that begins at I."""
    if lines[i].startswith("#define"):
        while lines[i].endswith("\\"):
            i += 1
        return i + 1
    block = re.match(r"static |class |(typedef )?(struct|enum|union)[ \w]* \{$", lines[i])
    end = re.compile(r"\}.*$" if block else r".*;(\s*/\*.*\*/)?$")
    while not end.match(lines[i]):
        i += 1
    return i + 1


def internal_prefixes(path, text):
    """How the names of an adapter begin that programs do not use."""
    first = re.search(r"^struct (eva_\w+) \{", text, re.M)
    names = {"eva_" + path.stem.replace("-", "_")} | ({first[1]} if first else set())
    return tuple(name + "_" for name in names)


class Reader:
    """Reads one header."""

    def __init__(self, path, header):
        self.text = path.read_text()
        self.lines = self.text.split("\n")
        self.header = header
        self.adapter = "/" in header
        self.internal = internal_prefixes(path, self.text)
        self.pages = []

    def comment(self, i):
        """The comment that begins at line I, as lines, and the number of the line behind it."""
        end = i
        while "*/" not in self.lines[end]:
            end += 1
        return comment_text(self.lines[i:end + 1]), end + 1

    def begin(self, comment):
        """Begins a page if COMMENT is the title of one."""
        title = re.match(r"--- (.*?) -+$", comment[0])
        if title:
            self.pages.append(Page(self.header, title[1], []))
        elif re.match(r"-+$", comment[0]):
            self.pages.append(Page(self.header, comment[1], comment[3:-1]))
        elif not self.pages:
            match = re.match(r"\S+ - (.*)", comment[0])
            if match:
                paragraph = comment.index("") if "" in comment else len(comment)
                title, _, rest = " ".join([match[1]] + comment[1:paragraph]).partition(".  ")
                self.pages.append(Page(self.header, title.rstrip("."), [rest] + comment[paragraph:]))
        else:
            return False
        return True

    def is_public(self, name, comment):
        """Whether a program calls this function of an adapter."""
        if not comment:
            return False
        said = " ".join(comment)
        return not name.startswith(self.internal) or "From everywhere" in said

    def declaration(self, item, i):
        """Adds the declaration at line I to ITEM; returns the number of the line behind it."""
        end = declaration_end(self.lines, i)
        text = "\n".join(self.lines[i:end])
        if text.startswith("static "):
            function = function_of(text[:text.index("{")])
            if self.is_public(function[1], item.comment):
                item.functions.append(function)
        elif re.match(r"(?!typedef)[^#({]*\w \(.*\)[^)]*;", text, re.S):
            item.functions.append(function_of(text))
        elif not self.adapter or text.startswith(("#define EVA_", "typedef")):
            name = re.match(r"(?:struct|enum) (\w+) \{", text) \
                or re.search(r"\(\*(\w+)\) \(", text) or re.search(r"(\w+)(?:\[\w*\])?;", text)
            if not text.startswith("#") and name[1].startswith(("assuan_", "eva_")):
                item.types.append(name[1])
            item.code += self.lines[i:end]
        return end

    def read(self):
        """All pages of the header; of one of C++, what its file comment says."""
        i, item, declared = 0, None, False
        if self.header.endswith(".hpp"):
            i = next(i for i, line in enumerate(self.lines) if line.startswith(f"/* {self.header}"))
            self.begin(self.comment(i)[0])
            return self.pages
        while i < len(self.lines):
            line = self.lines[i]
            if line.startswith("/*"):
                comment, i = self.comment(i)
                item, declared = None, False
                if not self.begin(comment) and self.pages:
                    item = Item(comment)
                    self.pages[-1].items.append(item)
            elif not line or SKIPPED.match(line) or not self.pages or re.match(r"#define \w+_H$", line):
                if item and declared and not line:
                    item = None
                i += 1
            else:
                declared = True
                if not item:
                    item = Item([])
                    self.pages[-1].items.append(item)
                i = self.declaration(item, i)
        return self.fold()

    def fold(self):
        """Items that nothing is left of go, and pages without a name join the header's."""
        for page in self.pages:
            page.items = [x for x in page.items
                          if x.functions or x.code or (x.comment and not self.adapter)]
        if self.adapter:
            return self.pages
        first = self.pages[0]
        for page in self.pages[1:]:
            if not page.names():
                first.items += page.items
        return [first] + [page for page in self.pages[1:] if page.names()]


# --- Writing mdoc ---------------------------------------------------------------------------------

def plain(text):
    """TEXT for a text line."""
    text = text.replace("\\", "\\e")
    text = re.sub(r"(?<![\w-])-(?=[\w-])|(?<=-)-", r"\\-", text)
    return "\\&" + text if text[:1] in (".", "'") else text


def literal(text):
    """TEXT for a line of an example."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def quoted(text):
    """TEXT as one argument of a macro."""
    text = text.replace("\\", "\\e").replace('"', '""').replace("-", "\\-")
    return f'"{text}"'


def delimiters(tail):
    """What follows a name: delimiters as arguments of their own, and else right behind it."""
    rest = tail.rstrip(CLOSING)
    marks = " ".join(tail[len(rest):])
    return (f" Ns {quoted(rest)}" if rest else "") + (f" {marks}" if marks else "")


class Writer:
    """Writes pages; knows which page each name is on."""

    def __init__(self, pages, date):
        self.where = {name: page for page in pages for name in page.names()}
        self.files = {name: self.file_of(page) for name, page in self.where.items()}
        self.pages = pages
        self.date = date
        self.page = None
        self.out = []
        self.example_end = None         # the length of `out` after the last example
        self.goes_on = False            # whether an example that follows is a part of it

    @staticmethod
    def file_of(page):
        """The name of the page."""
        if page.comment is not None and page.title and page.is_header:
            return page.header.replace("/", "_")
        return page.names()[0]

    def word(self, word, parameters):
        """One word of a sentence: a line of a macro, or nothing if it is text."""
        match = re.match(r"([(\[]*)([A-Za-z_]\w*)([^\w*(/-]?\W*|'s\W*)$", word)
        if not match:
            return None
        head, name, tail = match.groups()
        head = "".join(c + " " for c in head)
        if name in parameters:
            return f".Fa {head}{parameters[name]}{delimiters(tail)}"
        page = self.where.get(name)
        if not page or not any(name == f for _, f, _ in page.functions()):
            return None
        if page is self.page:
            return f".Fn {head}{name}{delimiters(tail)}"
        return f".Xr {head}{name} 3{delimiters(tail)}"

    def sentence(self, text, parameters):
        """A sentence, with macros for what is code, functions and parameters."""
        words = []
        tokens = re.findall(r"[(\[]*`[^`]+`\S*|\S+", text)
        for token, after in zip(tokens, [*tokens[1:], ""]):
            code = re.match(r"([(\[]*)`([^`]+)`(\S*)$", token)
            if code:
                head = "".join(c + " " for c in code[1])
                line = f".Ql {head}{quoted(code[2])}{delimiters(code[3])}"
            elif re.match(r"\(\w*[,)]", after):
                line = None                     # a call with its arguments
            else:
                line = self.word(token, parameters)
            if not line:
                words.append(token)
                continue
            self.words(words)
            words = []
            self.out.append(line)
        self.words(words)

    def words(self, words):
        for line in textwrap.wrap(" ".join(words), 80, break_long_words=False,
                                  break_on_hyphens=False):
            self.out.append(plain(line))

    def filled(self, lines, parameters):
        """A paragraph; sentences begin on lines of their own."""
        text = " ".join(x.strip() for x in lines)
        for sentence in re.split(r"(?<=[.!?])\s{2,}|(?<=[.!?]\)) +|(?<=[.!?]) (?=[^a-z])", text):
            self.sentence(sentence, parameters)

    def literal(self, lines):
        """An example or a table; what was one with an empty line in it stays one."""
        lines = textwrap.dedent("\n".join(lines)).split("\n")
        begin = [".Bd -literal -offset 4n"]
        if self.goes_on:
            self.out.pop()
            begin = [""]
        self.out += begin + [literal(x) for x in lines] + [".Ed"]
        self.goes_on = False
        self.example_end = len(self.out)

    def items(self, lines, parameters):
        """A list, with numbers or without."""
        self.out.append(".Bl -bullet" if lines[0].startswith("*") else ".Bl -enum")
        for item in re.split(r"^(?:\*|\d+\.) ", "\n".join(lines), flags=re.M)[1:]:
            self.out.append(".It")
            self.filled(item.split("\n"), parameters)
        self.out.append(".El")

    def block(self, lines, parameters):
        """The lines between two empty ones."""
        indents = [len(x) - len(x.lstrip()) for x in lines]
        if re.match(r"(\*|1\.) ", lines[0]):
            self.items(lines, parameters)
        elif not any(indents):
            for part in re.split(r"(?<=[.:;)])\n(?=Returns|Here: |From: )", "\n".join(lines)):
                self.out.append(".Pp")
                self.filled(part.split("\n"), parameters)
        elif set(indents) == {0, 2} and not indents[0] and not lines[0].endswith(":"):
            for part in re.split(r"\n(?! )", "\n".join(lines)):
                self.out.append(".Pp")
                self.filled(part.split("\n"), parameters)
        elif len(set(indents)) == 1 and len(lines) > 1 \
                and all(len(x) > LITERAL_SENTENCE for x in lines[:-1]) \
                and not re.search(r"\S {3}", "".join(lines)):
            self.out.append(".Bd -filled -offset indent")
            self.filled(lines, parameters)
            self.out.append(".Ed")
        else:
            prose = next(i for i, indent in enumerate(indents) if indent)
            if prose:
                self.block(lines[:prose], parameters)
            rest = next((i for i in range(prose, len(lines)) if not indents[i]), len(lines))
            self.literal(lines[prose:rest])
            if rest < len(lines):
                self.block(lines[rest:], parameters)

    def text(self, lines, parameters):
        """A comment."""
        blocks = [x.split("\n") for x in re.split(r"\n\n+", "\n".join(lines).strip("\n")) if x]
        self.example_end = None
        for block in blocks:
            self.goes_on = block[0].startswith(" ") and self.example_end == len(self.out)
            if len(block) == 1 and re.match(r"[A-Z][\w ,-]{3,50}$", block[0]):
                self.out.append(f".Ss {block[0]}")
            else:
                self.block(block, parameters)
        self.goes_on = False

    def synopsis(self):
        self.out += [".Sh SYNOPSIS", f".In {self.page.header}"]
        for kind, name, parameters in self.page.functions():
            if any(len(x) > LONG_PARAMETER for x in parameters):
                lines = textwrap.wrap(f"{kind} {name} ({', '.join(parameters)});", 72,
                                      subsequent_indent="    ")
                self.out += [".Bd -literal"] + [literal(x) for x in lines] + [".Ed"]
                continue
            self.out += [f".Ft {quoted(kind)}", f".Fo {name}"]
            self.out += [f".Fa {quoted(x)}" for x in parameters] + [".Fc"]

    def item(self, item):
        if item.functions:
            self.out.append(".Ss " + ", ".join(name for _, name, _ in item.functions))
        elif item.types:
            self.out.append(".Ss " + ", ".join(item.types))
        self.text(item.comment, item.parameters())
        if item.code:
            self.literal(item.code)

    def see_also(self):
        """The pages of the same header, and where to begin."""
        header = self.page.header
        names = {self.file_of(p) for p in self.pages if p.header == header}
        names |= {"eva-loop.h"} if "/" in header else set()
        names |= {"eva.h"} if header.endswith(".hpp") else set()
        names.discard(self.file_of(self.page))
        self.out.append(".Sh SEE ALSO")
        self.out += [f".Xr {name} 3 ," for name in sorted(names)] + [".Xr evassuan 7"]

    def write(self, page):
        """The text of PAGE."""
        name = self.file_of(page)
        self.page, self.out = page, []
        names = list(dict.fromkeys([name, *page.names()]))
        title = page.title[0].lower() + page.title[1:]
        if page.title.split()[0].strip(",").isupper() or page.title.startswith("Assuan"):
            title = page.title
        self.out += [f'.\\" Made from {page.header} by pages.py.',
                     '.\\" SPDX-License-Identifier: LGPL-2.1-or-later',
                     f".Dd {self.date}", f".Dt {name.upper()} 3", ".Os", ".Sh NAME"]
        self.out += [f".Nm {x} ," for x in names[:-1]] + [f".Nm {names[-1]}"]
        self.out.append(f".Nd {plain(title)} (evassuan)")
        self.out += [".Sh LIBRARY", "evassuan: compile and link with",
                     '.Ql "$(pkg\\-config \\-\\-cflags \\-\\-libs evassuan)"']
        self.synopsis()
        self.out.append(".Sh DESCRIPTION")
        self.text(page.comment, {})
        for item in page.items:
            self.item(item)
        self.see_also()
        return tidy(self.out)


def tidy(lines):
    """Without the paragraph breaks that say nothing."""
    out = []
    for line in lines:
        if line == ".Pp" and out and out[-1].startswith((".Sh", ".Ss", ".Pp")):
            continue
        if out and out[-1] == ".Pp" and line.startswith((".Bd", ".Bl", ".Sh", ".Ss")):
            out.pop()
        out.append(line)
    return "\n".join(out) + "\n"


def main(outdir, dated, include):
    outdir, include = pathlib.Path(outdir), pathlib.Path(include)
    date = re.search(r"^\.Dd (.*)$", pathlib.Path(dated).read_text(), re.M)[1]
    pages = []
    for path in sorted([*include.glob("*.h*"), *include.glob("eva/*.h*")]):
        found = Reader(path, str(path.relative_to(include))).read()
        for page in found:
            page.is_header = page is found[0]
        pages += found
    writer = Writer(pages, date)
    shutil.rmtree(outdir, ignore_errors=True)
    outdir.mkdir(parents=True)
    for page in pages:
        name = writer.file_of(page)
        (outdir / f"{name}.3").write_text(writer.write(page))
        for link in page.names():
            if link != name:
                (outdir / f"{link}.3").write_text(f".so man3/{name}.3\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
