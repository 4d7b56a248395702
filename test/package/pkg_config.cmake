# SPDX-License-Identifier: MIT
# Compiles both programs with the flags of pkg-config, for the shared library and for a wholly static program.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")

set(ENV{PKG_CONFIG_PATH} "${prefix}/${libdir}/pkgconfig")
set(ENV{LD_LIBRARY_PATH} "${prefix}/${libdir}")
make_folder(folder "${NAME}")
run(found "${pkg_config}" --modversion hakmem)
string(STRIP "${found}" found)
if(NOT found STREQUAL version)
    message(FATAL_ERROR "pkg-config says version '${found}' instead of '${version}'")
endif()

# compile_and_check(<program> <compiler> <source> <flavour> <module> [flag]...)
function(compile_and_check program compiler source flavour module)
    set(static "")
    if(flavour STREQUAL "static")
        set(static --static)
    endif()
    run(flags "${pkg_config}" ${static} --cflags --libs ${module})
    separate_arguments(flags UNIX_COMMAND "${flags}")
    run(ignored "${compiler}" ${ARGN} "${source}" -o "${folder}/${program}_${flavour}" ${flags})
    check_program("${folder}/${program}_${flavour}" ${flavour})
endfunction()

foreach(extension IN ITEMS c cpp)
    set(compiler "${c_compiler}")
    if(extension STREQUAL "cpp")
        set(compiler "${cxx_compiler}")
    endif()
    set(source "${CMAKE_CURRENT_LIST_DIR}/consumer/use.${extension}")

    compile_and_check(${extension} "${compiler}" "${source}" shared hakmem)
    compile_and_check(${extension} "${compiler}" "${source}" static hakmem -static)

    set(source "${CMAKE_CURRENT_LIST_DIR}/consumer/one_heap.${extension}")
    compile_and_check(${extension}_malloc "${compiler}" "${source}" shared hakmem-malloc -Wl,--as-needed)
    compile_and_check(${extension}_malloc "${compiler}" "${source}" static hakmem-malloc -static)
endforeach()
