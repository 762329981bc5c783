# SPDX-License-Identifier: BSL-1.0
# The C++ Actor Framework: find_package(CAF COMPONENTS core io openssl) makes CAF::core, CAF::io and
# CAF::openssl, under the names that CAF's own CMake package has had since 0.18, which is asked first.
# Debian's libcaf-dev (0.17.6) ships headers and libraries only. Sets CAF_VERSION to 0.17.6.

include(FindPackageHandleStandardArgs)

if(NOT CAF_FIND_COMPONENTS)
    set(CAF_FIND_COMPONENTS core)
endif()

find_package(CAF CONFIG QUIET COMPONENTS ${CAF_FIND_COMPONENTS})
if(CAF_FOUND)
    find_package_handle_standard_args(CAF CONFIG_MODE)
    return()
endif()

find_path(CAF_INCLUDE_DIR caf/config.hpp)
mark_as_advanced(CAF_INCLUDE_DIR)

# 1706 is 0.17.6, 10100 is 1.1.0. The number moved between headers.
set(CAF_VERSION "")
foreach(header caf/config.hpp caf/detail/build_config.hpp)
    if(CAF_INCLUDE_DIR AND EXISTS "${CAF_INCLUDE_DIR}/${header}")
        file(STRINGS "${CAF_INCLUDE_DIR}/${header}" line REGEX "^#define CAF_VERSION [0-9]+$")
        if(line MATCHES "([0-9]+)$")
            math(EXPR major "${CMAKE_MATCH_1} / 10000")
            math(EXPR minor "${CMAKE_MATCH_1} / 100 % 100")
            math(EXPR patch "${CMAKE_MATCH_1} % 100")
            set(CAF_VERSION "${major}.${minor}.${patch}")
        endif()
    endif()
endforeach()

foreach(component IN LISTS CAF_FIND_COMPONENTS)
    find_library(CAF_${component}_LIBRARY caf_${component})
    mark_as_advanced(CAF_${component}_LIBRARY)
    if(CAF_INCLUDE_DIR AND CAF_${component}_LIBRARY)
        set(CAF_${component}_FOUND TRUE)
    endif()
endforeach()

find_package_handle_standard_args(CAF
    REQUIRED_VARS CAF_INCLUDE_DIR CAF_VERSION VERSION_VAR CAF_VERSION HANDLE_COMPONENTS)

if(CAF_FOUND)
    find_package(Threads REQUIRED)
    foreach(component IN LISTS CAF_FIND_COMPONENTS)
        if(NOT TARGET CAF::${component})
            add_library(CAF::${component} UNKNOWN IMPORTED)
            set_target_properties(CAF::${component} PROPERTIES
                IMPORTED_LOCATION "${CAF_${component}_LIBRARY}"
                INTERFACE_INCLUDE_DIRECTORIES "${CAF_INCLUDE_DIR}"
                INTERFACE_LINK_LIBRARIES Threads::Threads)
        endif()
    endforeach()
    foreach(component IN ITEMS io openssl)
        if(TARGET CAF::${component} AND TARGET CAF::core)
            set_property(TARGET CAF::${component} APPEND PROPERTY
                INTERFACE_LINK_LIBRARIES CAF::core)
        endif()
    endforeach()
endif()
