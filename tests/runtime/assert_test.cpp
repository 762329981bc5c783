// SPDX-License-Identifier: BSL-1.0
#include <covey/lowlevel/assert.hpp>

#include "support/catch.hpp"
#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/nursery.hpp>

#include <csignal>
#include <cstdio>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

// What a process that did this printed, and the signal that ended it.
struct last_words {
    std::string text;
    int signal = 0;
};

template <class F>
last_words of_a_process_that(F&& act) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        const rlimit none{0, 0};
        setrlimit(RLIMIT_CORE, &none);
        static_cast<void>(std::signal(SIGABRT, SIG_DFL));
        act();
        _exit(0);
    }
    close(ends[1]);
    last_words words;
    char part[512];
    for (ssize_t size = 0; (size = read(ends[0], part, sizeof(part))) > 0;)
        words.text.append(part, static_cast<std::size_t>(size));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) words.signal = WTERMSIG(status);
    return words;
}

}  // namespace

TEST_CASE("an assertion that holds does nothing") {
    const last_words words = of_a_process_that([] { COVEY_ASSERT(1 + 1 == 2, "sums are wrong"); });
    CHECK(words.signal == 0);
    CHECK(words.text.empty());
}

TEST_CASE("an assertion that fails ends the program with its sentence and place (R2, RN50)") {
    const last_words words = of_a_process_that([] { COVEY_ASSERT(1 + 1 == 3, "sums are wrong"); });
    CHECK(words.signal == SIGABRT);
    CHECK_THAT(words.text, Contains("covey: sums are wrong (") && Contains("assert_test.cpp:"));
    CHECK_THAT(words.text, !Contains("task"));
}

TEST_CASE("in a task it also shows the task and the tree around it (R2, RN50)") {
    const last_words words = of_a_process_that([] {
        covey::testing::virtual_clock clock;
        covey::run({.workers = 1, .clock = &clock}, []() -> covey::task<> {
            co_await covey::with_nursery([](covey::nursery& nursery) {
                nursery.start_soon({.name = "sleeper"},
                                   []() -> covey::task<> { co_await covey::sleep_for(5s); });
                nursery.start_soon({.name = "broken"}, []() -> covey::task<> {
                    co_await covey::sleep_for(1s);
                    COVEY_ASSERT(false, "this can't be");
                });
            });
        });
    });
    CHECK(words.signal == SIGABRT);
    CHECK_THAT(words.text,
               Contains("covey: this can't be (") && Contains("In task 'broken' of\n") &&
                   Contains("task 'main' waits for children") &&
                   Contains("task 'sleeper' waits for sleep") && Contains("task 'broken' runs"));
}
