# SPDX-License-Identifier: Apache-2.0
# Tests.  Each tests/unit/NOUN.c is one cmocka program over the internal objects, each tests/fuzz/NOUN.c one entry for
# libFuzzer, which make check replays over its seeds.  tests/run runs the steps and counts.

UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
FUZZ_SRC := $(sort $(filter-out tests/fuzz/replay.c tests/fuzz/negative.c,$(wildcard tests/fuzz/*.c)))
REPLAY_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/replay/%)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)
ADAPTER_SRC := $(sort $(wildcard tests/adapters/*.c))
ADAPTER_BIN := $(ADAPTER_SRC:tests/adapters/%.c=$(BUILD)/adapters/%)
EXAMPLE_SRC := $(sort $(wildcard examples/*.c))
EXAMPLE_BIN := $(foreach e,$(EXAMPLE_SRC:examples/%.c=%),$(BUILD)/examples/$e $(BUILD)/examples/shared/$e)
PRELOADS := $(BUILD)/failalloc.so $(BUILD)/shortio.so
TOKEN_SHIM := $(BUILD)/token_shim.so
# what runs a program that was built: nothing, or an emulator when it is for another machine
RUN_WITH ?=
JOBS := $(if $(findstring j,$(firstword -$(MAKEFLAGS))),,-j$(shell nproc))
SECONDS ?= 60
# many tests wait for a disk or a clock, so more of them run at a time than there are processors
TEST_JOBS := $(shell n=$$(nproc); echo $$((n < 6 ? n + 2 : 8)))

$(BUILD)/unit/token_kek $(BUILD)/unit/token_kek_life $(BUILD)/unit/pkcs11: $(TOKEN_SHIM)
# it is the other side, too
$(BUILD)/unit/http_kept: LIBS += -lssl
$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libcoffer-internal.a $(BUILD)/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -Itests -o $@ $< $(BUILD)/libcoffer-internal.a $(ALL_LDFLAGS) -lcmocka $(LIBS)

# what drives coffer for the conformance suites of others
$(BUILD)/adapters/%: tests/adapters/%.c $(BUILD)/libcoffer-internal.a $(BUILD)/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(BUILD)/libcoffer-internal.a $(ALL_LDFLAGS) $(LIBS)

$(BUILD)/replay/%: tests/fuzz/%.c tests/fuzz/replay.c $(BUILD)/libcoffer-internal.a $(BUILD)/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -Wno-missing-prototypes -Itests -o $@ $< tests/fuzz/replay.c \
		$(BUILD)/libcoffer-internal.a $(ALL_LDFLAGS) $(LIBS)

$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/libcoffer-internal.a $(BUILD)/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -Wno-missing-prototypes -Itests -fsanitize=fuzzer -o $@ $< \
		$(BUILD)/libcoffer-internal.a $(ALL_LDFLAGS) $(LIBS)

# needs valgrind's headers, so it is none of «tests»
$(BUILD)/ct/%: tests/ct/%.c $(BUILD)/libcoffer-internal.a $(BUILD)/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -o $@ $< $(BUILD)/libcoffer-internal.a $(ALL_LDFLAGS) $(LIBS)

# as an application sees it: the public headers and the library, which is linked or found at run time
$(BUILD)/examples/shared/%: examples/%.c $(BUILD)/libcoffer.so $(BUILD)/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) -Iinclude -std=c11 $(WARNINGS) $(WERROR) $(SAN) $(CFLAGS) -MMD -MP -o $@ $< -L$(BUILD) -lcoffer \
		-Wl,-rpath,'$$ORIGIN/../..' $(ALL_LDFLAGS)

$(BUILD)/examples/%: examples/%.c $(BUILD)/libcoffer.a $(BUILD)/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) -Iinclude -std=c11 $(WARNINGS) $(WERROR) $(SAN) $(CFLAGS) -MMD -MP -o $@ $< $(BUILD)/libcoffer.a $(ALL_LDFLAGS) $(LIBS)

$(BUILD)/%.so: tests/fault/%.c $(BUILD)/flags
	$(SAY) CC $<
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 $(WARNINGS) -O2 -g -fPIC -shared -o $@ $< -ldl

# a PKCS#11 module that tests load before a real one
$(TOKEN_SHIM): tests/services/token_shim.c $(BUILD)/flags
	$(SAY) CC $<
	$(Q)$(CC) -D_GNU_SOURCE -I/usr/include/p11-kit-1 -std=gnu11 $(WARNINGS) -O2 -g -fPIC -shared -o $@ $< -ldl

-include $(UNIT_BIN:=.d) $(ADAPTER_BIN:=.d) $(EXAMPLE_BIN:=.d)

# ---- the steps, as «NAME: COMMAND» for tests/run ----

UNIT_STEPS = $(foreach t,$(UNIT_BIN),'unit $(notdir $t): $(RUN_WITH) $t')
REPLAY_STEPS = $(foreach t,$(REPLAY_BIN),'replay $(notdir $t): $(RUN_WITH) $t tests/fuzz/seeds/$(notdir $t)')
VECTOR_STEPS = 'vectors: python3 tests/vectors/run.py $(BUILD)/coffer'
SIGNING_STEPS = 'sigstore universe: python3 tests/signing/sigstore_universe.py $(BUILD)/adapters/sigstore $(BUILD)/coffer' \
	'sigstore vectors: python3 tests/signing/sigstore_vectors.py $(BUILD)/adapters/sigstore' \
	'oms faults: python3 tests/signing/oms_faults.py $(BUILD)/coffer' \
	'oms vectors: python3 tests/signing/oms_vectors.py $(BUILD)/coffer' \
	'bad input: python3 tests/signing/bad_input.py $(BUILD)/coffer'
# against fakes of the services that cannot be installed (tests/services), and tokens that can; the servers of others are INTEROP
OTHERS_SERVERS := $(sort $(wildcard tests/services/test_*_moto.py tests/services/test_*_lowkey.py tests/services/test_*_swift.py tests/services/test_*_itself.py))
KEY_STEPS = $(foreach t,$(filter-out $(OTHERS_SERVERS),$(sort $(wildcard tests/services/test_*.py))),'$(patsubst test_%,key service %,$(basename $(notdir $t))): python3 $t $(BUILD)/coffer')
# programs that read what is sealed
LOAD_STEPS = $(foreach t,$(sort $(wildcard tests/load/test_*.py)),'load $(patsubst test_%,%,$(basename $(notdir $t))): python3 $t $(BUILD)/coffer')
# with the python3 of this system, and in INTEROP with that of tests/peers/setup, which has what users have
PYTHON_TESTS := $(sort $(wildcard tests/python/test_*.py))
PYTHON_STEPS = $(if $(RUN_WITH),,$(if $(HAVE_PYTHON),\
	$(foreach t,$(PYTHON_TESTS),'$(patsubst test_%,python %,$(basename $(notdir $t))): PYTHONPATH=$(BUILD)/python COFFER_TEST_BUILD=$(BUILD) $(PYTHON) $t'),\
	'python: echo "the headers of $(PYTHON) are not installed (python3-dev)"; exit 77'))
CLI_STEPS = $(foreach t,$(sort $(basename $(notdir $(wildcard tests/cli/*.t)))),'cli $t: BUILD=$(BUILD) tests/cli/run.sh $(BUILD)/coffer $t')
EXAMPLE_STEPS = 'examples: RUN_WITH="$(RUN_WITH)" examples/run $(BUILD)'
# these run the command by its name, as a reader would, so it must be one for this machine
HOWTO_STEPS = $(if $(RUN_WITH),,'demo: scripts/demo --offline --build $(BUILD)' \
	$(foreach t,$(sort $(wildcard docs/howto/*.md)),'howto $(basename $(notdir $t)): tests/howto/run.sh $t $(BUILD)'))
FAULT_STEPS = \
	'fault self-test: python3 tests/fault/selftest.py $(BUILD)/shortio.so $(BUILD)/failalloc.so' \
	'fault kill: python3 tests/fault/kill.py $(BUILD)/coffer' \
	'fault power: python3 tests/fault/power.py $(BUILD)/coffer' \
	$(foreach n,1 2 3,'fault inject $n/3: python3 tests/fault/inject.py $(BUILD)/coffer $(BUILD)/shortio.so $n/3') \
	'fault alloc: python3 tests/fault/alloc.py $(BUILD)/coffer $(BUILD)/failalloc.so' \
	'fault world: python3 tests/fault/world.py $(BUILD)/coffer'
# with COFFER_PEERS_PYTHON, COFFER_PEERS_OLD and COFFER_PEERS_LOAD as tests/peers/setup says them, also against the programs of others
INTEROP_STEPS = \
	'interop: python3 tests/interop/reader_test.py $(BUILD)/coffer' \
	'vectors with the second reader: python3 tests/vectors/run.py --reader' \
	'sigstore test world: python3 tests/peers/sigstore/sigstore_test.py' \
	'interop code: python3 tests/interop/code_test.py $(BUILD)/coffer' \
	'interop onnx: python3 tests/interop/onnx_test.py $(BUILD)/coffer' \
	'interop trust: python3 tests/interop/trust_test.py $(BUILD)/coffer' \
	'sign with sigstore: python3 tests/signing/sign_sigstore.py $(BUILD)' \
	'interop openssl: python3 tests/signing/interop_openssl.py $(BUILD)/coffer' \
	'interop model_signing: python3 tests/signing/interop_model_signing.py $(BUILD)/coffer' \
	'interop sigstore: python3 tests/signing/interop_sigstore.py $(BUILD)/coffer' \
	'oms adapter: python3 tests/signing/oms_adapter.py $(BUILD)/coffer' \
	'load consumers: python3 tests/load/consumers.py $(BUILD)/coffer $(BUILD)' \
	'load safetensors: python3 tests/load/safetensors_suite.py $(BUILD)/coffer $(BUILD)' \
	$(foreach t,model safetensors process,'python $t with its peers: BUILD=$(BUILD) tests/python/with_peers tests/python/test_$t.py') \
	$(foreach t,$(sort $(wildcard tests/services/*_sdk.py)),'fake and SDK $(patsubst %_sdk,%,$(basename $(notdir $t))): python3 $t') \
	$(foreach t,$(OTHERS_SERVERS),'$(patsubst test_%,key service %,$(basename $(notdir $t))): python3 $t $(BUILD)/coffer')
LINT_STEPS = 'lint: BUILD=$(BUILD) tests/lint/run' 'install: MAKE=$(firstword $(MAKE)) BUILD=$(BUILD) tests/lint/install'

# `make steps-FAULT` runs one group of the steps over what is built
steps-%:
	@tests/run --jobs $(TEST_JOBS) --limit 3600 $($*_STEPS)

.PHONY: setup demo check check-all examples check-built tests unit ct fuzz fuzz-built format
setup:
	scripts/setup

demo:
	@scripts/setup --demo
	@+$(MAKE) --no-print-directory $(JOBS) all
	@scripts/demo --build $(BUILD)

tests: all $(UNIT_BIN) $(REPLAY_BIN) $(ADAPTER_BIN) $(EXAMPLE_BIN) $(PRELOADS) $(TOKEN_SHIM) $(if $(HAVE_PYTHON),python)

examples: $(EXAMPLE_BIN)

unit: $(UNIT_BIN)
	@tests/run $(UNIT_STEPS)

# the packages come first: what is there decides how it is built, so building starts over in a make of its own
check:
	@scripts/setup --check
	@+$(MAKE) --no-print-directory $(JOBS) tests
	@+$(MAKE) --no-print-directory check-built

# the long ones first, so that no processor waits for the last
check-built:
	@tests/run --jobs $(TEST_JOBS) $(KEY_STEPS) $(SIGNING_STEPS) $(VECTOR_STEPS) $(LOAD_STEPS) $(PYTHON_STEPS) $(CLI_STEPS) $(LINT_STEPS) $(HOWTO_STEPS) $(EXAMPLE_STEPS) $(UNIT_STEPS) $(REPLAY_STEPS)

check-all:
	@.ci/run

# under valgrind: no branch and no address depends on a secret
ct: $(BUILD)/ct/secrets
	@tests/ct/run $(BUILD)

# a build of its own: clang counts what is covered, the sanitizers watch
fuzz:
	@+$(MAKE) --no-print-directory $(JOBS) BUILD=build-fuzz CC=clang-14 SANITIZE=address,undefined \
		CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' fuzz-built
	@tests/fuzz/run build-fuzz $(SECONDS)

fuzz-built: $(FUZZ_BIN) $(BUILD)/fuzz/negative

FORMATTED := $(wildcard include/coffer/*.h src/*/*.[ch] python/coffer/*.c tests/*/*.[ch] examples/*.[ch])
format:
	clang-format-14 -i $(FORMATTED)
