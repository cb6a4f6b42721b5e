# shellcheck shell=bash
# Judges Python interpreters. Sourced; does nothing by itself.

# What a usable interpreter must have; without one of these modules a build fails much later and less clearly.
readonly NEEDED_MODULES='asyncio, ctypes, ensurepip, hashlib, json, sqlite3, ssl, venv, zlib'

# Prints why an interpreter cannot be used, and nothing if it can.
interpreter_fault() {
    local answer
    if ! command -v "$1" >/dev/null 2>&1; then
        echo "there is no such program"
    elif ! answer=$("$1" -I -c "import sys, ${NEEDED_MODULES}; print('ok' if sys.version_info >= (3, 13) else 'old')" 2>&1 </dev/null); then
        tail -n 1 <<<"${answer:-it does not start}"
    elif [ "$answer" = old ]; then
        echo "it is older than Python 3.13"
    elif [ "$answer" != ok ]; then
        echo "it is not a Python interpreter"
    fi
}

interpreter_works() { [ -z "$(interpreter_fault "$1")" ]; }

is_free_threaded() {
    "$1" -I -c 'import sys, sysconfig; sys.exit(not sysconfig.get_config_var("Py_GIL_DISABLED"))' 2>/dev/null </dev/null
}

is_python_3_13() {
    "$1" -I -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' </dev/null
}
