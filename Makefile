# SPDX-License-Identifier: Apache-2.0
#
# coffer: `make help` says what there is.  The parts are in mk/.

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

VERSION := $(shell sed -n 's/^.define COFFER_VERSION "\(.*\)"/\1/p' include/coffer/coffer.h)
SOVERSION := 0
BUILD ?= build

include mk/flags.mk
include mk/build.mk
include mk/python.mk
include mk/tests.mk
include mk/bench.mk
include mk/install.mk

.PHONY: all help clean
all: $(BUILD)/coffer $(BUILD)/libcoffer.so $(BUILD)/libcoffer.a

help:
	@sed -n 's/^##\? \?help: \(.*\)/\1/p' $(MAKEFILE_LIST)

clean:
	rm -rf $(BUILD)

## help: make                build build/coffer, build/libcoffer.so and build/libcoffer.a
## help: make demo           install what is needed, build, and seal and open a real model step by step
## help: make check          install what is needed, build, and run the tests (some three minutes)
## help: make check-all      the slow checks too: sanitizers, faults, kill sweep, fuzz replay, interop, arm64, lint
## help: make bench          compare speed with cp, age, openssl and others; writes docs/benchmarks.md
## help: make python         build the Python package in place, in build/python
## help: make wheel          make a wheel of it, in build/wheel
## help: make fuzz           fuzz every parser with libFuzzer (SECONDS=60 each)
## help: make format         apply clang-format
## help: make install        install under PREFIX (/usr/local), below DESTDIR
## help: make uninstall      take that away again
## help: make setup          install the Debian packages that building and testing need
## help: make clean          remove build/
## help: (V=1 shows commands; SANITIZE=address,undefined or thread; CC=clang-14; CROSS=aarch64-linux-gnu-)
