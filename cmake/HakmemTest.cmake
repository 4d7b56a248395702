# SPDX-License-Identifier: MIT
include(GoogleTest)
find_package(Threads REQUIRED)

# Makes the program <name> from GoogleTest suites and adds each of its tests to ctest as <name>.<Suite>.<Test>.
# LABELS is quick (the default: all quick tests together take less than a minute) or slow.
#
#   hakmem_add_test(NAME <name> SOURCES <file>... [LIBRARIES <target>...] [LABELS <label>...])
function(hakmem_add_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;LIBRARIES;LABELS")
    if(arg_UNPARSED_ARGUMENTS OR NOT arg_NAME OR NOT arg_SOURCES)
        message(FATAL_ERROR "hakmem_add_test: NAME and SOURCES are needed; not understood: '${arg_UNPARSED_ARGUMENTS}'")
    endif()
    if(NOT arg_LABELS)
        set(arg_LABELS quick)
    endif()

    add_executable(${arg_NAME} ${arg_SOURCES})
    set_target_properties(
        ${arg_NAME}
        PROPERTIES
            C_STANDARD 11
            C_STANDARD_REQUIRED ON
            CXX_STANDARD 17
            CXX_STANDARD_REQUIRED ON
    )
    target_include_directories(${arg_NAME} PRIVATE "${PROJECT_SOURCE_DIR}/test")
    target_link_libraries(${arg_NAME} PRIVATE ${arg_LIBRARIES} GTest::gtest_main Threads::Threads)
    hakmem_set_warnings(${arg_NAME})
    gtest_discover_tests(
        ${arg_NAME}
        TEST_PREFIX "${arg_NAME}."
        NO_PRETTY_VALUES
        DISCOVERY_MODE PRE_TEST
        DISCOVERY_TIMEOUT 60
        PROPERTIES LABELS "${arg_LABELS}"
    )
endfunction()
