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

foreach(extension IN ITEMS c cpp)
    set(compiler "${c_compiler}")
    if(extension STREQUAL "cpp")
        set(compiler "${cxx_compiler}")
    endif()
    set(source "${CMAKE_CURRENT_LIST_DIR}/consumer/use.${extension}")

    run(flags "${pkg_config}" --cflags --libs hakmem)
    separate_arguments(flags UNIX_COMMAND "${flags}")
    run(ignored "${compiler}" "${source}" -o "${folder}/${extension}_shared" ${flags})
    check_program("${folder}/${extension}_shared" shared)

    run(flags "${pkg_config}" --static --cflags --libs hakmem)
    separate_arguments(flags UNIX_COMMAND "${flags}")
    run(ignored "${compiler}" -static "${source}" -o "${folder}/${extension}_static" ${flags})
    check_program("${folder}/${extension}_static" static)
endforeach()
