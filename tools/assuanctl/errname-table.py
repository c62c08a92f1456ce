# SPDX-License-Identifier: LGPL-2.1-or-later
"""Print the table of errname.c from the preprocessed <gpg-error.h> on stdin."""

import re
import sys

text = sys.stdin.read()
enum = re.search(r"enum\s*\{([^}]*\bGPG_ERR_NO_ERROR\b[^}]*)\}", text)[1]
for name in re.findall(r"\bGPG_ERR_(\w+)\s*=", enum):
    if name not in ("CODE_DIM", "NO_ERROR") and not name.startswith("SYSTEM_ERROR"):
        print('{ "%s", GPG_ERR_%s },' % (name, name))
