#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# lint.sh - what a machine can say about the tree without running it: warnings of both compilers are
# errors, formatting, licence lines, lengths of files and functions.  Run by `./dev lint`.

set -eu
cd "$(dirname "$0")/.."
bad=0

. dev.d/packages.sh
. dev.d/builds.sh

skip() { printf '%s\n' "lint: skipped: $*"; }
complain() { printf '%s\n' "lint: $*" >&2; bad=1; }

for cc in gcc clang; do
  dir=build-lint-$cc
  (export CC=$cc; configure "$dir" 'examples tools tests bench' -Dwerror=true) || exit 1
  ninja -k 0 -C "$dir" >"$dir/compile.log" 2>&1 \
    || { grep -A 8 -E 'error:|warning:' "$dir/compile.log" >&2; complain "$cc warns"; }
done

if command -v "$formatter" >/dev/null; then
  git ls-files '*.c' '*.h' '*.cpp' '*.hpp' | xargs "$formatter" --dry-run --Werror 2>build-lint-gcc/format.log \
    || { grep -c 'error:' build-lint-gcc/format.log >&2; complain "run ./dev format"; }
else
  skip "formatting: there is no $formatter here"
fi

for file in $(git ls-files | grep -vE '^(LICENSE|debian/|tests/fuzz/corpus/|.*\.md$|NEWS$)'); do
  head -n 3 "$file" | grep -q 'SPDX-License-Identifier: LGPL-2.1-or-later' \
    || complain "$file: no SPDX line"
done

for file in $(git ls-files 'src/*.[ch]' 'tools/*.[ch]' 'include/*.h' 'include/*.hpp'); do
  lines=$(grep -cv '^[[:space:]]*$' "$file")
  case $file in include/*) max=1200 ;; *) max=600 ;; esac
  [ "$lines" -le "$max" ] || complain "$file: $lines lines"
  wide=$(grep -nE '^.{101}' "$file" | cut -d : -f 1 | tr '\n' ' ')
  [ -z "$wide" ] || complain "$file: over 100 columns in line $wide"
done

# shellcheck disable=SC2046
ctags -x --c-kinds=f --fields=+ne --_xformat='%{end} %n %F %N' $(git ls-files 'src/*.c' 'tools/*.c' 'examples/*.c') \
  | awk '{ n = $1 - $2 + 1; if (n > 90) { print "lint: " $3 ": " $4 ": " n " lines" > "/dev/stderr"; bad = 1 } }
         END { exit bad }' || bad=1

# What people read: words that break a rule of CONTRIBUTING.md, "English".
# shellcheck disable=SC2046
python3 tests/words.py $(git ls-files '*.c' '*.h' '*.cpp' '*.hpp' '*.js' '*.py' '*.sh' '*.md' '*.build' 'man/*.[1-9]' NEWS dev .ci/run \
    | grep -v '^tests/fuzz/corpus/') \
  || complain "words of which tests/words.py says what to write instead"

# unix.Malloc does not understand lists that link their elements: AddressSanitizer does.  From the
# member to its structure the way is through void *, and arrays of pointers are moved as memory.
git ls-files 'src/*.c' 'tools/*.c' | xargs -P 2 -n 8 clang-tidy --quiet -p build-lint-clang \
  --checks='-*,bugprone-*,clang-analyzer-*,-bugprone-easily-swappable-parameters,-bugprone-assignment-in-if-condition,-bugprone-reserved-identifier,-bugprone-narrowing-conversions,-bugprone-suspicious-string-compare,-bugprone-not-null-terminated-result,-bugprone-casting-through-void,-bugprone-multi-level-implicit-pointer-conversion,-clang-analyzer-unix.Malloc,-clang-analyzer-valist.Uninitialized,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling' \
  --warnings-as-errors='*' >build-lint-clang/tidy.log 2>&1 \
  || { grep -E 'error:|warning:' build-lint-clang/tidy.log >&2; complain "clang-tidy"; }

if command -v shellcheck >/dev/null; then
  # shellcheck disable=SC2046
  shellcheck -x $(git ls-files '*.sh') dev .ci/run || bad=1
else
  skip "shell scripts: there is no shellcheck here"
fi

[ $bad = 0 ] && echo "lint: clean"
exit $bad
