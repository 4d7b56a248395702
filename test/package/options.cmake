# SPDX-License-Identifier: MIT
# Configures hakmem itself: parts whose library is missing, and install folders that are absolute paths.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")

function(configure_hakmem)
    make_folder(binary_dir options)
    configure_command(configure "${source_dir}" "${binary_dir}" -D HAKMEM_BUILD_TOOLS=OFF ${ARGN})
    set(configure ${configure} PARENT_SCOPE)
endfunction()

set(missing -D CMAKE_DISABLE_FIND_PACKAGE_GTest=ON -D CMAKE_DISABLE_FIND_PACKAGE_benchmark=ON)
configure_hakmem(${missing})
run(output ${configure})
foreach(line IN ITEMS
    "GTest for C\\+\\+ was not found, so HAKMEM_BUILD_TESTING is OFF"
    "benchmark for C\\+\\+ was not found, so HAKMEM_BUILD_BENCHMARKS is OFF"
)
    if(NOT output MATCHES "${line}")
        message(FATAL_ERROR "no line '${line}' in\n${output}")
    endif()
endforeach()

configure_hakmem(${missing} -D HAKMEM_BUILD_TESTING=ON)
run_refused("HAKMEM_BUILD_TESTING is ON, but GTest for C\\+\\+ was not found" ${configure})
configure_hakmem(${missing} -D HAKMEM_BUILD_BENCHMARKS=ON)
run_refused("HAKMEM_BUILD_BENCHMARKS is ON, but benchmark for C\\+\\+ was not found" ${configure})

set(nothing_more -D HAKMEM_BUILD_TESTING=OFF -D HAKMEM_BUILD_BENCHMARKS=OFF)
configure_hakmem(${nothing_more} -D CMAKE_INSTALL_LIBDIR=/opt/lib -D CMAKE_INSTALL_INCLUDEDIR=/opt/headers)
run(ignored ${configure})
set(ENV{PKG_CONFIG_PATH} "${work_dir}/options")
run(flags "${pkg_config}" --cflags --libs hakmem)
string(STRIP "${flags}" flags)
if(NOT flags STREQUAL "-I/opt/headers -L/opt/lib -lhakmem")
    message(FATAL_ERROR "pkg-config says '${flags}' for absolute folders")
endif()
