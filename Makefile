# The front of the build. CMake does the work; presets are in CMakePresets.json.

.PHONY: all test bench clean

# An optimised build/rowcast. Tests and benchmarks are built when asked for.
all: build/build.ninja
	ninja -C build rowcast

build/build.ninja:
	cmake --preset release

# What CI runs.
test:
	scripts/test

# The figures of bench/README.md, measured here: JSON lines and a table.
bench: all
	bench/run

clean:
	rm -rf build build-dev build-tsan build-fuzz build-coverage build-clang
