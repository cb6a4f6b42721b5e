# shellcheck shell=bash
# What the two proofs about FastAPI (fastapi_suite.sh, fastapi_real_apps.sh) have in common: an environment of their own
# below target/, in which they see the server. Sourced by them in the repository's root; does nothing by itself.

# Whether this environment was made of what these files say, for this Python; made_of is run when it is finished, for an
# interrupted set-up must not pass for one:
#     is_made_of HOME FILE…
is_made_of() {
    local home=$1
    shift
    [ "$(cat "$home/stamp" 2>/dev/null)" = "$(wanted "$@")" ]
}

made_of() {
    local home=$1
    shift
    wanted "$@" >"$home/stamp"
}

wanted() {
    .venv/bin/python -I -c 'import sys; print(sys.version)'
    cat "$@"
}

# One at a time, for all of them write below the same folder:
#     alone_in HOME
alone_in() {
    mkdir -p "$1"
    exec 7>"$1/lock"
    flock -n 7 || note "another run in $1 is under way; waiting for it"
    flock 7
}

# Of .venv it sees the server alone: that has packages too which others expect to be without.
#     make_environment HOME REQUIREMENTS
make_environment() {
    local home=$1 requirements=$2
    step "installing what $requirements names into $home/venv"
    rm -rf "$home/venv" "$home/stamp"
    .venv/bin/python -m venv "$home/venv"
    ln -s "$(.venv/bin/python -c 'import turbo_shard; print(*turbo_shard.__path__)')" \
        "$(echo "$home"/venv/lib/python3*/site-packages)/turbo_shard"
    "$home/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --requirement "$requirements" </dev/null ||
        fail "pip could not install what $requirements names; see the lines above"
}
