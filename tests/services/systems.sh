#!/usr/bin/env bash
# Tests contracts against servers from Debian packages.
#
#   systems.sh install  install the servers that are missing, as root
#   systems.sh run      run the tests of the servers that are installed
#   systems.sh core     the same for at most 8 minutes, and report the servers that are missing
#
# The tests start each server themselves, on loopback only. No server is started by its package.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# For each system: its package with the tested version, a file of the package, the module of its tests in tests/e2e, and
# the services that the package and its dependencies enable.
SYSTEMS=(
    "rabbitmq-server=3.10.* /usr/lib/rabbitmq/bin/rabbitmq-server rabbitmq rabbitmq-server.service epmd.socket epmd.service"
)
POLICY=/usr/sbin/policy-rc.d
CORE_SECONDS=480

missing() {
    local package file rest
    for system in "${SYSTEMS[@]}"; do
        read -r package file rest <<<"$system"
        [[ -e "$file" ]] || echo "${package%%=*}"
    done
}

# Makes sure that the installation of a package starts no service. A policy that is already there must say the same.
forbid_services() {
    if [[ ! -e "$POLICY" ]]; then
        trap 'rm -f "$POLICY"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$POLICY"
        chmod 755 "$POLICY"
    fi
    local status=0
    "$POLICY" rabbitmq-server start >/dev/null 2>&1 || status=$?
    [[ "$status" == 101 ]] || { echo "systems: $POLICY lets packages start services; remove it first" >&2; exit 1; }
}

# Takes back what the installation enabled, so that no server starts at the next boot either.
disable_services() {
    local unit
    for unit in "$@"; do
        if command -v systemctl >/dev/null; then systemctl --quiet disable "$unit"; fi
        if [[ -e "/etc/init.d/${unit%.service}" ]]; then update-rc.d "${unit%.service}" disable; fi
    done
}

install_missing() {
    [[ -n "$(missing)" ]] || return 0
    if [[ "$(id -u)" != 0 ]]; then
        echo "systems: missing: $(missing | paste -sd' '); run: sudo $PWD/tests/services/systems.sh install" >&2
        exit 1
    fi
    command -v apt-get >/dev/null || { echo "systems: only Debian packages can be installed" >&2; exit 1; }
    forbid_services
    export DEBIAN_FRONTEND=noninteractive
    local package file module units
    apt-get update --quiet=2
    for system in "${SYSTEMS[@]}"; do
        read -r package file module units <<<"$system"
        if [[ -e "$file" ]]; then continue; fi
        echo "systems: installing $package"
        apt-get install -o DPkg::Lock::Timeout=300 --quiet=2 --yes --no-install-recommends "$package" >/dev/null
        # shellcheck disable=SC2086 # a list of words
        disable_services $units
    done
}

# Runs the tests of the installed systems. They are ignored otherwise, so that `make test` needs no server.
run() {
    local package file module rest filters=()
    for system in "${SYSTEMS[@]}"; do
        read -r package file module rest <<<"$system"
        if [[ -e "$file" ]]; then
            echo "systems: ${package%%=*} $(dpkg-query --show --showformat='${Version}' "${package%%=*}")"
            filters+=("$module::")
        fi
    done
    if ((${#filters[@]})); then
        "$@" cargo test --quiet --locked --workspace --test e2e -- --ignored "${filters[@]}"
    fi
}

case "${1:-}" in
install) install_missing ;;
run) run ;;
core)
    for package in $(missing); do echo "systems: NOT RUN (missing: $package)"; done
    run timeout "$CORE_SECONDS"
    ;;
*)
    echo "usage: systems.sh install|run|core" >&2
    exit 2
    ;;
esac
