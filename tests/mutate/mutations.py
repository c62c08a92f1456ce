# SPDX-License-Identifier: LGPL-2.1-or-later
"""mutations.py - what may be changed in a function, which changes a seed chooses, and where a change
belongs after functions were moved or renamed.

A mutation is a dictionary that is kept in a file: the operator, the function with its tokens as
it was, the token that the change begins at, and the lines before and after for readers."""

import difflib
import random
import re

SWAPPED = {
    'compare': {'<': '<=', '<=': '<', '>': '>=', '>=': '>'},
    'equal': {'==': '!=', '!=': '=='},
    'sum': {'+': '-', '-': '+', '+=': '-=', '-=': '+='},
    'logic': {'&&': '||', '||': '&&'},
    'count': {'++': '--', '--': '++'},
    'truth': {'true': 'false', 'false': 'true'},
}
KEYWORDS = {'return', 'if', 'for', 'while', 'switch', 'goto', 'break', 'continue', 'sizeof', 'case',
            'do', 'default', 'else'}
ERROR = re.compile(r'GPG_ERR_|EVA_E_|\berr\b|\brc\b|^- ?1$')

# How many tokens on either side are compared where a function is gone.
CONTEXT = 12


def is_name(word):
    return bool(re.match(r'[A-Za-z_]', word)) and word not in KEYWORDS


def is_operand(word):
    return is_name(word) or word[0].isdigit() or word in (')', ']')


def begins_statement(function, at):
    """Whether a statement begins with the token AT."""
    if at == 0 or function.words[at - 1] in (';', '{', '}', 'else'):
        return True
    if function.words[at - 1] != ')':
        return False
    opening = function.opening(at - 1)
    return bool(opening) and function.words[opening - 1] in ('if', 'for', 'while')


def statement(function, at):
    """The index of the semicolon of the call, or of the assignment, at AT; None: it is neither."""
    words = function.words
    if not begins_statement(function, at) or not (is_name(words[at]) or words[at] == '*'):
        return None
    if at + 1 >= len(words):
        return None
    if words[at + 1] == '(':
        end = function.closing(at + 1)
        return end + 1 if end and words[end + 1:end + 2] == [';'] else None
    if words[at] != '*' and words[at + 1] not in ('.', '->', '=', '['):
        return None
    end = words.index(';', at) if ';' in words[at:] else None
    return end if end and '=' in words[at:end] else None


def change(function, kind, at):
    """What the operator KIND does at the token AT: (first, last, text), or None if it does
    nothing there."""
    words = function.words
    word = words[at]
    if kind in SWAPPED:
        if word not in SWAPPED[kind]:
            return None
        if kind == 'sum' and not (at and is_operand(words[at - 1])):
            return None
        return at, at, SWAPPED[kind][word]
    if kind == 'negate' and word in ('if', 'while') and words[at + 1:at + 2] == ['(']:
        end = function.closing(at + 1)
        return at + 1, end, '(!%s)' % function.source(at + 1, end)
    if kind == 'not' and word == '!':
        return at, at, ''
    if kind == 'number' and re.match(r'\d+[uUlL]*$', word):
        digits = re.match(r'\d+', word).group()
        return at, at, str(int(digits) + 1) + word[len(digits):]
    if kind == 'drop':
        end = statement(function, at)
        return (at, end, ';') if end else None
    if kind == 'success' and word == 'return' and ';' in words[at:]:
        end = words.index(';', at)
        if end > at + 1 and ERROR.search(function.source(at + 1, end - 1)):
            return at, end, 'return 0;'
    return None


KINDS = [*SWAPPED, 'negate', 'not', 'number', 'drop', 'success']


def record(room, function, kind, at):
    first, last, text = change(function, kind, at)
    return {'room': room, 'kind': kind, 'function': function.name, 'file': function.path, 'at': at,
            'line': function.lines(first, last), 'becomes': function.lines(first, last, text),
            'words': function.words}


def choose(seed, room, functions, most=200):
    """Lists mutations of a room in the order in which they are tried: each in a function of
    its own, all operators alike, however often each could be used."""
    rng = random.Random('%s %s' % (seed, room))
    places = {kind: [] for kind in KINDS}
    for function in functions:
        for at in range(len(function.words)):
            for kind in KINDS:
                if change(function, kind, at):
                    places[kind].append((function, at))
    kinds = [kind for kind in KINDS if places[kind]]
    taken = set()
    chosen = []
    for _ in range(50 * most):
        kind = rng.choice(kinds)
        function, at = rng.choice(places[kind])
        if len(chosen) < most and (function.path, function.name) not in taken:
            taken.add((function.path, function.name))
            chosen.append(record(room, function, kind, at))
    return chosen


def counterpart(mutation, function):
    """Where in FUNCTION the token is that MUTATION begins at; None if it is not there."""
    at = mutation['at']
    if function.words == mutation['words']:
        return at
    matcher = difflib.SequenceMatcher(None, mutation['words'], function.words, autojunk=False)
    for _, a, a_end, b, b_end in matcher.get_opcodes():
        if a <= at < a_end and a_end - a == b_end - b:
            there = b + at - a
            return there if change(function, mutation['kind'], there) else None
    return None


def around(words, at):
    return words[max(0, at - CONTEXT):at + CONTEXT + 1]


def likeness(mutation, function, at):
    """How much of what stands around the token is the same: 0 to 1."""
    return difflib.SequenceMatcher(None, around(mutation['words'], mutation['at']),
                                   around(function.words, at), autojunk=False).ratio()


def best_in(mutation, function):
    """The place in FUNCTION that is most like MUTATION's, as (likeness, function, index)."""
    places = [at for at in range(len(function.words)) if change(function, mutation['kind'], at)]
    return max(((likeness(mutation, function, at), function, at) for at in places),
               key=lambda place: place[0], default=(0, function, None))


def find(mutation, functions):
    """Where a mutation belongs now: (function, index); None if nothing is like it."""
    namesakes = [function for function in functions if function.name == mutation['function']]
    best = (0, None, None)
    for function in namesakes:
        at = counterpart(mutation, function)
        if at is not None:
            best = max(best, (likeness(mutation, function, at), function, at),
                       key=lambda place: place[0])
    if best[0] < 0.5:
        best = max((best_in(mutation, function) for function in functions),
                   key=lambda place: place[0])
    return best[1:] if best[0] >= 0.6 else None
