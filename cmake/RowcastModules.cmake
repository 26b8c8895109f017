# How the project's libraries, programs and tests are declared.

add_library(project_options INTERFACE)
target_compile_features(project_options INTERFACE c_std_17)
target_include_directories(project_options INTERFACE ${CMAKE_CURRENT_SOURCE_DIR}/src)
target_compile_definitions(project_options INTERFACE _GNU_SOURCE ROWCAST_VERSION="${PROJECT_VERSION}")
target_compile_options(project_options INTERFACE
    -std=gnu17 -fno-omit-frame-pointer -fno-common
    -Wall -Wextra -Wshadow -Wvla -Wundef -Wcast-qual -Wpointer-arith -Wstrict-prototypes
    -Wmissing-prototypes -Wwrite-strings -Wformat=2 -Wimplicit-fallthrough -Wswitch-enum)
if(ROWCAST_WERROR)
    target_compile_options(project_options INTERFACE -Werror)
endif()
if(ROWCAST_SANITIZE)
    target_compile_options(project_options INTERFACE -fsanitize=${ROWCAST_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(project_options INTERFACE -fsanitize=${ROWCAST_SANITIZE})
elseif(CMAKE_BUILD_TYPE MATCHES "Rel")
    target_compile_options(project_options INTERFACE -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
    target_link_options(project_options INTERFACE -Wl,-z,relro,-z,now)
endif()
if(ROWCAST_COVERAGE)
    target_compile_options(project_options INTERFACE --coverage)
    target_link_options(project_options INTERFACE --coverage)
endif()
if(ROWCAST_FUZZ)
    target_compile_options(project_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# One library per room. USES is the dependency rule: the room's unit tests link no more than that.
function(add_module name)
    cmake_parse_arguments(M "" "" "SOURCES;USES" ${ARGN})
    add_library(${name} STATIC ${M_SOURCES})
    target_link_libraries(${name} PUBLIC project_options ${M_USES})
endfunction()

# A Criterion program. It exits 0 even when a test leaked, hence the property.
function(add_unit_test module file)
    if(ROWCAST_SANITIZE MATCHES "thread")
        return() # Criterion does not start under ThreadSanitizer; tests/threads has plain programs
    endif()
    cmake_parse_arguments(T "" "" "LIBS" ${ARGN})
    add_executable(${file} ${file}.c)
    target_link_libraries(${file} PRIVATE ${module} ${T_LIBS} PkgConfig::CRITERION)
    add_test(NAME unit.${module}.${file} COMMAND ${file})
    set_tests_properties(unit.${module}.${file} PROPERTIES LABELS unit TIMEOUT 300
                         FAIL_REGULAR_EXPRESSION "ERROR: LeakSanitizer")
endfunction()
