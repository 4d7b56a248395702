# SPDX-License-Identifier: MIT
# The build options. All are on at top level and off in a subproject. Tests and benchmarks need a library that may be
# missing, so their default is AUTO: on at top level where that library is found. ON makes a missing library an error.
option(HAKMEM_BUILD_TOOLS "Build the programs beside the library" ${PROJECT_IS_TOP_LEVEL})
option(HAKMEM_INSTALL "Install the library and its CMake and pkg-config files" ${PROJECT_IS_TOP_LEVEL})
set(HAKMEM_BUILD_TESTING AUTO CACHE STRING "Build the tests, which need GoogleTest (AUTO, ON, OFF)")
set(HAKMEM_BUILD_BENCHMARKS AUTO CACHE STRING "Build the benchmarks, which need Google Benchmark (AUTO, ON, OFF)")
set_property(CACHE HAKMEM_BUILD_TESTING HAKMEM_BUILD_BENCHMARKS PROPERTY STRINGS AUTO ON OFF)

if(PROJECT_IS_TOP_LEVEL)
    get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
    if(NOT multi_config AND NOT CMAKE_BUILD_TYPE)
        set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
    endif()
endif()

# Sanitizers and coverage come from the presets alone; what they put into the objects is not ours to check.
set(hakmem_is_instrumented FALSE)
if(CMAKE_C_FLAGS MATCHES "-fsanitize|--coverage")
    set(hakmem_is_instrumented TRUE)
endif()

# Makes <option> plain ON or OFF, and finds <package> if it is ON. A macro, because languages are enabled at file scope.
macro(hakmem_resolve_option option package debian_package)
    set(hakmem_wish "${${option}}")
    if(hakmem_wish STREQUAL "AUTO")
        set(${option} ${PROJECT_IS_TOP_LEVEL})
    endif()
    if(${option})
        include(CheckLanguage)
        if(NOT CMAKE_CXX_COMPILER) # a compiler that was missing the last time may be there now
            unset(CMAKE_CXX_COMPILER CACHE)
        endif()
        check_language(CXX)
        if(CMAKE_CXX_COMPILER)
            enable_language(CXX)
            find_package(${package} QUIET)
        endif()
        if(${package}_FOUND)
            set(${option} ON)
        elseif(hakmem_wish STREQUAL "AUTO")
            message(STATUS "hakmem: ${package} for C++ was not found, so ${option} is OFF")
            set(${option} OFF)
        else()
            message(
                FATAL_ERROR
                "hakmem: ${option} is ${hakmem_wish}, but ${package} for C++ was not found.\n"
                "Install it (Debian: apt-get install g++ ${debian_package}) or set ${option} to OFF."
            )
        endif()
    endif()
endmacro()

hakmem_resolve_option(HAKMEM_BUILD_TESTING GTest libgtest-dev)
hakmem_resolve_option(HAKMEM_BUILD_BENCHMARKS benchmark libbenchmark-dev)
