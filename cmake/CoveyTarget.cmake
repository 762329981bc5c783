# SPDX-License-Identifier: BSL-1.0
# How targets are made here, so that flags, headers, export and install stand in one place.

include(GNUInstallDirs)

add_library(covey_flags INTERFACE)
target_compile_options(covey_flags INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
if(COVEY_WERROR)
    target_compile_options(covey_flags INTERFACE -Werror)
endif()
if(COVEY_SANITIZE)
    list(JOIN COVEY_SANITIZE "," covey_sanitizers)
    target_compile_options(covey_flags INTERFACE -fsanitize=${covey_sanitizers}
                                                 -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(covey_flags INTERFACE -fsanitize=${covey_sanitizers})
endif()

# covey_room(<name> [SOURCES <file>...] [DEPENDS <room>...] [LIBRARIES <target>...])
#
# A room's library, covey::<name>, in the current folder. Every covey/**.hpp is public, installed
# and checked to stand alone; src/ is never shipped. DEPENDS names the rooms below; LIBRARIES are
# used in src/ only (fmt always is). Without SOURCES, src/*.cpp is taken.
function(covey_room name)
    cmake_parse_arguments(PARSE_ARGV 1 room "" "" "SOURCES;DEPENDS;LIBRARIES")
    set(target covey_${name})
    file(GLOB_RECURSE headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/covey/*.hpp")
    if(NOT room_SOURCES)
        file(GLOB room_SOURCES CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/src/*.cpp")
    endif()
    list(TRANSFORM room_DEPENDS PREPEND "covey::")

    add_library(${target} ${room_SOURCES})
    add_library(covey::${name} ALIAS ${target})
    set_target_properties(${target} PROPERTIES
        EXPORT_NAME ${name}
        VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
    target_compile_features(${target} PUBLIC cxx_std_20)
    target_sources(${target} PUBLIC FILE_SET HEADERS
        BASE_DIRS "${CMAKE_CURRENT_SOURCE_DIR}" FILES ${headers})
    target_link_libraries(${target}
        PUBLIC ${room_DEPENDS} Threads::Threads
        PRIVATE $<BUILD_INTERFACE:covey_flags> fmt::fmt ${room_LIBRARIES})
    covey_install(${target})
endfunction()

function(covey_install target)
    if(COVEY_INSTALL)
        get_target_property(type ${target} TYPE)
        set(headers "")
        if(NOT type STREQUAL "INTERFACE_LIBRARY")
            set(headers FILE_SET HEADERS)
        endif()
        install(TARGETS ${target} EXPORT covey-targets ${headers})
    endif()
endfunction()

# covey_umbrella(<room>...): covey::covey is all of the rooms named.
function(covey_umbrella)
    list(TRANSFORM ARGN PREPEND "covey::" OUTPUT_VARIABLE rooms)
    add_library(covey_covey INTERFACE)
    add_library(covey::covey ALIAS covey_covey)
    set_target_properties(covey_covey PROPERTIES EXPORT_NAME covey)
    target_link_libraries(covey_covey INTERFACE ${rooms})
    covey_install(covey_covey)
endfunction()

# covey_example(<name> SOURCES <file>... [LIBRARIES <target>...] [ARGUMENTS <word>...])
#
# A program in examples/. If <name>.expected stands beside it, a test runs the program with the
# ARGUMENTS and compares what it prints to standard output with that file.
function(covey_example name)
    cmake_parse_arguments(PARSE_ARGV 1 example "" "" "SOURCES;LIBRARIES;ARGUMENTS")
    add_executable(${name} ${example_SOURCES})
    target_link_libraries(${name} PRIVATE covey::covey covey_flags ${example_LIBRARIES})
    set(expected "${CMAKE_CURRENT_SOURCE_DIR}/${name}.expected")
    if(COVEY_TESTS AND EXISTS "${expected}")
        add_test(NAME example.${name}
            COMMAND bash "${PROJECT_SOURCE_DIR}/tools/same_output.sh" "${expected}"
                    $<TARGET_FILE:${name}> ${example_ARGUMENTS})
        set_tests_properties(example.${name} PROPERTIES TIMEOUT 60)
    endif()
endfunction()
