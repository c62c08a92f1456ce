# SPDX-License-Identifier: LGPL-2.1-or-later
"""source.py - the functions of a C file as tokens: enough of C for changing one thing in it."""

import re

TOKEN = re.compile(
    r'''(?P<skip>\s+|//[^\n]*|/\*.*?\*/|^[ \t]*\#(?:[^\n\\]|\\.)*)
      |(?P<token>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[A-Za-z_]\w*|\d[\w.]*
        |->|\+\+|--|<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|\.\.\.|.)''',
    re.DOTALL | re.VERBOSE | re.MULTILINE)

CLOSING = {'(': ')', '[': ']', '{': '}'}


def tokens(text):
    """Lists (token, begin, end): no blanks, no comments, nothing of the preprocessor."""
    return [(m.group('token'), m.start(), m.end())
            for m in TOKEN.finditer(text) if m.group('token')]


class Function:
    """One function.  words are the tokens of its body, spans where in the file's text they are."""

    def __init__(self, path, text, name, body):
        self.path = path
        self.text = text
        self.name = name
        self.words = [word for word, _, _ in body]
        self.spans = [(begin, end) for _, begin, end in body]

    def closing(self, at):
        """The index of what closes the bracket at AT; None if it is not in the body."""
        depth = 0
        for i in range(at, len(self.words)):
            if self.words[i] in CLOSING:
                depth += 1
            elif self.words[i] in CLOSING.values():
                depth -= 1
                if depth == 0:
                    return i
        return None

    def opening(self, at):
        """The index of what opens the bracket at AT; None if it is not in the body."""
        depth = 0
        for i in range(at, -1, -1):
            if self.words[i] in CLOSING.values():
                depth += 1
            elif self.words[i] in CLOSING:
                depth -= 1
                if depth == 0:
                    return i
        return None

    def source(self, first, last):
        """The text from the token FIRST to the token LAST."""
        return self.text[self.spans[first][0]:self.spans[last][1]]

    def lines(self, first, last, text=None):
        """The whole lines of these tokens, with single blanks; with TEXT instead of the tokens."""
        begin = self.text.rfind('\n', 0, self.spans[first][0]) + 1
        end = self.text.find('\n', self.spans[last][1])
        inside = self.source(first, last) if text is None else text
        line = self.text[begin:self.spans[first][0]] + inside + self.text[self.spans[last][1]:end]
        return ' '.join(line.split())

    def replaced(self, first, last, text):
        """The whole file with TEXT instead of these tokens."""
        return self.text[:self.spans[first][0]] + text + self.text[self.spans[last][1]:]


def functions(path, text):
    """Lists the functions of a file."""
    found = []
    all_tokens = tokens(text)
    depth = 0
    begin = None
    for i, (word, _, _) in enumerate(all_tokens):
        if word == '{':
            if depth == 0:
                begin = i
            depth += 1
        elif word == '}':
            depth -= 1
            name = name_of(all_tokens, begin) if depth == 0 else None
            if name:
                found.append(Function(path, text, name, all_tokens[begin + 1:i]))
    return found


def name_of(all_tokens, brace):
    """The name of the function whose body begins with the token BRACE; None: it is no function."""
    if brace == 0 or all_tokens[brace - 1][0] != ')':
        return None
    depth = 0
    for i in range(brace - 1, 0, -1):
        word = all_tokens[i][0]
        depth += (word == ')') - (word == '(')
        if depth == 0:
            name = all_tokens[i - 1][0]
            return name if re.match(r'[A-Za-z_]', name) else None
    return None
