// SPDX-License-Identifier: BSL-1.0
#pragma once

// For what ends the process: it is tried in a child process, and what that one said is given back.

#include "support/catch.hpp"

#include <csignal>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace support {

// What fn wrote to standard error before it aborted, which it has to.
template <class F>
std::string last_words_of(F fn) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        const rlimit none{0, 0};
        setrlimit(RLIMIT_CORE, &none);
        static_cast<void>(std::signal(SIGABRT, SIG_DFL));
        fn();
        _exit(0);
    }
    close(ends[1]);
    std::string words;
    char part[512];
    for (ssize_t size = 0; (size = read(ends[0], part, sizeof(part))) > 0;)
        words.append(part, static_cast<std::size_t>(size));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGABRT);
    return words;
}

}  // namespace support
