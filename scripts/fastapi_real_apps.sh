#!/usr/bin/env bash
# Serves the apps of open-source FastAPI projects as they are and compiled, and fails unless all answers are the same.
# Brings them from the package index; nothing of them is kept outside target/.
#
#     scripts/fastapi_real_apps.sh [options of scripts/fastapi_real_apps.py]
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/announce.sh
. "$scripts/announce.sh"
# shellcheck source=scripts/fastapi_proof.sh
. "$scripts/fastapi_proof.sh"
cd "$scripts/.."

home=target/fastapi-real-apps
requirements=requirements/fastapi_real_apps.txt

alone_in "$home"
if ! is_made_of "$home" "$requirements"; then
    make_environment "$home" "$requirements"
    made_of "$home" "$requirements"
fi
"$home/venv/bin/python" "$scripts/fastapi_real_apps.py" --home "$home" "$@"
