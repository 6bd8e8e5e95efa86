#!/usr/bin/env bash
# Installs what the tests need and this machine lacks: Redis, Chromium and its headless shell, Firefox, WebKitGTK's driver, nginx and HAProxy, and for
# the recipes of the documentation Node.js, PHP, Rails, Django and FastAPI. Its arguments are further packages. Does nothing where all are there.
# shellcheck disable=SC2013,SC2046,SC2086 # what is unquoted are names of packages, to be split into words
set -euo pipefail

# The names are those that the tests look for, the one they prefer first. Each is tried: Ubuntu's chromium-browser may only say that a snap is missing.
has_any() {
    local name
    for name in "$@"; do
        if command -v "$name" && "$name" --version; then return 0; fi
    done
    return 1
} >/dev/null 2>&1

has_gem() {
    ruby -e 'gem ARGV[0]' "$1"
} >/dev/null 2>&1

# The tests start this Python, because another one would not see Debian's packages.
has_module() {
    /usr/bin/python3 -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)' "$1"
} >/dev/null 2>&1

more=("$@")

missing() {
    local package
    for package in "${more[@]}"; do
        if ! dpkg-query --status "$package" >/dev/null 2>&1; then echo "$package"; fi
    done
    if ! command -v redis-server >/dev/null; then echo redis-server; fi
    if ! has_any chromium chromium-browser google-chrome google-chrome-stable; then echo chromium; fi
    if ! has_any firefox-esr firefox; then echo firefox-esr; fi
    if ! command -v WebKitWebDriver >/dev/null; then echo webkit2gtk-driver; fi
    if ! command -v Xvfb >/dev/null; then echo xvfb; fi      # WebKitGTK has no headless mode
    for proxy in nginx haproxy; do      # in /usr/sbin, which is not on the PATH of everybody
        if ! PATH="$PATH:/usr/sbin" command -v $proxy >/dev/null; then echo $proxy; fi
    done
    for program in npm php; do
        if ! command -v $program >/dev/null; then if [ $program = php ]; then echo php-cli; else echo nodejs npm; fi; fi
    done
    if ! has_gem railties || ! has_gem webrick || ! has_gem jwt; then echo ruby ruby-railties ruby-webrick ruby-jwt; fi
    if ! has_module django || ! has_module jwt || ! has_module fastapi || ! has_module uvicorn; then
        echo python3-django python3-jwt python3-fastapi python3-uvicorn
    fi
}

give_up() {
    echo "The tests need:" $(missing) >&2
    echo "$1 Google Chrome (https://www.google.com/chrome/) will do for chromium, and Mozilla's Firefox for firefox-esr." >&2
    exit 1
}

install() {
    local packages=("$@") as_root=() policy=/usr/sbin/policy-rc.d
    if ! command -v apt-get >/dev/null; then
        give_up "This script can only install them on Debian and Ubuntu. Please do, then start it again."
    fi
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null; then give_up "Please install them as root, then start this script again."; fi
        as_root=(sudo)
    fi

    echo "Installing ${packages[*]}"
    "${as_root[@]}" apt-get update -qq
    local name
    for name in chromium chromium-browser; do      # the last is Ubuntu's
        if [[ "$(LC_ALL=C apt-cache policy $name)" == *'Candidate: '[0-9]* ]]; then
            packages=("${packages[@]/%chromium/$name}")
            break
        fi
    done
    # The headless shell is Chromium without the windows and services that few tests use: it takes a third of the processor time. Debian has it.
    if [[ " ${packages[*]} " == *" chromium "* && "$(LC_ALL=C apt-cache policy chromium-headless-shell)" == *'Candidate: '[0-9]* ]]; then
        packages+=(chromium-headless-shell)
    fi
    (
        # A package's service starts at once unless this file forbids it, and nobody asked for a Redis at port 6379,
        # nor for a web server at port 80.
        if [ ! -e "$policy" ]; then
            trap '"${as_root[@]}" rm -f "$policy"' EXIT
            printf '#!/bin/sh\ncase "$*" in *redis*|*nginx*|*haproxy*) exit 101 ;; esac\n' | "${as_root[@]}" tee "$policy" >/dev/null
            "${as_root[@]}" chmod +x "$policy"
        fi
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" ||
            give_up "apt-get could not install ${packages[*]}."
    )
    local service
    for service in redis-server nginx haproxy; do
        if [[ " ${packages[*]} " == *" $service "* && -d /run/systemd/system ]]; then
            "${as_root[@]}" systemctl disable --quiet $service      # nor when the machine starts the next time
        fi
    done
    if [ -n "$(missing)" ]; then give_up "apt-get did not bring them (Ubuntu's chromium and firefox are snaps, which containers cannot run)."; fi
}

lacking=$(missing)
if [ -n "$lacking" ]; then install $lacking; fi
