# SPDX-License-Identifier: LGPL-2.1-or-later
"""Read the prototypes of our public headers, which all keep to one layout."""

import re

# A prototype begins in the first column with its type and ends with ");"; what begins with these
# words is something else.
NOT_A_TYPE = ("typedef ", "static ", "extern ", "return ")
PROTOTYPE = re.compile(r"^(?:[A-Za-z_][\w ]*[ *])(\w+) \((?:[^;{}]|\n)*\);$", re.M)


def prototypes(text):
    """(NAME, START, END) of each prototype in a header's TEXT, START its first character."""
    blank = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", "/", m.group(0)), text, flags=re.S)
    blank = re.sub(r"^#.*(?:\\\n.*)*", lambda m: re.sub(r"[^\n]", "#", m.group(0)), blank,
                   flags=re.M)
    return [(m.group(1), m.start(), m.end()) for m in PROTOTYPE.finditer(blank)
            if not m.group(0).startswith(NOT_A_TYPE)]
