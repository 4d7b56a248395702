# SPDX-License-Identifier: MIT
# What the package tests share. Each is run as: cmake -D SETTINGS=<file> -D CONFIG=<configuration> ... -P <test>.cmake
cmake_minimum_required(VERSION 3.25)
include("${SETTINGS}")

# Runs a command that has to succeed; <out> gets what it printed.
function(run out)
    execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(NOT result EQUAL 0)
        list(JOIN ARGN " " command)
        message(FATAL_ERROR "${command}\ngave ${result}:\n${output}")
    endif()
    set(${out} "${output}" PARENT_SCOPE)
endfunction()

# Runs a command that has to fail, saying something that matches <pattern>; how the lines are broken does not matter.
function(run_refused pattern)
    execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
    string(REGEX REPLACE "[ \n]+" " " text "${output}")
    if(result EQUAL 0 OR NOT text MATCHES "${pattern}")
        list(JOIN ARGN " " command)
        message(FATAL_ERROR "${command}\ngave ${result}, not an error with '${pattern}':\n${output}")
    endif()
endfunction()

# Sets <out> to a new empty folder.
function(make_folder out name)
    file(REMOVE_RECURSE "${work_dir}/${name}")
    file(MAKE_DIRECTORY "${work_dir}/${name}")
    set(${out} "${work_dir}/${name}" PARENT_SCOPE)
endfunction()

# Sets <out> to the command that configures the project in <folder>, to be built in <binary_dir>.
function(configure_command out folder binary_dir)
    set(${out}
        "${CMAKE_COMMAND}" -S "${folder}" -B "${binary_dir}" -G "${generator}"
        -D "CMAKE_C_COMPILER=${c_compiler}" -D "CMAKE_CXX_COMPILER=${cxx_compiler}" -D "CMAKE_BUILD_TYPE=${CONFIG}"
        -D "VERSION=${version}" -D "SOURCE=${source_dir}"
        ${ARGN}
        PARENT_SCOPE
    )
endfunction()

# Stops unless <program> works and takes hakmem from the library of <flavour>, or that of the drop-in if its name says so.
function(check_program program flavour)
    set(name hakmem)
    if(program MATCHES "_malloc")
        set(name hakmem_malloc)
    endif()
    run(ignored "${program}" "${version}")
    run(dynamic "${readelf}" --dynamic "${program}")
    set(found static)
    if(dynamic MATCHES "NEEDED[^\n]*lib${name}\\.so\\.0")
        set(found shared)
    endif()
    if(NOT found STREQUAL flavour)
        message(FATAL_ERROR "${program} uses the ${found} library, not the ${flavour} one")
    endif()
endfunction()

# Builds the project consumer/ with more arguments for its configuration, and checks its programs; <default> is the
# flavour that hakmem::hakmem has to be. Sets binary_dir.
function(check_consumer name default)
    make_folder(binary_dir "${name}")
    configure_command(configure "${CMAKE_CURRENT_LIST_DIR}/consumer" "${binary_dir}" ${ARGN})
    run(ignored ${configure})
    run(ignored "${CMAKE_COMMAND}" --build "${binary_dir}" --config "${CONFIG}")
    check_program("${binary_dir}/with_hakmem" ${default})
    check_program("${binary_dir}/with_static" static)
    check_program("${binary_dir}/with_shared" shared)
    check_program("${binary_dir}/with_malloc" ${default})
    check_program("${binary_dir}/with_malloc_static" static)
    check_program("${binary_dir}/with_malloc_shared" shared)
    set(binary_dir "${binary_dir}" PARENT_SCOPE)
endfunction()
