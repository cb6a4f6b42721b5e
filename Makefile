# `make` lists what there is. Everything sets itself up first; scripts/bootstrap.sh says how.

.DEFAULT_GOAL := help
# One cargo target directory, two cores: side by side the steps would only wait for each other and mix their output.
.NOTPARALLEL:
.SUFFIXES:

PYTHON_VENV := .venv/bin/python
# In CI the committed Cargo.lock is the truth; at a desk cargo may complete it.
LOCKED := $(if $(CI),--locked)
LAB := turbo-shard-lab-native

# The same interpreter for every cargo command, or PyO3 is rebuilt whenever the command changes.
export PYO3_PYTHON := $(CURDIR)/$(PYTHON_VENV)
# Where rustup puts cargo, for shells that have not read its profile.
export PATH := $(PATH):$(HOME)/.cargo/bin

PYTEST := $(PYTHON_VENV) -m pytest -p tests.no_silent_skips

# Options for the server that `make run` starts.
ARGS ?=
# Options for pytest beyond its configuration: make test-python PYTEST_ARGS='-k keep_alive'
PYTEST_ARGS ?=
# How many processes run Python tests: more than two cores, since tests wait for starts and ends of servers. 0: this one, as for --pdb.
TEST_WORKERS ?= 3
# Options for `cargo test`: make test-rust CARGO_TEST_ARGS='keep_alive'
CARGO_TEST_ARGS ?=
# How long `make stress` lasts, and on which engine.
STRESS_SECONDS ?= 300
STRESS_ENGINE ?= uring
# How long `make fuzz` tries each target, and which ones; none named means all.
SECONDS ?= 60
FUZZ_TARGETS ?=
# Words that `make figures` looks for.
FIGURES_ARGS ?=
# Options for the scripts that compare FastAPI with its compiled form.
FASTAPI_ARGS ?=
# Options for the script of a benchmark; its --help lists them.
BENCH_ARGS ?=

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

.PHONY: bootstrap
bootstrap: ## a free-threaded Python and .venv with the pinned tools
	@scripts/bootstrap.sh --without-wheel

.PHONY: build
build: ## bootstrap, then .venv/bin/turbo-shard and `import turbo_shard` from the present sources
	@scripts/bootstrap.sh

.PHONY: run
run: build ## serve examples/multi_route_app.py, one shard per core (ARGS='--port 9000')
	.venv/bin/turbo-shard multi_route_app:app --app-dir examples $(ARGS)

.PHONY: test
test: build test-rust test-python test-ecosystem test-deploy test-clients test-gil test-peers ## every test but those of test-outside

# All crates in one command: cargo would build what they share once more for another choice of crates. Tests of the Python
# bridge are a program with libpython in it; the lab's module has none.
.PHONY: test-rust
test-rust: bootstrap ## the Rust tests (CARGO_TEST_ARGS='keep_alive')
	PYTHONHOME="$$($(PYTHON_VENV) -c 'import sys; print(sys.base_prefix)')" \
	LD_LIBRARY_PATH="$$($(PYTHON_VENV) -c 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))')" \
	cargo test $(LOCKED) --workspace --exclude $(LAB) $(CARGO_TEST_ARGS)

.PHONY: compiled-tests
compiled-tests: ## compile the Rust tests, and run none
	@$(MAKE) --no-print-directory test-rust CARGO_TEST_ARGS=--no-run

.PHONY: test-programs
test-programs: bootstrap ## what tests need beyond .venv: a Python with a GIL, libraries, proxies, other servers
	@scripts/install_gil_build.sh
	@scripts/install_peers.sh
	@scripts/install_ecosystem.sh
	@scripts/install_deploy.sh
	@scripts/install_clients.sh

.PHONY: test-python
test-python: build ## the Python tests, against the wheel just built (PYTEST_ARGS='-k name', TEST_WORKERS=0)
	$(PYTEST) --numprocesses $(TEST_WORKERS) --dist loadfile $(PYTEST_ARGS)

.PHONY: test-ecosystem
test-ecosystem: build ## apps that use real libraries, such as SQLModel, Celery and Channels, on shards and processes
	@scripts/install_ecosystem.sh
	$(PYTEST) tests/ecosystem $(PYTEST_ARGS)

.PHONY: test-deploy
test-deploy: build ## examples/deploy behind nginx, HAProxy and Caddy, and by the checks of systemd, Docker and Kubernetes
	@scripts/install_deploy.sh
	$(PYTEST) tests/deploy $(PYTEST_ARGS)

