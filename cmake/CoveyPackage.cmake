# SPDX-License-Identifier: BSL-1.0
# What makes find_package(covey) work.

include(CMakePackageConfigHelpers)

set(covey_package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/covey")
configure_package_config_file(cmake/covey-config.cmake.in covey-config.cmake
    INSTALL_DESTINATION "${covey_package_folder}")
write_basic_package_version_file(covey-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/covey-config.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/covey-config-version.cmake"
        DESTINATION "${covey_package_folder}")
if(TARGET covey_cluster)
    install(FILES cmake/FindCAF.cmake DESTINATION "${covey_package_folder}")
endif()
install(EXPORT covey-targets NAMESPACE covey:: DESTINATION "${covey_package_folder}")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
