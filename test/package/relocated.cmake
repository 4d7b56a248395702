# SPDX-License-Identifier: MIT
# Moves an installed package to another place and uses it there, by find_package and by pkg-config.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")

make_folder(from relocated/from)
run(ignored "${CMAKE_COMMAND}" --install "${build_dir}" --config "${CONFIG}" --prefix "${from}")
set(to "${work_dir}/relocated/to/another place")
file(REMOVE_RECURSE "${to}")
file(MAKE_DIRECTORY "${work_dir}/relocated/to")
file(RENAME "${from}" "${to}")

check_consumer(
    relocated/find_package shared
    -D HOW=find_package
    -D "WANTED=0.1 CONFIG REQUIRED"
    -D "USE=${CMAKE_CURRENT_LIST_DIR}/consumer/use.c"
    -D "CMAKE_PREFIX_PATH=${to}"
)

set(ENV{PKG_CONFIG_PATH} "${to}/${libdir}/pkgconfig")
foreach(variable IN ITEMS libdir includedir)
    run(path "${pkg_config}" --variable=${variable} hakmem)
    string(STRIP "${path}" path)
    string(REPLACE "\\ " " " path "${path}")
    cmake_path(NORMAL_PATH path)
    if(NOT path STREQUAL "${to}/${${variable}}")
        message(FATAL_ERROR "pkg-config says ${variable}=${path} instead of ${to}/${${variable}}")
    endif()
endforeach()
