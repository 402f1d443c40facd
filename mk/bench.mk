# SPDX-License-Identifier: Apache-2.0
# Benchmarks: ratios taken in one run, printed and written to docs/benchmarks.md.  Never a test: nothing fails for being slow.

BENCH_BIN := $(addprefix $(BUILD)/bench/,measure first_tensor audit_log reader load startup) $(if $(filter 1,$(HAVE_IPSEC_MB)),$(BUILD)/bench/aead)

$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/libcoffer-internal.a $(BUILD)/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -o $@ $< $(BUILD)/libcoffer-internal.a $(ALL_LDFLAGS) $(LIBS)

# what coffer mount is held against; where libfuse 3 is not installed, that row is left out
HAVE_FUSE3 := $(shell $(PKG_CONFIG) --exists fuse3 && echo 1)
BENCH_BIN += $(if $(HAVE_FUSE3),$(BUILD)/bench/plain_fuse)

$(BUILD)/bench/plain_fuse: tests/bench/plain_fuse.c $(BUILD)/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(shell $(PKG_CONFIG) --cflags fuse3) -o $@ $< $(ALL_LDFLAGS) $(shell $(PKG_CONFIG) --libs fuse3)

.PHONY: bench bench-built
bench:
	@scripts/setup --build
	@+$(MAKE) --no-print-directory $(JOBS) bench-built
	@python3 tests/bench/run.py --build $(BUILD) $(BENCH)

bench-built: all $(BENCH_BIN) $(if $(HAVE_PYTHON),python)
