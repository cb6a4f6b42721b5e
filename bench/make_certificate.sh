#!/usr/bin/env bash
# Makes target/bench-tls/cert.pem and key.pem, which the servers of the suites tls and http2 show: P-256, as most certificates are
# today, for localhost. Nobody signs it; turbo-load does not ask.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
home=target/bench-tls
mkdir -p "$home"
# One that is valid for another day will do.
if [ -f "$home/key.pem" ] && openssl x509 -in "$home/cert.pem" -checkend 86400 -noout >/dev/null 2>&1; then
    exit 0
fi
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$home/key.pem" -out "$home/cert.pem" 2>/dev/null
