# SPDX-License-Identifier: MIT
# Configures for 32 bits. No 32-bit C library is needed for that: the compiler's checks only compile.
include("${CMAKE_CURRENT_LIST_DIR}/common.cmake")

make_folder(binary_dir configure_32_bit)
file(WRITE "${binary_dir}/empty.c" "int nothing;\n")
execute_process(
    COMMAND "${c_compiler}" -m32 -c "${binary_dir}/empty.c" -o "${binary_dir}/empty.o"
    RESULT_VARIABLE result
    ERROR_VARIABLE reason
)
if(NOT result EQUAL 0)
    message("skipped: ${c_compiler} does not make 32-bit code: ${reason}")
    return()
endif()
configure_command(
    configure "${source_dir}" "${binary_dir}"
    -D CMAKE_C_FLAGS=-m32
    -D CMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY
)
run_refused("hakmem needs a 64-bit target; pointers of this one have 4 bytes" ${configure})
