# Everything that is done here more than once. `make` lists it.

# The Python that has pip; it fetches ONNX Runtime and runs what the tests talk to.
PYTHON ?= python3
CARGO ?= cargo

.DEFAULT_GOAL := help
.PHONY: help demo demo-scanner test setup onnxruntime onnxruntime-gpu prometheus build lint profiles detection redteam reproduce text scanners bench bench-gateway instructions soak bench-attack bench-squeezers bench-train strength squeezing students sentinels ideas int8 splits models proto compatibility golden corpus fuzz screenshots snapshots reference uplot deny clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: onnxruntime ## Attack a guarded classifier and show what is refused; KEEP=1 leaves it running
	$(CARGO) run --quiet --locked --no-default-features -- demo $(if $(KEEP),--keep)

demo-scanner: onnxruntime ## The same with the classifier of a luggage scanner; KEEP=1 leaves it running
	$(CARGO) run --quiet --locked --no-default-features -- demo luggage --sheet target/demo/luggage.png $(if $(KEEP),--keep)

test: setup lint ## Check format and lints, run every test
	$(CARGO) test --locked --no-fail-fast

setup: onnxruntime prometheus target/venv/ready target/deploy/ready ## Fetch ONNX Runtime, and what the tests talk to

onnxruntime: ## Fetch the pinned ONNX Runtime library into target/onnxruntime
	@PYTHON=$(PYTHON) sh deploy/onnxruntime/fetch.sh

onnxruntime-gpu: ## Fetch the pinned ONNX Runtime with CUDA into target/onnxruntime-gpu (1.6 GB, 2.5 on disk)
	@PYTHON=$(PYTHON) sh deploy/onnxruntime/fetch.sh --gpu

prometheus: ## Fetch Debian's Prometheus into target/prometheus, where there is apt
	@sh tests/deploy/prometheus/fetch.sh

# A folder with a file `ready` is a Python environment with the packages of the rule's first prerequisite. Without pip
# of its own it needs no ensurepip, which Debian packs apart.
define environment
$(PYTHON) -m venv --clear --without-pip $(@D)
$(PYTHON) -m pip --python $(@D)/bin/python install --quiet --disable-pip-version-check \
	--no-deps --only-binary=:all: --requirement $<
@touch $@
endef

target/venv/ready: tests/support/requirements.txt
	$(environment)

target/deploy/ready: tests/deploy/requirements.txt
	$(environment)

target/golden/ready: tests/golden/requirements.txt
	$(environment)

target/ideas/ready: tests/bench/ideas-requirements.txt
	$(environment)

target/pytorch/ready: tests/bench/requirements.txt
	$(PYTHON) -m venv --clear --without-pip $(@D)
	$(PYTHON) -m pip --python $(@D)/bin/python install --quiet --disable-pip-version-check --requirement $<
	@touch $@

build: onnxruntime ## Build the release binary, target/release/portcullis
	$(CARGO) build --release --locked --features avx512

lint: ## Check format and lints
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

profiles: setup ## Calibrate the five example classifiers on benign data
	sh tests/bench/profiles.sh

detection: setup ## Print the detection of every attack on the example classifiers, and their false positives
	sh tests/bench/detection.sh

redteam: build ## Attack the guarded signs, CIFAR-10 and GTSRB at every threat level, and print what gets through
	sh tests/bench/redteam.sh

reproduce: build ## Repeat the experiment of the feature squeezing paper, its published figures beside ours
	$(PYTHON) tests/bench/reproduce.py

text: build setup ## Attack the guarded spam filter, and write what is detected into docs/text.md
	target/venv/bin/python tests/bench/text.py

scanners: build ## Attack the guarded scanners, and write what is detected into docs/scanners.md
	$(PYTHON) tests/bench/scanners.py
	$(PYTHON) tests/bench/luggage.py

bench: setup target/golden/ready ## Measure the gateway beside others, and write docs/performance.md (root's apt installs them)
	sh tests/bench/bench.sh

bench-gateway: setup ## Print the latency of the upstream alone and through the gateway
	sh tests/bench/gateway.sh

instructions: onnxruntime ## Count instructions of squeezers and requests beside those before; RECORD=1 accepts more
	PYTHON=$(PYTHON) sh tests/bench/instructions.sh

soak: onnxruntime ## Saturate a gateway while everything around it breaks; SECONDS=600, JSON=1 for programs
	$(CARGO) bench --quiet --locked --bench soak -- --seconds $(or $(SECONDS),600) $(if $(JSON),--json)

bench-train: ## Print how many pictures a second are trained on
	$(CARGO) bench --quiet --locked --features avx512 --bench train

models: build ## Train the models of models/signs and models/luggage anew: classifiers, students, a sentinel, profiles
	PORTCULLIS=target/release/portcullis sh models/signs/make.sh
	PORTCULLIS=target/release/portcullis sh models/luggage/make.sh

