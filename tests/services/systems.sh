#!/usr/bin/env bash
# Tests contracts against servers from Debian packages, and the pages of the console in a browser from Debian packages.
#
#   systems.sh install  install the servers that are missing, as root
#   systems.sh run      run the tests of the servers that are installed
#   systems.sh core     the same for at most 15 minutes, and report the servers that are missing
#   systems.sh browser [MODULE::]
#                       run the tests of the browser, or those of one module, and report it if it is missing
#
# The tests start each server themselves, on loopback only. No server is started by its package.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# The browser, and the proxy behind which one of its tests puts the host.
BROWSER=/usr/bin/chromium,/usr/bin/chromedriver,/usr/sbin/nginx
# For each system: its package with the tested version, and further packages; files of these packages; the modules of
# its tests in tests/e2e; and the services that the packages and their dependencies enable. A comma separates several.
SYSTEMS=(
    "rabbitmq-server=3.10.* /usr/lib/rabbitmq/bin/rabbitmq-server rabbitmq rabbitmq-server.service epmd.socket epmd.service"
    "docker-registry=2.8.* /usr/bin/docker-registry authoring::packages,library::registry docker-registry.service"
    "redmine=5.0.*,redmine-sqlite,puma /usr/share/redmine/config.ru,/usr/bin/puma library::redmine"
    "mailman3=3.3.* /usr/lib/mailman3/bin/runner library::mailman mailman3.service"
    "nginx=1.22.* /usr/sbin/nginx counterparts::nginx nginx.service"
    "stunnel4=3:5.68-* /usr/bin/stunnel4 counterparts::stunnel stunnel4.service"
    "squid=5.* /usr/sbin/squid,/usr/lib/squid/basic_ncsa_auth counterparts::squid squid.service"
    "tinyproxy-bin=1.11.* /usr/bin/tinyproxy counterparts::tinyproxy"
    # A release of Debian gets each new version of Chromium. The pages need a font.
    "chromium=*,chromium-driver,fonts-dejavu-core $BROWSER browser"
)
POLICY=/usr/sbin/policy-rc.d
CORE_SECONDS=900

# Whether all these files exist.
exist() {
    local file
    for file in ${1//,/ }; do [[ -e "$file" ]] || return 1; done
}

missing() {
    local package files rest
    for system in "${SYSTEMS[@]}"; do
        read -r package files rest <<<"$system"
        exist "$files" || echo "${package%%=*}"
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
    local package files modules units
    apt-get update --quiet=2
    for system in "${SYSTEMS[@]}"; do
        read -r package files modules units <<<"$system"
        if exist "$files"; then continue; fi
        echo "systems: installing $package"
        # shellcheck disable=SC2086 # a list of words
        apt-get install -o DPkg::Lock::Timeout=300 --quiet=2 --yes --no-install-recommends ${package//,/ } >/dev/null
        # shellcheck disable=SC2086 # a list of words
        disable_services $units
    done
}

# Runs the tests of the installed systems, which are ignored otherwise, so that `make test` needs no server; and the
# stories of the library of contracts.
run() {
    local package files modules module rest said filters=(library::every_action_of_every_system)
    for system in "${SYSTEMS[@]}"; do
        read -r package files modules rest <<<"$system"
        if exist "$files"; then
            echo "systems: ${package%%=*} $(dpkg-query --show --showformat='${Version}' "${package%%=*}")"
            for module in ${modules//,/ }; do filters+=("$module::"); done
        fi
    done
    said=$(mktemp)
    "$@" cargo test --quiet --locked --workspace --test e2e -- --ignored "${filters[@]}" | tee "$said" || {
        rm -f "$said"
        return 1
    }
    # The number of stories is the last line.
    grep --only-matching '^systems: [0-9]* stories, .*' "$said"
    rm -f "$said"
}

browser() {
    if exist "$BROWSER"; then
        cargo test --quiet --locked --workspace --test e2e -- --ignored "browser::${1:-}"
    else
        echo "browser: NOT CHECKED: pages in a browser (Debian: apt-get install chromium chromium-driver nginx)"
    fi
}

case "${1:-}" in
install) install_missing ;;
run) run ;;
core)
    for package in $(missing); do echo "systems: NOT RUN (missing: $package)"; done
    run timeout "$CORE_SECONDS"
    ;;
browser) browser "${2:-}" ;;
*)
    echo "usage: systems.sh install|run|core|browser" >&2
    exit 2
    ;;
esac
