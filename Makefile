# Everything that is done here more than once. `make` lists it.

# The Python that has pip; it fetches ONNX Runtime and runs what the tests talk to.
PYTHON ?= python3
CARGO ?= cargo
VENV := target/venv

.DEFAULT_GOAL := help
.PHONY: help demo test setup onnxruntime build lint profiles detection bench proto golden deny clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## Guard a classifier and show what is flagged; KEEP=1 leaves it running
	$(CARGO) run --quiet --locked -- demo $(if $(KEEP),--keep)

test: setup lint ## Check format and lints, run every test
	$(CARGO) test --locked

setup: onnxruntime $(VENV)/ready ## Fetch ONNX Runtime, and the Python client and server of the tests

onnxruntime: ## Fetch the pinned ONNX Runtime library into target/onnxruntime
	@PYTHON=$(PYTHON) sh deploy/onnxruntime/fetch.sh

# Without pip of its own the environment needs no ensurepip, which Debian packs apart.
$(VENV)/ready: tests/support/requirements.txt
	$(PYTHON) -m venv --clear --without-pip $(VENV)
	$(PYTHON) -m pip --python $(VENV)/bin/python install --quiet --disable-pip-version-check \
		--no-deps --only-binary=:all: --requirement $<
	@touch $@

build: onnxruntime ## Build the release binary, target/release/portcullis
	$(CARGO) build --release --locked

lint: ## Check format and lints
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

profiles: setup ## Calibrate the five example classifiers on benign data
	sh tests/bench/profiles.sh

detection: setup ## Print the detection of every attack on the example classifiers, and their false positives
	sh tests/bench/detection.sh

bench: setup ## Print the latency of the upstream alone and through the gateway
	sh tests/bench/bench.sh

proto: ## Generate src/proto from proto/
	UPDATE_PROTO=1 $(CARGO) test --locked --test proto

golden: setup ## Make the golden vectors of the squeezers anew, with SciPy and OpenCV
	sh tests/golden/make.sh

deny: ## Check dependencies: licences, advisories, sources, duplicates (needs cargo-deny)
	$(CARGO) deny --locked check

clean: ## Remove what was built, fetched and calibrated
	rm -rf target
