#!/usr/bin/env bash
# pydantic 2.12.3 and 2.14.3 write the same float as JSON in two ways: 1e16 is `1e16` with the one and `1e+16` with the other,
# where json.dumps has written 1e+16 all along. Bodies that are compared or signed byte by byte change with an upgrade.
#
# Seen: pydantic 2.12.3: 1e16
#       pydantic 2.14.3: 1e+16
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ask() {
    python3 -m venv "$work/$1"
    "$work/$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "pydantic==$1" "pydantic_core==$2" \
        annotated-types==0.8.0 typing-inspection==0.4.5 typing_extensions==4.16.0
    "$work/$1/bin/python" -c "
import pydantic
print(f'pydantic {pydantic.VERSION}:', pydantic.TypeAdapter(float).dump_json(1e16).decode())"
}

found=$(ask 2.12.3 2.41.4 && ask 2.14.3 2.50.4)
echo "$found"
[ "$found" = "pydantic 2.12.3: 1e16
pydantic 2.14.3: 1e+16" ]
