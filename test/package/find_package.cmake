# SPDX-License-Identifier: MIT
# Finds the installed package as a project in LANGUAGE with the components COMPONENTS and OPTIONS for its configuration;
# DEFAULT is what hakmem::hakmem has to be.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")

set(wanted "0.1 CONFIG REQUIRED")
if(COMPONENTS)
    string(APPEND wanted " COMPONENTS ${COMPONENTS}")
endif()
check_consumer(
    "${NAME}" ${DEFAULT}
    -D HOW=find_package
    -D "WANTED=${wanted}"
    -D "USE=${CMAKE_CURRENT_LIST_DIR}/consumer/${USE}"
    -D "CMAKE_PREFIX_PATH=${prefix}"
    ${OPTIONS}
)
