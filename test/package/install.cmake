# SPDX-License-Identifier: MIT
# Installs for the other tests, each component by itself, and compares what is there with what belongs there.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")

# Stops unless the files below <folder> are those named.
function(check_files folder)
    file(GLOB_RECURSE found RELATIVE "${folder}" "${folder}/*")
    set(wanted ${ARGN})
    list(SORT found)
    list(SORT wanted)
    if(NOT found STREQUAL wanted)
        list(JOIN found "\n  " found)
        list(JOIN wanted "\n  " wanted)
        message(FATAL_ERROR "${folder} holds\n  ${found}\ninstead of\n  ${wanted}")
    endif()
endfunction()

# Nothing installed may depend on where it was built.
function(check_for_build_paths folder)
    file(GLOB_RECURSE files "${folder}/*")
    foreach(file IN LISTS files)
        file(READ "${file}" content HEX)
        foreach(path IN ITEMS "${source_dir}" "${build_dir}")
            string(HEX "${path}" path_in_hex)
            string(FIND "${content}" "${path_in_hex}" position)
            if(NOT position EQUAL -1)
                message(SEND_ERROR "${file} names ${path}")
            endif()
        endforeach()
    endforeach()
endfunction()

file(GLOB headers RELATIVE "${source_dir}/include" "${source_dir}/include/hakmem/*.h")
list(TRANSFORM headers PREPEND "${includedir}/")
string(TOLOWER "${CONFIG}" config)
set(runtime
    "${libdir}/libhakmem.so.0"
    "${libdir}/libhakmem.so.${version}"
    "${libdir}/libhakmem_malloc.so.0"
    "${libdir}/libhakmem_malloc.so.${version}"
    "${docdir}/LICENSE"
)
set(development
    ${headers}
    "${libdir}/libhakmem.a"
    "${libdir}/libhakmem.so"
    "${libdir}/libhakmem_malloc.a"
    "${libdir}/libhakmem_malloc.so"
    "${libdir}/cmake/hakmem/hakmemConfig.cmake"
    "${libdir}/cmake/hakmem/hakmemConfigVersion.cmake"
    "${libdir}/cmake/hakmem/hakmemTargets-shared.cmake"
    "${libdir}/cmake/hakmem/hakmemTargets-shared-${config}.cmake"
    "${libdir}/cmake/hakmem/hakmemTargets-static.cmake"
    "${libdir}/cmake/hakmem/hakmemTargets-static-${config}.cmake"
    "${libdir}/pkgconfig/hakmem.pc"
    "${libdir}/pkgconfig/hakmem-malloc.pc"
    "${docdir}/LICENSE"
)

set(tools "${bindir}/hakmem-run")

foreach(component IN ITEMS Runtime Development Tools)
    string(TOLOWER ${component} files)
    make_folder(folder ${files})
    run(ignored "${CMAKE_COMMAND}" --install "${build_dir}" --config "${CONFIG}" --component ${component} --prefix "${folder}")
    check_files("${folder}" ${${files}})
endforeach()

make_folder(folder prefix)
run(ignored "${CMAKE_COMMAND}" --install "${build_dir}" --config "${CONFIG}" --prefix "${prefix}")
set(all ${runtime} ${development} ${tools})
list(REMOVE_DUPLICATES all)
check_files("${prefix}" ${all})
check_for_build_paths("${prefix}")
