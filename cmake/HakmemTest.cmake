# SPDX-License-Identifier: MIT
include(GoogleTest)
find_package(Threads REQUIRED)

# GoogleTest's header is half of what there is to read in most suites, so it is compiled once.
add_library(hakmem_test_header OBJECT "${CMAKE_CURRENT_LIST_DIR}/test_header.cpp")
target_precompile_headers(hakmem_test_header PRIVATE <gtest/gtest.h> <algorithm> <atomic> <random> <thread> <vector>)

# The library is what is tested, and a suite is compiled for longer than it runs, so suites are hardly optimized, and
# not at all by the presets of the sanitizers. Given OPTIONS, a target has these instead.
function(hakmem_set_suite_properties target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "OPTIONS")
    set_target_properties(
        ${target}
        PROPERTIES
            C_STANDARD 11
            C_STANDARD_REQUIRED ON
            CXX_STANDARD 17
            CXX_STANDARD_REQUIRED ON
    )
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/test")
    target_link_libraries(${target} PRIVATE GTest::gtest Threads::Threads)
    hakmem_set_warnings(${target})
    if(arg_OPTIONS)
        target_compile_options(${target} PRIVATE ${arg_OPTIONS})
    else()
        target_compile_options(${target} PRIVATE "$<$<CONFIG:Release>:-O1>")
        get_target_property(sources ${target} SOURCES)
        list(FILTER sources INCLUDE REGEX "\\.c$")
        set_source_files_properties(${sources} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
        target_precompile_headers(${target} REUSE_FROM hakmem_test_header)
    endif()
endfunction()

hakmem_set_suite_properties(hakmem_test_header OPTIONS "$<$<CONFIG:Release>:-O1>")

# Compiles files that more than one program is to take: as $<TARGET_OBJECTS:<name>> among its SOURCES.
#
#   hakmem_add_suites(<name> SOURCES <file>... [OPTIONS <compiler's option>...])
function(hakmem_add_suites name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;OPTIONS")
    add_library(${name} OBJECT ${arg_SOURCES})
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/include")
    hakmem_set_suite_properties(${name} OPTIONS ${arg_OPTIONS})
endfunction()

# Makes the program <name> from GoogleTest suites and adds each of its tests to ctest as <name>.<Suite>.<Test>.
# LABELS is quick (the default: all quick tests together take less than a minute) or slow.
#
#   hakmem_add_test(NAME <name> SOURCES <file>... [LIBRARIES <target>...] [LABELS <label>...]
#                   [OPTIONS <compiler's option>...])
function(hakmem_add_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;LIBRARIES;LABELS;OPTIONS")
    if(arg_UNPARSED_ARGUMENTS OR NOT arg_NAME OR NOT arg_SOURCES)
        message(FATAL_ERROR "hakmem_add_test: NAME and SOURCES are needed; not understood: '${arg_UNPARSED_ARGUMENTS}'")
    endif()
    if(NOT arg_LABELS)
        set(arg_LABELS quick)
    endif()

    add_executable(${arg_NAME} ${arg_SOURCES})
    hakmem_set_suite_properties(${arg_NAME} OPTIONS ${arg_OPTIONS})
    target_link_libraries(${arg_NAME} PRIVATE ${arg_LIBRARIES} GTest::gtest_main)
    gtest_discover_tests(
        ${arg_NAME}
        TEST_PREFIX "${arg_NAME}."
        NO_PRETTY_VALUES
        DISCOVERY_MODE PRE_TEST
        DISCOVERY_TIMEOUT 60
        PROPERTIES LABELS "${arg_LABELS}"
    )
endfunction()