# WebSockets are left out: their client here reads and writes one SSLSocket in two threads, which a free-threaded CPython 3.13
# loses now and then.
.PHONY: test-clients
test-clients: build ## TLS and HTTP/2 by h2load, nghttp, curl and openssl, which it fetches
	@scripts/install_clients.sh
	$(PYTEST) tests/outside/clients $(PYTEST_ARGS)
	TEST_OVER=h2 $(PYTEST) tests/frameworks/test_starlette.py tests/frameworks/test_flask.py -k 'shard-uring and not websocket'

# Not run by CI: browsers and scanners are large, and what they look at changes with them, not with us.
.PHONY: test-outside
test-outside: build ## TLS and HTTP/2 by suites, scanners, browsers and clients that nobody here wrote; half an hour
	@scripts/install_clients.sh
	@scripts/install_outside.sh
	$(PYTEST) tests/outside $(PYTEST_ARGS)
	TEST_OVER=tls $(PYTEST) tests/frameworks $(PYTEST_ARGS)
	TEST_OVER=h2 $(PYTEST) tests/frameworks $(PYTEST_ARGS)
	TEST_OVER=h2c $(PYTEST) tests/frameworks $(PYTEST_ARGS)

.PHONY: test-gil
test-gil: build ## --mode process on a Python with a GIL, which is built the first time (2 to 3 minutes, and the server's wheel)
	@scripts/install_gil_build.sh
	$(PYTEST) tests/gil_build $(PYTEST_ARGS)

.PHONY: test-peers
test-peers: build ## other servers' options are those that docs/from-*.md answer (a Python with a GIL is built the first time)
	@scripts/install_peers.sh
	$(PYTEST) tests/peers $(PYTEST_ARGS)

.PHONY: peer-options
peer-options: bootstrap ## record other servers' options (requirements/peers.txt) in tests/cli/peer_options.json
	@scripts/install_peers.sh
	target/peers/venv/bin/python scripts/peer_options.py > tests/cli/peer_options.json

# The sanitizer is part of the toolchain, but only a nightly one accepts it without this variable. glommio leaves memory
# behind when an executor ends, so only the storm looks for leaks.
STRESS = CARGO_TARGET_DIR=target/stress RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address \
	TURBO_SHARD_STORM_SECONDS=$(STRESS_SECONDS) TURBO_SHARD_STORM_ENGINE=$(STRESS_ENGINE) \
	cargo test $(LOCKED) --target $$(rustc -vV | sed -n 's/^host: //p') --package turbo-shard-runtime

.PHONY: stress
stress: ## connections in a storm on uring, under AddressSanitizer (STRESS_SECONDS=3600, STRESS_ENGINE=tokio)
	@scripts/check_toolchain.sh
	ASAN_OPTIONS=detect_leaks=0 $(STRESS) --lib --test engine_contract
	$(STRESS) --test life_cycle_storm -- --nocapture

.PHONY: fuzz
fuzz: ## libFuzzer over everything that reads a peer's bytes, each target a minute (SECONDS=600, FUZZ_TARGETS='request_head')
	@scripts/check_toolchain.sh
	@scripts/fuzz.sh $(SECONDS) $(FUZZ_TARGETS)

.PHONY: figures
figures: bootstrap ## lines of each layer, circles of imports, what is longest, the wheel (FIGURES_ARGS='word' names its files)
	@$(PYTHON_VENV) scripts/figures.py $(FIGURES_ARGS)

# Neither is run by CI: what FastAPI's tests and other people's apps need is large, and changes with them, not with us.
.PHONY: fastapi-suite
fastapi-suite: build ## FastAPI's own tests, as they are and compiled; five minutes (FASTAPI_ARGS='--record')
	@scripts/fastapi_suite.sh $(FASTAPI_ARGS)

.PHONY: fastapi-real-apps
fastapi-real-apps: build ## four open-source FastAPI projects, as they are and compiled; four minutes (FASTAPI_ARGS='--record')
	@scripts/fastapi_real_apps.sh $(FASTAPI_ARGS)

.PHONY: compatibility
compatibility: build ## the tests of FastAPI, Django and others; writes docs/compatibility.md
	$(PYTHON_VENV) scripts/compatibility.py

.PHONY: reference
reference: build ## the tables of docs/running.md and docs/from-*.md that are made of the sources' declarations
	$(PYTHON_VENV) scripts/reference.py

