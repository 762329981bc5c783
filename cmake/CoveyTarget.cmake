# SPDX-License-Identifier: BSL-1.0
# What every target of covey is built with: one interface target, so that flags stand in one place.

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
