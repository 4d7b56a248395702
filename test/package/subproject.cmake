# SPDX-License-Identifier: MIT
# Takes the source tree into a project by HOW with OPTIONS for its configuration; DEFAULT is what hakmem::hakmem has to be.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")

check_consumer("${NAME}" ${DEFAULT} -D "HOW=${HOW}" -D "USE=${CMAKE_CURRENT_LIST_DIR}/consumer/${USE}" ${OPTIONS})

make_folder(folder "${NAME}.installed")
run(ignored "${CMAKE_COMMAND}" --install "${binary_dir}" --config "${CONFIG}" --prefix "${folder}")
file(GLOB_RECURSE installed "${folder}/*")
if(installed)
    message(FATAL_ERROR "as a subproject hakmem installs ${installed}")
endif()
run(tests "${CMAKE_CTEST_COMMAND}" --test-dir "${binary_dir}" --show-only)
if(NOT tests MATCHES "Total Tests: 0")
    message(FATAL_ERROR "as a subproject hakmem adds tests:\n${tests}")
endif()
