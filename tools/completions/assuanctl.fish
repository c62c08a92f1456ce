# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of assuanctl for fish.

function __assuanctl_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] complete -- $words[2..-1] 2>/dev/null
end

complete -c assuanctl -a '(__assuanctl_complete)'
