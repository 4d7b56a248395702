# SPDX-License-Identifier: MIT
# What cannot be had is said in words.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")

# find_package(hakmem <wanted>), in the package at <place>, has to fail with a text that matches <pattern>.
function(check_not_found pattern place wanted)
    make_folder(binary_dir refusals/build)
    configure_command(
        configure "${CMAKE_CURRENT_LIST_DIR}/consumer" "${binary_dir}"
        -D HOW=find_package
        -D "WANTED=${wanted}"
        -D "USE=${CMAKE_CURRENT_LIST_DIR}/consumer/use.c"
        -D "CMAKE_PREFIX_PATH=${place}"
        ${ARGN}
    )
    run_refused("${pattern}" ${configure})
endfunction()

check_not_found("hakmemConfig.cmake, version: ${version}" "${prefix}" "0.0 CONFIG REQUIRED")
check_not_found("hakmemConfig.cmake, version: ${version}" "${prefix}" "0.2 CONFIG REQUIRED")
check_not_found("hakmemConfig.cmake, version: ${version}" "${prefix}" "1.0 CONFIG REQUIRED")
check_not_found(
    "hakmem has no component 'dynamic'; it has: static, shared" "${prefix}" "0.1 CONFIG REQUIRED COMPONENTS dynamic"
)
check_not_found(
    "hakmem::hakmem is hakmem::shared here already" "${prefix}" "0.1 CONFIG REQUIRED COMPONENTS shared"
    -D "WANTED_THEN=0.1 CONFIG REQUIRED COMPONENTS static"
)

# A package of the shared library alone.
make_folder(shared_alone refusals/shared_alone)
file(COPY "${prefix}/" DESTINATION "${shared_alone}")
file(GLOB static_files "${shared_alone}/${libdir}/cmake/hakmem/hakmemTargets-static*")
file(REMOVE ${static_files})
check_not_found(
    "The static library of hakmem is not installed here" "${shared_alone}" "0.1 CONFIG REQUIRED COMPONENTS static"
)

# A platform that hakmem does not run on.
set(good -D CMAKE_SYSTEM_NAME=Linux -D CMAKE_SIZEOF_VOID_P=8 -D CMAKE_C_BYTE_ORDER=LITTLE_ENDIAN)
set(check -P "${source_dir}/cmake/HakmemPlatform.cmake")
run(ignored "${CMAKE_COMMAND}" ${good} ${check})
run_refused("hakmem runs on Linux only" "${CMAKE_COMMAND}" ${good} -D CMAKE_SYSTEM_NAME=Darwin ${check})
run_refused("hakmem needs a 64-bit target" "${CMAKE_COMMAND}" ${good} -D CMAKE_SIZEOF_VOID_P=4 ${check})
run_refused("hakmem needs a little-endian target" "${CMAKE_COMMAND}" ${good} -D CMAKE_C_BYTE_ORDER=BIG_ENDIAN ${check})
