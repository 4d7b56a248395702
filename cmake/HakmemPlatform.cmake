# SPDX-License-Identifier: MIT
# Refuses what hakmem does not run on. It reads only variables that CMake sets, so a test can run it as a script.
if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
    message(FATAL_ERROR "hakmem runs on Linux only; this build is for '${CMAKE_SYSTEM_NAME}'.")
endif()
if(NOT CMAKE_SIZEOF_VOID_P EQUAL 8)
    message(FATAL_ERROR "hakmem needs a 64-bit target; pointers of this one have ${CMAKE_SIZEOF_VOID_P} bytes.")
endif()
if(NOT CMAKE_C_BYTE_ORDER STREQUAL "LITTLE_ENDIAN")
    message(FATAL_ERROR "hakmem needs a little-endian target; this one is '${CMAKE_C_BYTE_ORDER}'.")
endif()
