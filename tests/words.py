# SPDX-License-Identifier: LGPL-2.1-or-later
"""Words that always break a rule of CONTRIBUTING.md, "English", and what to write instead.

It looks at the comments of C, Python, shell and Meson, and at documents.  `Code` does not count,
nor do fenced and indented blocks of documents, except for the comments in their C.

Usage: words.py FILE...
"""

import io
import pathlib
import re
import sys
import tokenize

ACTOR = "name the actor: the caller, the peer, a process"
THING = "code is a thing: that, which"
TIME = "after, for time"

# Only patterns that are never right: what depends on the sentence is for the reader to see.
WORDS = [(re.compile(pattern, re.I), advice) for pattern, advice in (
    (r"\b(?:whoever|whomever|whosoever|nobody|somebody|everybody|anybody)\b", ACTOR),
    (r"\b(?:who is|who has|who are|those who|one who|whom)\b", THING),
    (r"(?-i:\bWho\b)", ACTOR),
    (r"\bneeds? not\b", "does not have to"),
    (r"\b(?:lest|thence|hence|hitherto|thereof|whereof|wherein|herein|thereby|upon)\b",
     "plain words"),
    (r"\bin the midst\b", "in the middle"),
    (r"\bfor ever\b", "forever"),
    (r"\bin vain\b", "say what does not happen"),
    (r"\bas it were\b", "leave it out"),
    (r"\bbe it\b", "X or Y"),
    (r"\b(?:loop|one) that comes along\b", "the embedded loop"),
    (r"\bbehind (?:the |its |a |an |each |every |that |this |his |her |their )?(?:\w+ )?"
     r"(?:command|callback|call|reply|greeting|turn|handler|request|inquiry|BYE|fork)s?\b", TIME),
)]


def c_comments(text):
    """The comments of C, with their places."""
    pattern = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|(/\*.*?\*/|//[^\n]*)', re.S)
    return [(m.start(1), m.group(1)) for m in pattern.finditer(text) if m.group(1)]


def python_comments(text):
    """The comments and docstrings of Python, with their places."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found, is_start = [], True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_doc = token.type == tokenize.STRING and is_start
        if token.type == tokenize.COMMENT or is_doc:
            found.append((starts[token.start[0] - 1] + token.start[1], token.string))
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            is_start = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    return found


def hash_comments(text):
    """The lines of shell or Meson that are comments, with their places."""
    return [(m.start(1), m.group(1)) for m in re.finditer(r"^[ \t]*(#[^\n]*)", text, re.M)]


def blanked(text):
    """TEXT with blanks for all but its line ends."""
    return re.sub(r"[^\n]", " ", text)


def prose(text):
    """A document's prose, and the comments of its code, with their places."""
    found = []

    def fence(match):
        if match.group(2) in ("c", "diff"):
            found.extend((match.start() + at, x) for at, x in c_comments(match.group(0)))
        return blanked(match.group(0))

    text = re.sub(r"^( *)```(\w*)\n.*?^\1```$", fence, text, flags=re.M | re.S)
    for pattern in (r"(?:(?<=\n\n)|\A) {4}[^\n]*\n(?:(?: {4}[^\n]*)?\n)*", r"`[^`]*`", r"<!--.*?-->"):
        text = re.sub(pattern, lambda m: blanked(m.group(0)), text, flags=re.S)
    return [*found, (0, text)]


KINDS = {".c": c_comments, ".h": c_comments, ".cpp": c_comments, ".hpp": c_comments, ".js": c_comments,
         ".py": python_comments, ".md": prose, "NEWS": prose}


def pieces(path, text):
    """What people read in the file PATH."""
    kind = KINDS.get(path.suffix) or KINDS.get(path.name) or hash_comments
    return kind(text)


def faults(path):
    """The faults of the file PATH, as messages."""
    text = path.read_text(encoding="utf-8")
    for start, piece in pieces(path, text):
        flat = re.sub(r"`[^`\n]*`", lambda m: blanked(m.group(0)), piece)
        flat = re.sub(r"\n[ \t]*(?:\*(?!/)|#)?", lambda m: " " * len(m.group(0)), flat)
        flat = re.sub(r" {2,}", lambda m: " " + "\0" * (len(m.group(0)) - 1), flat)
        squeezed = [(i, ch) for i, ch in enumerate(flat) if ch != "\0"]
        line = "".join(ch for _, ch in squeezed)
        for pattern, advice in WORDS:
            for match in pattern.finditer(line):
                at = start + squeezed[match.start()][0]
                yield text.count("\n", 0, at) + 1, match.group(0), advice


def main():
    """Report the faults of all files."""
    n_faults = 0
    for name in sys.argv[1:]:
        for line, what, advice in sorted(faults(pathlib.Path(name))):
            print(f"{name}:{line}: {what}: {advice}")
            n_faults += 1
    return 1 if n_faults else 0


sys.exit(main())
