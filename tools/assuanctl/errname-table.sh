#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# errname-table.sh PYTHON SCRIPT COMPILER...: print the table of error names, by SCRIPT.
set -eu
python=$1
script=$2
shift 2
echo '#include <gpg-error.h>' | "$@" -E -P - | "$python" "$script"