.PHONY: lint
lint: bootstrap ## formatting, clippy, ruff, mypy and shellcheck; changes nothing
	cargo fmt --all --check
	cargo clippy $(LOCKED) --workspace --all-targets -- -D warnings
	$(PYTHON_VENV) -m ruff check .
	$(PYTHON_VENV) -m ruff format --check .
	$(PYTHON_VENV) -m mypy
	cd bench && MYPYPATH=../python-bridge/python:../lab/python ../$(PYTHON_VENV) -m mypy --strict run.py make_files.py instructions.py advice.py validate_simulation.py
	.venv/bin/shellcheck --external-sources .ci/run scripts/*.sh bench/*.sh bench/peers/*.sh findings/*.sh

.PHONY: format
format: bootstrap ## put Rust and Python sources into their form
	cargo fmt --all
	$(PYTHON_VENV) -m ruff check --fix .
	$(PYTHON_VENV) -m ruff format .

.PHONY: bench
bench: build ## shard, steal and process mode and peers, scenario by scenario; under 15 minutes (BENCH_ARGS='--list')
	cargo build $(LOCKED) --release --package turbo-load
	$(PYTHON_VENV) bench/run.py $(BENCH_ARGS)

.PHONY: bench-smoke
bench-smoke: build ## are the goals met here? two minutes, every body checked (BENCH_ARGS='--no-peers')
	cargo build $(LOCKED) --release --package turbo-load
	cargo build $(LOCKED) --release --package turbo-shard-runtime --example fixed_answer
	$(PYTHON_VENV) bench/run.py --suite smoke $(BENCH_ARGS)

.PHONY: bench-engines
bench-engines: build ## which engine is the fastest here, and what balance brings, with spread; seven minutes
	$(PYTHON_VENV) bench/run.py --name engines --only engines engines-half-load engines-few-connections $(BENCH_ARGS)

.PHONY: bench-frameworks
bench-frameworks: build ## ASGI, WSGI, WebSocket, FastAPI, Flask against other servers (BENCH_ARGS='--python gil', or a path); 15 minutes
	cargo build $(LOCKED) --release --package turbo-load
	$(PYTHON_VENV) bench/run.py --suite frameworks $(BENCH_ARGS)

.PHONY: bench-files
bench-files: build ## files of a directory against granian's static mount and nginx; six minutes
	cargo build $(LOCKED) --release --package turbo-load
	$(PYTHON_VENV) bench/make_files.py
	$(PYTHON_VENV) bench/run.py --suite files $(BENCH_ARGS)

.PHONY: bench-tls-http2
bench-tls-http2: build ## https, handshakes, HTTP/2, and what their connections hold, against other servers; five minutes
	cargo build $(LOCKED) --release --package turbo-load
	bench/make_certificate.sh
	$(PYTHON_VENV) bench/run.py --suite tls $(BENCH_ARGS)
	$(PYTHON_VENV) bench/run.py --suite http2 $(BENCH_ARGS)

.PHONY: bench-fastapi
bench-fastapi: build ## compiled FastAPI routes against other servers, and against ours without the compiler; 12 minutes
	cargo build $(LOCKED) --release --package turbo-load
	$(PYTHON_VENV) bench/run.py --suite fastapi $(BENCH_ARGS)

.PHONY: bench-fastapi-cost
bench-fastapi-cost: build ## what compiling a FastAPI app costs, its start, and where a compiled request's time goes; five minutes
	$(PYTHON_VENV) scripts/fastapi_cost.py
	cargo build $(LOCKED) --release --package turbo-load
	cargo build $(LOCKED) --release --package turbo-shard-runtime --example fixed_answer
	$(PYTHON_VENV) bench/run.py --suite fastapi-cost $(BENCH_ARGS)

.PHONY: bench-asgi-cost
bench-asgi-cost: build ## where the time of a raw ASGI request goes; two minutes
	cargo build $(LOCKED) --release --package turbo-load
	cargo build $(LOCKED) --release --package turbo-shard-runtime --example fixed_answer
	$(PYTHON_VENV) bench/run.py --suite asgi-cost $(BENCH_ARGS)

.PHONY: bench-instructions
bench-instructions: build ## how many instructions a request takes, counted by callgrind; three minutes (BENCH_ARGS='--python PATH')
	$(PYTHON_VENV) bench/instructions.py $(BENCH_ARGS)

.PHONY: bench-simulation
bench-simulation: build ## how far is turbo-shard simulate from measurements, and what it predicts; four minutes
	cargo build $(LOCKED) --release --package turbo-load
	$(PYTHON_VENV) bench/validate_simulation.py $(BENCH_ARGS)

.PHONY: check-report
check-report: build ## look at the HTML report in headless Chromium, which this installs; pictures in target/report
	@scripts/check_report.sh

.PHONY: check-metrics
check-metrics: build ## have promtool, which this installs, read what a server gives scrapers
	@scripts/check_metrics.sh

.PHONY: clean
clean: ## remove what was built here; the cached interpreter stays
	rm -rf target .venv .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
