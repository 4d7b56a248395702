# SPDX-License-Identifier: MIT
# A box is a folder below src/ and an object library. Its public face is <box>.h, <box>_types.h, <box>_hot.h and
# HEADERS; its other headers are its own. NEEDS are the boxes whose public face its files may include; a box is added
# after those it needs, so the layers cannot form a circle. The test meta.include_graph holds the files to it.
#
#   hakmem_add_box(<box> SOURCES <file>... [HEADERS <file>...] [NEEDS <box>...])
#
# Boxes do not link each other: a test links exactly those it wants, and may put a fake in the place of one.
function(hakmem_add_box box)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;HEADERS;NEEDS")
    if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
        message(FATAL_ERROR "hakmem_add_box(${box}): SOURCES are needed; not understood: '${arg_UNPARSED_ARGUMENTS}'")
    endif()
    foreach(need IN LISTS arg_NEEDS)
        if(NOT TARGET hakmem_${need})
            message(FATAL_ERROR "hakmem_add_box(${box}): there is no box '${need}' below it")
        endif()
    endforeach()

    add_library(hakmem_${box} OBJECT ${arg_SOURCES})
    add_library(hakmem::${box} ALIAS hakmem_${box})
    hakmem_set_box_properties(hakmem_${box})

    list(APPEND arg_HEADERS ${box}.h ${box}_types.h ${box}_hot.h)
    list(JOIN arg_HEADERS " " headers)
    list(JOIN arg_NEEDS " " needs)
    set_property(GLOBAL APPEND PROPERTY hakmem_boxes ${box})
    set_property(GLOBAL APPEND_STRING PROPERTY hakmem_box_graph "${box}: ${headers}: ${needs}\n")
endfunction()

function(hakmem_set_box_properties target)
    target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/include")
    set_target_properties(
        ${target}
        PROPERTIES
            C_STANDARD 11
            C_STANDARD_REQUIRED ON
            C_EXTENSIONS OFF
            C_VISIBILITY_PRESET hidden
            POSITION_INDEPENDENT_CODE ON
    )
    hakmem_set_library_flags(${target})
    if(PROJECT_IS_TOP_LEVEL)
        hakmem_set_warnings(${target})
    endif()
endfunction()

# The compiler must not take hakmem for the malloc whose functions it knows, nor leave hakmem's calls to its own public
# functions open to be replaced. The figures of hakmem are those of -O2, which is what Release means here.
function(hakmem_set_library_flags target)
    set(builtins malloc calloc realloc free aligned_alloc posix_memalign strdup strndup)
    list(TRANSFORM builtins PREPEND "-fno-builtin-")
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
    target_compile_options(
        ${target}
        PRIVATE
            ${builtins}
            -fno-semantic-interposition
            "-ffile-prefix-map=${PROJECT_SOURCE_DIR}=."
            "$<$<CONFIG:Release>:-O2>"
    )
endfunction()

function(hakmem_set_warnings target)
    target_compile_options(
        ${target}
        PRIVATE
            -Wall
            -Wextra
            -Wshadow
            -Wconversion
            "$<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes;-Wmissing-prototypes;-Werror=implicit>"
    )
endfunction()

# One line for each box, from the bottom up: its name, its public headers, the boxes it needs.
function(hakmem_write_box_graph path)
    get_property(graph GLOBAL PROPERTY hakmem_box_graph)
    file(CONFIGURE OUTPUT "${path}" CONTENT "${graph}" @ONLY)
endfunction()
