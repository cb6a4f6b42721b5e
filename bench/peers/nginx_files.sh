#!/usr/bin/env bash
# Serves target/bench-files below /files by nginx, as one who wants it fast sets it up: no access log, and a cache of open
# files that looks again after a second, as turbo-shard's does.
#
#     bench/peers/nginx_files.sh NGINX PORT WORKERS on|off      with sendfile or without
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
nginx=$1 port=$2 workers=$3 sendfile=$4

home=target/bench-nginx/$port
mkdir -p "$home"
# Started by root, its workers would be another user, which may not come as far as this checkout.
cat >"$home/nginx.conf" <<CONF
user $(id -un) $(id -gn);
worker_processes $workers;
daemon off;
pid nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile $sendfile;
    tcp_nopush on;
    keepalive_requests 1000000000;
    open_file_cache max=1000;
    open_file_cache_valid 1s;
    default_type application/octet-stream;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
        listen 127.0.0.1:$port;
        location /files/ { alias $PWD/target/bench-files/; }
    }
}
CONF
exec "$nginx" -e stderr -p "$PWD/$home" -c nginx.conf
