#!/usr/bin/env bash
# Makes the four builds of Notifier, starts and tests each (smoke.py), and prints the table for bench/RESULTS.md.
# Checks the other files of this folder with the programs that are installed, and names the programs that are missing.
# Takes a few minutes. Needs the .NET SDK, redis-server, python3; for Native AOT gcc or clang, and zlib1g-dev.
#
#     deploy/try.sh                   # all
#     deploy/try.sh single aot        # only some of: ordinary slim single aot files
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin"
work=${TRY_WORK:-$(mktemp -d "${TMPDIR:-/tmp}/notifier-try.XXXXXX")}
wanted=("$@")
if [ ${#wanted[@]} = 0 ]; then wanted=(ordinary slim single aot files); fi
rows=()

build() {
    local name=$1
    shift
    echo "Building $name ($work/$name.log)"
    # Each build has its own folder, so that files of one do not get into another.
    if ! dotnet publish Notifier.Web -c Release --artifacts-path "$work/build-$name" -o "$work/$name" "$@" >"$work/$name.log" 2>&1; then
        tail -n 20 "$work/$name.log" >&2
        exit 1
    fi
    if grep -E 'warning (IL|CS|CA|NETSDK|MSB)[0-9]+' "$work/$name.log"; then
        echo "$name: a warning, see above" >&2
        exit 1
    fi
}

try() {
    local name=$1 title=$2 figures size
    shift 2
    if ! figures=$(SMOKE_LOG="$work/$name.server.log" deploy/smoke.py "$@"); then
        cat "$work/$name.server.log" >&2
        exit 1
    fi
    # The size of what runs, without debug symbols.
    size=$(du -sm --apparent-size --exclude='*.dbg' --exclude='*.pdb' "$work/$name" | cut -f1)
    echo "$name: $size MB, $figures"
    rows+=("$(python3 -c 'import json, sys
figures = json.loads(sys.argv[3])
print("|", sys.argv[1], "|", sys.argv[2], "MB |", figures["seconds_to_live"], "s |", figures["seconds_to_ready"], "s |", figures["cpu_seconds_to_ready"], "s |",
      round(figures["mib_at_start"]), "MiB |", round(figures["mib_with_1000_sockets"]), "MiB |")' "$title" "$size" "$figures")")
}

# check NAME PROGRAM ARGUMENTS...: runs the program on a file, or says that the program is missing.
check() {
    local name=$1
    shift
    if ! command -v "$1" >/dev/null; then
        echo "$name: not checked, $1 is not installed"
        return
    fi
    "$@" >"$work/check.log" 2>&1 || { cat "$work/check.log" >&2; echo "$name: errors, see above" >&2; exit 1; }
    echo "$name: $1 found no errors"
}

files() {
    # The files name hosts that exist only in compose.yaml, a certificate, and a program that is not installed here.
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=notifier.example.com -keyout "$work/privkey.pem" -out "$work/fullchain.pem" 2>/dev/null
    sed "s#/etc/letsencrypt/live/notifier.example.com#$work#" deploy/proxies/nginx.conf >"$work/site.conf"
    echo "pid $work/nginx.pid; events { } http { include $work/site.conf; }" >"$work/nginx.conf"
    check proxies/nginx.conf nginx -t -q -e stderr -c "$work/nginx.conf"
    sed 's/notifier-[12]:8081/127.0.0.1:8081/; s/maxconn 200000/maxconn 2000/' deploy/proxies/haproxy.cfg >"$work/haproxy.cfg"
    check proxies/haproxy.cfg haproxy -c -q -f "$work/haproxy.cfg"
    check proxies/Caddyfile caddy validate --adapter caddyfile --config deploy/proxies/Caddyfile
    sed "s#^ExecStart=.*#ExecStart=/bin/true#" deploy/notifier.service >"$work/notifier.service"
    check notifier.service systemd-analyze verify "$work/notifier.service"
    if command -v systemd-analyze >/dev/null; then
        systemd-analyze security --offline=true "$work/notifier.service" | tail -n 1
    fi
    check kubernetes kubectl kustomize deploy/kubernetes
    if docker info >/dev/null 2>&1; then
        check Dockerfile docker build --quiet -f deploy/Dockerfile .
    else
        echo "Dockerfile, compose.yaml: not checked, no Docker engine answers"
    fi
}

for each in "${wanted[@]}"; do
    case $each in
        ordinary) build ordinary; try ordinary 'ordinary (Garnet in it, for all platforms)' dotnet "$work/ordinary/Notifier.Web.dll" ;;
        slim) build slim -p:EmbeddedRedis=false; try slim 'without Garnet' dotnet "$work/slim/Notifier.Web.dll" ;;
        single)
            build single -r linux-x64 --self-contained -p:EmbeddedRedis=false -p:PublishSingleFile=true
            try single 'single file, with the runtime' "$work/single/Notifier.Web" ;;
        aot)
            build aot -r linux-x64 -p:EmbeddedRedis=false -p:PublishAot=true
            try aot 'Native AOT' "$work/aot/Notifier.Web" ;;
        files) files ;;
        *) echo "Unknown build: $each. Valid are: ordinary slim single aot files" >&2; exit 2 ;;
    esac
done

if [ ${#rows[@]} != 0 ]; then
    echo
    echo '| build | size | answers after | ready after | CPU until then | memory at start | with 1,000 sockets |'
    echo '| --- | --- | --- | --- | --- | --- | --- |'
    printf '%s\n' "${rows[@]}"
fi
