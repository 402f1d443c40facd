# SPDX-License-Identifier: Apache-2.0
# The library and the command.

LIB_FOLDERS := base mem crypto data net format key sign audit engine
LIB_SRC := $(sort $(wildcard $(LIB_FOLDERS:%=src/%/*.c)))
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
# the command sees the public API and base; it has its own copy of base, for the library's is hidden
# (but for err.c, which the library exports)
CLI_FOLDERS := mount run cli
CLI_SRC := $(sort $(wildcard $(CLI_FOLDERS:%=src/%/*.c)) $(filter-out src/base/err.c,$(wildcard src/base/*.c)))
CLI_OBJ := $(CLI_SRC:%.c=$(BUILD)/obj/%.o)

# other flags than last time: build everything again
FLAGS_NOW := $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS)
$(shell mkdir -p $(BUILD); echo '$(FLAGS_NOW)' | cmp -s - $(BUILD)/flags || echo '$(FLAGS_NOW)' > $(BUILD)/flags)

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# all objects as they are, for the tests; what only the command has, too
$(BUILD)/libcoffer-internal.a: $(LIB_OBJ) $(filter $(BUILD)/obj/src/mount/% $(BUILD)/obj/src/run/%,$(CLI_OBJ))
	$(SAY) AR $@
	$(Q)rm -f $@; $(AR) rcs $@ $^

# one object with hidden symbols made local, so that ours cannot collide with the application's
$(BUILD)/libcoffer.a: $(LIB_OBJ)
	$(SAY) AR $@
	$(Q)$(LD) -r -o $(BUILD)/libcoffer.o $^
	$(Q)$(OBJCOPY) --localize-hidden $(BUILD)/libcoffer.o
	$(Q)rm -f $@; $(AR) rcs $@ $(BUILD)/libcoffer.o

# never unloaded: libcurl and jansson keep the addresses of functions of ours (src/mem/wiping.h)
$(BUILD)/libcoffer.so.$(SOVERSION): $(LIB_OBJ) src/libcoffer.map
	$(SAY) LD $@
	$(Q)$(CC) -shared $(ALL_LDFLAGS) -Wl,-soname,libcoffer.so.$(SOVERSION) -Wl,--version-script=src/libcoffer.map \
		-Wl,-z,defs -Wl,-z,nodelete -o $@ $(LIB_OBJ) $(LIBS)

$(BUILD)/libcoffer.so: $(BUILD)/libcoffer.so.$(SOVERSION)
	$(Q)ln -sf $(<F) $@

$(BUILD)/coffer: $(CLI_OBJ) $(BUILD)/libcoffer.a
	$(SAY) LD $@
	$(Q)$(CC) -pie $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d)
