# SPDX-License-Identifier: Apache-2.0
# Tests: each tests/unit/NOUN.c is one cmocka program over the internal objects.

UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libcoffer-internal.a $(BUILD)/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -Itests -o $@ $< $(BUILD)/libcoffer-internal.a $(ALL_LDFLAGS) -lcmocka $(LIBS)

-include $(UNIT_BIN:=.d)

.PHONY: setup check unit format
setup:
	scripts/setup

unit: $(UNIT_BIN)
	@for t in $(UNIT_BIN); do echo "== $$t"; $$t || exit 1; done

FORMATTED := $(wildcard include/coffer/*.h src/*/*.[ch] tests/*/*.[ch] examples/*.c)
format:
	clang-format -i $(FORMATTED)
