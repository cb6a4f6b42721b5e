# shellcheck shell=bash
# Installs Debian packages that are missing, if this user may. Sourced; needs announce.sh.

# Prints those of the named packages that are not installed.
missing_packages() {
    local package
    for package in "$@"; do
        # "ok installed" and not just "known": a removed package leaves its configuration behind.
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' ok installed$' || printf '%s\n' "$package"
    done
}

# Runs a command as root, or fails if this user would need a password for that.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

may_become_root() {
    [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }
}

# Makes sure that the named packages are installed: ensure_packages LOG PACKAGE...
ensure_packages() {
    local log=$1 missing
    shift
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    may_become_root || fail "these packages are missing; as root run: apt-get install --yes ${missing[*]}"
    step "installing Debian packages: ${missing[*]}"
    logged "$log" as_root apt-get update || fail "apt-get update failed; see the lines above"
    logged "$log" as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends "${missing[@]}" ||
        fail "these packages could not be installed: ${missing[*]}"
}
