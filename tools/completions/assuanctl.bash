# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Completion of assuanctl for bash.

_assuanctl() {
  local word words
  # What bash cuts at `=` and `:` belongs together.
  words=("${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=()
  while IFS= read -r word; do
    COMPREPLY+=("$word")
  done < <("${COMP_WORDS[0]}" complete -- "${words[@]}" 2>/dev/null)
  if [ "${#COMPREPLY[@]}" = 1 ] && [ "${COMPREPLY[0]%=}" != "${COMPREPLY[0]}" ]; then
    compopt -o nospace
  fi
}

complete -o default -F _assuanctl assuanctl
