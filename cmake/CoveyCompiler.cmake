# SPDX-License-Identifier: BSL-1.0
# Refuses a compiler that would build covey wrongly. First by what it does: two small coroutine
# programs that broken compilers accept and translate into something else. Then by its age.
# <covey/config.hpp> repeats the second check for programs that don't use CMake.

set(covey_compiler_advice
    "covey needs clang >= 16 or g++ >= 14. On Debian 12:\n"
    "    apt-get install clang-19\n"
    "    cmake -S . -B build/dev -DCMAKE_CXX_COMPILER=clang++-19\n"
    "On Debian 13 the plain g++ is new enough. `./dev demo` and `./dev test` choose the compiler "
    "by themselves. Use a fresh build folder: CMake remembers the compiler of an old one.")
string(CONCAT covey_compiler_advice ${covey_compiler_advice})

function(covey_refuse_compiler reason)
    message(FATAL_ERROR
        "covey can't be built with ${CMAKE_CXX_COMPILER} "
        "(${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}): ${reason}\n"
        "${covey_compiler_advice}")
endfunction()

# Builds and runs probe/<name>.cpp, once per build folder.
function(covey_probe_compiler name finding)
    try_run(COVEY_PROBE_${name}_RAN COVEY_PROBE_${name}_COMPILED
        "${CMAKE_BINARY_DIR}/probe/${name}" "${PROJECT_SOURCE_DIR}/cmake/probe/${name}.cpp"
        COMPILE_OUTPUT_VARIABLE output)
    if(NOT COVEY_PROBE_${name}_COMPILED)
        covey_refuse_compiler("it can't build a small program with C++20 coroutines.\n${output}")
    elseif(NOT COVEY_PROBE_${name}_RAN STREQUAL "0")
        covey_refuse_compiler("${finding}")
    endif()
endfunction()

function(covey_require_compiler id oldest)
    if(CMAKE_CXX_COMPILER_ID STREQUAL id AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS oldest)
        covey_refuse_compiler("it is older than ${oldest}, the oldest version that covey supports.")
    endif()
endfunction()

function(covey_check_compiler)
    if(NOT CMAKE_CROSSCOMPILING)
        message(STATUS "Probing the compiler's coroutines")
        covey_probe_compiler(branch
            "it miscompiles coroutines. A co_await as the condition of if, while or switch makes it \
skip the body or crash, silently (cmake/probe/branch.cpp shows it).")
        covey_probe_compiler(argument
            "it miscompiles coroutines. A temporary inside a statement with co_await is destroyed \
twice, silently (cmake/probe/argument.cpp shows it).")
    endif()
    covey_require_compiler(Clang 16)
    covey_require_compiler(GNU 14)
endfunction()

covey_check_compiler()
