# SPDX-License-Identifier: Apache-2.0
# The Python package: `make python` builds it in place under build/python, `make wheel` makes a wheel.  Both need the
# headers of Python (python3-dev); the extension uses the limited API, so one of them serves every Python from 3.11 on.

# the one of the system, whose headers and NumPy packages bring
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
PYTHON_CPPFLAGS = $(addprefix -isystem ,$(shell $(PYTHON) -c 'import sysconfig as s; p = s.get_paths(); print(p["include"], p["platinclude"])' 2>/dev/null))
# tests are run where the headers are not, too, and say so
HAVE_PYTHON := $(if $(CROSS),,$(shell echo '#include <Python.h>' | $(CC) -E -x c $(PYTHON_CPPFLAGS) - >/dev/null 2>&1 && echo 1))
PYTHON_SRC := $(wildcard python/coffer/*.py python/coffer/*.pyi python/coffer/py.typed)
PYTHON_OUT := $(PYTHON_SRC:python/%=$(BUILD)/python/%)
PYTHON_EXT := $(BUILD)/python/coffer/_native.abi3.so

$(BUILD)/obj/python/%.o: python/%.c $(BUILD)/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Iinclude $(PYTHON_CPPFLAGS) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# its symbols but the one that Python looks for stay inside
$(PYTHON_EXT): $(BUILD)/obj/python/coffer/_native.o $(BUILD)/libcoffer.a
	$(SAY) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) -shared $(ALL_LDFLAGS) -Wl,--exclude-libs,ALL -Wl,-z,nodelete -o $@ $^ $(LIBS)

$(BUILD)/python/%: python/%
	@mkdir -p $(@D)
	$(Q)cp $< $@

-include $(BUILD)/obj/python/coffer/_native.d

.PHONY: python wheel
python: $(PYTHON_EXT) $(PYTHON_OUT)

# with what this system has, from nowhere else
wheel: python
	$(SAY) WHEEL $(BUILD)/wheel
	$(Q)rm -rf $(BUILD)/wheel
	$(Q)COFFER_NATIVE=$(abspath $(PYTHON_EXT)) $(PYTHON) -m pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps --no-index -w $(BUILD)/wheel .
