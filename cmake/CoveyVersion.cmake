# SPDX-License-Identifier: BSL-1.0
# The version stands once, in <covey/config.hpp>.

function(covey_read_version result)
    set(header "${CMAKE_CURRENT_SOURCE_DIR}/runtime/covey/config.hpp")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${header}")
    set(numbers "")
    foreach(part MAJOR MINOR PATCH)
        file(STRINGS "${header}" line REGEX "^#define COVEY_VERSION_${part} [0-9]+$")
        string(REGEX MATCH "[0-9]+$" number "${line}")
        list(APPEND numbers "${number}")
    endforeach()
    list(JOIN numbers "." version)
    set(${result} "${version}" PARENT_SCOPE)
endfunction()
