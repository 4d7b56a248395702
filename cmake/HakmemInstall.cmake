# SPDX-License-Identifier: MIT
# Runtime: what a finished program needs. Development: what building one needs. Tools: programs.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/hakmem")
set(config_file "${CMAKE_CURRENT_BINARY_DIR}/hakmemConfig.cmake")
set(version_file "${CMAKE_CURRENT_BINARY_DIR}/hakmemConfigVersion.cmake")

set(targets_static hakmem_static hakmem_malloc_static)
set(targets_shared hakmem_shared hakmem_malloc_shared hakmem_malloc_shared_kept)
foreach(flavour IN ITEMS static shared)
    install(
        TARGETS ${targets_${flavour}}
        EXPORT hakmemTargets-${flavour}
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT Development
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT Runtime NAMELINK_COMPONENT Development
        INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    )
    install(
        EXPORT hakmemTargets-${flavour}
        NAMESPACE hakmem::
        DESTINATION "${package_dir}"
        COMPONENT Development
    )
endforeach()
install(
    DIRECTORY "${PROJECT_SOURCE_DIR}/include/hakmem"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    COMPONENT Development
    FILES_MATCHING PATTERN "*.h"
)

configure_package_config_file(
    "${PROJECT_SOURCE_DIR}/cmake/hakmemConfig.cmake.in" "${config_file}"
    INSTALL_DESTINATION "${package_dir}"
    NO_SET_AND_CHECK_MACRO
)
write_basic_package_version_file("${version_file}" COMPATIBILITY SameMinorVersion)
install(FILES "${config_file}" "${version_file}" DESTINATION "${package_dir}" COMPONENT Development)

# With a relative library directory the .pc files find the prefix from where they lie themselves; an absolute one is meant
# as it is.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
    file(RELATIVE_PATH way_up "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
    set(pc_prefix "\${pcfiledir}/${way_up}")
endif()
cmake_path(APPEND pc_libdir "\${prefix}" "${CMAKE_INSTALL_LIBDIR}")
cmake_path(APPEND pc_includedir "\${prefix}" "${CMAKE_INSTALL_INCLUDEDIR}")
foreach(name IN ITEMS hakmem hakmem-malloc)
    set(pc_file "${CMAKE_CURRENT_BINARY_DIR}/${name}.pc")
    configure_file("${PROJECT_SOURCE_DIR}/cmake/${name}.pc.in" "${pc_file}" @ONLY)
    install(FILES "${pc_file}" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT Development)
endforeach()

foreach(component IN ITEMS Runtime Development)
    install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT ${component})
endforeach()
