# Umbel: `make run` on a machine with rustup and Node, `make test` for everything that is checked.
# Variables: DATA, RUN (directories), LISTEN (address:port), CARGO_TARGET_DIR, PREFIX, DESTDIR.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# One target directory and one profile for run, tests and CI, so that nothing is built twice.
CARGO_TARGET_DIR ?= $(CURDIR)/target
override CARGO_TARGET_DIR := $(abspath $(CARGO_TARGET_DIR))
export CARGO_TARGET_DIR
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)
export DATA RUN LISTEN BIN PURGE

PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: help run run-only stop kernel test test-full check build site setup-run setup-kernel setup-test install uninstall clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

run: setup-run build run-only ## Install what is missing, build, run agent and panel until Ctrl-C (guests stay)

stop: ## End panel, agent and all guests of DATA
	@exec deploy/stop

kernel: setup-kernel ## Build our own kernel, about ten minutes once: guests boot five to ten times faster
	@deploy/kernel/build.sh

test: ## Install what tests need, run all of them
	@exec deploy/test.sh

test-full: ## The long matrices too
	@exec deploy/test.sh full

check: ## The cheap part: format, clippy, unit tests
	@exec deploy/test.sh check

build: site ## Build site and programs
	cargo build --bins

install: ## Build the release and install it (PREFIX, DESTDIR)
	@exec deploy/install.sh install "$(DESTDIR)" "$(PREFIX)"

uninstall: ## Remove all that install put there; PURGE=1: data and account too
	@exec deploy/install.sh uninstall "$(DESTDIR)" "$(PREFIX)"

clean: ## Remove what was built (target directory, npm and Python packages; no data)
	rm -rf "$(CARGO_TARGET_DIR)" node_modules .venv

run-only:
	@exec deploy/run

site:
	@deploy/site.sh

setup-run:
	@deploy/setup.sh run

setup-kernel:
	@deploy/setup.sh kernel

setup-test:
	@deploy/setup.sh test
