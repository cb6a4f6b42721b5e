# shellcheck shell=bash
# How the set-up scripts speak: one line per step on stderr; stdout stays free for answers.
# Sourced by the other scripts; does nothing by itself.

step() { printf '==> %s\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }

# One line that says what is wrong and what to do, then the end.
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Keeps a long command's output in a file and shows its end only if the command fails:
#     logged FILE COMMAND...
logged() {
    local log=$1
    shift
    if ! "$@" >>"$log" 2>&1 </dev/null; then
        tail -n 30 "$log" >&2
        return 1
    fi
}
