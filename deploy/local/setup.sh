#!/bin/sh
# Sets up what runs on this machine; called by the Makefile, from the top of the tree.
#
#   setup.sh venv                             .venv with the locked dependencies and the project itself
#   setup.sh peers                            var/peers with what the benches compare ours with
#   setup.sh kafka                            the broker's jars, and its class archive
#   setup.sh packages [-o] PROGRAM:PACKAGE…   Debian packages of programs that are missing; -o: go on without them
#
# A package without a program (":fonts-noto-cjk") is looked up in dpkg. Each failure is one sentence.
set -eu

LIBS=var/kafka/libs
POLICY=${POLICY_RC_D:-/usr/sbin/policy-rc.d}

fail() { echo "setup: $*" >&2; exit 1; }

# The first Python that is new enough and can make an environment; a version manager's shim may be neither.
find_python() {
    for python in python3.11 python3.12 python3.13 python3 /usr/bin/python3; do
        if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
}

make_venv() {
    if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
        python=$(find_python)
        if [ -z "$python" ]; then
            install_packages no :python3-venv
            python=$(find_python)
        fi
        [ -n "$python" ] || fail "no Python 3.11 or newer with venv: install the Debian package python3-venv"
        "$python" -m venv .venv
    fi
    pip="env PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install --quiet"
    $pip --require-hashes -r requirements.lock || fail "the locked dependencies could not be installed"
    install_packages no g++:g++ :libsimdjson-dev :libssl-dev
    has_headers || install_packages no :python3-dev
    has_headers || fail "no Python.h for $(.venv/bin/python -V): install the headers that belong to this Python"
    $pip --no-deps --no-build-isolation --editable . || fail "the project could not be built and installed into .venv"
}

# The native module of stream/ is built with the headers of the very Python that runs it.
has_headers() {
    .venv/bin/python -c 'import pathlib, sys, sysconfig
sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())'
}

make_peers() {
    rm -rf var/peers
    .venv/bin/python -m venv var/peers
    pip="env PIP_DISABLE_PIP_VERSION_CHECK=1 var/peers/bin/python -m pip install --quiet"
    $pip --require-hashes -r tests/bench/peers/requirements.lock || fail "the peers could not be installed into var/peers"
}

fetch_kafka() {
    install_packages no java:openjdk-17-jre-headless mvn:maven
    rm -rf "$LIBS"
    mkdir -p var/kafka
    if ! mvn -q -B -f deploy/local/pom.xml dependency:copy-dependencies -DoutputDirectory="$PWD/$LIBS" \
        >var/kafka/maven.log 2>&1; then
        tail -n 5 var/kafka/maven.log >&2
        fail "Maven could not fetch the broker's jars (log: var/kafka/maven.log)"
    fi
    .venv/bin/python -m deploy.local.kafka
}

installed() {
    if [ -n "$1" ]; then command -v "$1" >/dev/null; else dpkg -s "$2" >/dev/null 2>&1; fi
}

install_packages() {
    optional=$1
    shift
    missing=""
    for pair in "$@"; do
        installed "${pair%%:*}" "${pair#*:}" || missing="$missing ${pair#*:}"
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "setup: installing the Debian packages$missing"
        if apt_install "$missing"; then return 0; fi
        told="apt-get could not install$missing"
    else
        told="missing Debian packages:$missing (as root: apt-get install$missing)"
    fi
    [ "$optional" = yes ] || fail "$told"
    echo "setup: $told; going on without" >&2
}

# Debian starts a service right after its installation; we start our own, on a free port. While the policy
# program says 101, nothing is started.
apt_install() {
    held=no
    if [ ! -e "$POLICY" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$POLICY"
        chmod +x "$POLICY"
        held=yes
        trap 'rm -f "$POLICY"' EXIT
    fi
    # shellcheck disable=SC2086 # a list of names
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $1 >/dev/null
    done=$?
    if [ "$held" = yes ]; then rm -f "$POLICY"; fi
    return "$done"
}

case "${1:-}" in
venv) make_venv ;;
peers) make_peers ;;
kafka) fetch_kafka ;;
packages)
    shift
    if [ "${1:-}" = -o ]; then
        shift
        install_packages yes "$@"
    else
        install_packages no "$@"
    fi
    ;;
*) fail "say venv, peers, kafka or packages" ;;
esac