strength: onnxruntime ## Print how strong the attacks are beside those of a public attack library
	$(CARGO) test --release --locked --test attack_strength -- --ignored --nocapture

squeezing: build ## Attack CIFAR-10 and GTSRB, and print what each squeezer finds by itself
	PORTCULLIS=target/release/portcullis sh tests/bench/squeezing.sh

students: build ## Distil a plain and a robust student, and print what each detects
	PORTCULLIS=target/release/portcullis sh tests/bench/students.sh

sentinels: build target/golden/ready ## Train sentinels for CIFAR-10, GTSRB, ImageNet and signs, and print what they detect
	PYTHON=$(PYTHON) sh tests/bench/sentinels/run.sh

ideas: target/ideas/ready ## Try ideas for detection on the models and attacks of `make sentinels`, and print what they find
	OPENBLAS_NUM_THREADS=1 target/ideas/bin/python tests/bench/ideas.py

int8: build target/ideas/ready ## Quantise students to 8 bits, and print how fast they are and what they find
	target/ideas/bin/python tests/bench/int8.py

splits: build ## Calibrate on many random splits, and print how well profiles know their false-positive rates
	$(PYTHON) tests/bench/splits.py

bench-attack: onnxruntime target/pytorch/ready ## Print how long PGD takes beside PyTorch (which takes 5 GB of disk)
	$(CARGO) bench --locked --bench attack --no-run
	CARGO=$(CARGO) target/pytorch/bin/python -W ignore tests/bench/attack.py

bench-squeezers: onnxruntime target/golden/ready ## Print how long squeezers take beside OpenCV, SciPy and others
	$(CARGO) bench --locked --no-default-features --bench squeezers --no-run
	CARGO=$(CARGO) target/golden/bin/python tests/bench/squeezers.py

proto: ## Generate src/proto from proto/
	UPDATE_PROTO=1 $(CARGO) test --locked --test proto

compatibility: setup ## Try every client with every server, and write what works into docs/compatibility.md
	UPDATE_COMPATIBILITY=1 $(CARGO) test --locked --test gateway compatibility::

golden: target/golden/ready ## Make the golden vectors of the squeezers anew, with SciPy, OpenCV, scikit-image and PyWavelets
	target/golden/bin/python tests/golden/squeezers.py
	target/golden/bin/python tests/golden/deep.py

corpus: ## Write the inputs that fuzzing starts from
	$(CARGO) test --locked --test fuzz -- --ignored the_corpora_have_their_seeds

# Which targets are fuzzed, and for how long: LIMIT=-max_total_time=60 for a minute each.
TARGETS ?= $(notdir $(wildcard tests/fuzz/corpus/*))
LIMIT ?= -runs=10000000

fuzz: ## Fuzz what reads bytes, 10 million executions a target (needs cargo-fuzz and a C++ compiler)
	cp Cargo.lock tests/fuzz/Cargo.lock
	for target in $(TARGETS); do \
		mkdir -p target/fuzz/corpus/$$target && \
		$(CARGO) fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz --sanitizer none --release $$target \
			target/fuzz/corpus/$$target tests/fuzz/corpus/$$target -- \
			$(LIMIT) -max_len=8192 -timeout=10 -artifact_prefix=target/fuzz/ || exit 1; \
	done

deny: ## Check dependencies: licences, advisories, sources, duplicates (needs cargo-deny)
	$(CARGO) deny --locked check

screenshots: setup ## Take the pictures of the live page in docs/images (a while; needs Chromium)
	$(CARGO) test --locked --test gateway screenshots:: -- --ignored

# The charting library of the live page, as it is in the npm registry.
UPLOT = 1.6.32
UPLOT_SHA256 = 4b8a8191e425658e3ea8c8c1314b0fc679c861ee3a1af2b20c7b16ba50b5133d

uplot: ## Fetch the pinned charting library of the live page anew (needs npm)
	mkdir -p target/uplot
	cd target/uplot && npm pack --silent uplot@$(UPLOT)
	echo "$(UPLOT_SHA256)  target/uplot/uplot-$(UPLOT).tgz" | sha256sum --check --quiet
	tar -xzf target/uplot/uplot-$(UPLOT).tgz -C src/gateway/operators/page/vendor/uplot --strip-components=1 \
		package/LICENSE package/dist/uPlot.iife.min.js package/dist/uPlot.min.css
	cd src/gateway/operators/page/vendor/uplot && mv dist/* . && rmdir dist

snapshots: ## Accept the help of the commands as it is now
	INSTA_UPDATE=always $(CARGO) test --locked --test cli

reference: ## Write the references of configuration and metrics in docs/ anew
	UPDATE_REFERENCE=1 $(CARGO) test --locked --no-default-features --test deploy references::

clean: ## Remove what was built, fetched and calibrated
	rm -rf target
