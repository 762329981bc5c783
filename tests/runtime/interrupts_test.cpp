// SPDX-License-Identifier: BSL-1.0
// Signals are sent to a process of the test's own, where their disposition is the default one.
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/own_process.hpp"
#include "support/run_virtual.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/checkpoint.hpp>
#include <covey/embedded_runtime.hpp>
#include <covey/error.hpp>
#include <covey/exception_group.hpp>
#include <covey/lowlevel/sanitizers.hpp>
#include <covey/nursery.hpp>
#include <covey/run.hpp>
#include <covey/shield.hpp>
#include <covey/timeout.hpp>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;

namespace {

// How a child process ended: what its function returned, or 1000 + the signal that killed it.
template <class F>
int end_of_process(F fn) {
    const pid_t child = fork();
    if (child == 0) {
        const rlimit none{0, 0};
        setrlimit(RLIMIT_CORE, &none);
        static_cast<void>(std::signal(SIGINT, SIG_DFL));
        static_cast<void>(std::signal(SIGTERM, SIG_DFL));
        static_cast<void>(std::signal(SIGABRT, SIG_DFL));
        alarm(50);  // a process that hangs fails the test
        int result = 99;
        try {
            result = fn();
        } catch (const std::exception& error) {
            static_cast<void>(std::fprintf(stderr, "in the process: %s\n", error.what()));
        }
        _exit(result);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

using handler = void (*)(int);
handler disposition(int signal) {
    struct sigaction now{};
    sigaction(signal, nullptr, &now);
    return now.sa_handler;
}

// Runs a main that is to be stopped by the signal; gives the number in the error.
template <class F>
int stopped_by(covey::run_options options, F&& main) {
    try {
        covey::run(options, std::forward<F>(main));
    } catch (const covey::interrupted& error) {
        return error.signal();
    }
    return 0;
}

covey::task<> raise_and_wait(int signal) {
    raise(signal);
    co_await covey::sleep_forever();
}

}  // namespace

TEST_CASE("SIGINT and SIGTERM stop main, with its children and its clean-up (I1, I8)") {
    for (const int signal : {SIGINT, SIGTERM}) {
        CHECK(end_of_process([signal] {
                  bool cleaned_up = false, child_ended = false;
                  const int seen = stopped_by({.workers = 1}, [&]() -> covey::task<> {
                      const auto body = [&]() -> covey::task<> {
                          co_await covey::with_nursery([&](covey::nursery& nursery) {
                              nursery.start_soon(raise_and_wait, signal);
                              nursery.start_soon([&]() -> covey::task<> {
                                  co_await covey::finally(covey::sleep_forever(),
                                                          [&] { child_ended = true; });
                              });
                          });
                      };
                      co_await covey::finally(body, [&]() -> covey::task<> {
                          co_await covey::sleep_for(1ms);
                          cleaned_up = true;
                      });
                  });
                  if (seen != signal || !cleaned_up || !child_ended) return 1;
                  if (support::left_behind() != "") return 2;
                  return disposition(SIGINT) == SIG_DFL && disposition(SIGTERM) == SIG_DFL ? 0 : 3;
              }) == 0);
    }
}

TEST_CASE("the cause of the cancellation is the interrupt, with its name (C51)") {
    CHECK(end_of_process([] {
              covey::cancel_cause cause;
              std::string text;
              std::optional<covey::scope_handle> scope;
              try {
                  covey::run({.workers = 1}, [&]() -> covey::task<> {
                      scope.emplace(covey::current_scope().handle());
                      co_await raise_and_wait(SIGTERM);
                  });
              } catch (const covey::interrupted& error) {
                  text = error.what();
              }
              cause = scope->cause();
              if (cause.source != covey::cancel_source::interrupt) return 1;
              if (cause.reason != "SIGTERM" || !cause.task_name.empty()) return 2;
              return text == "main was stopped by SIGTERM" ? 0 : 3;
          }) == 0);
}

TEST_CASE("an error from clean-up beside the signal: both, the cause first") {
    CHECK(end_of_process([] {
              try {
                  covey::run({.workers = 1}, []() -> covey::task<> {
                      co_await covey::finally([] { return raise_and_wait(SIGINT); },
                                              [] { throw std::runtime_error("disk full"); });
                  });
              } catch (const covey::exception_group& group) {
                  if (group.exceptions().size() != 2) return 2;
                  if (!support::holds<covey::interrupted>(group.exceptions()[0])) return 3;
                  return support::message_of(group.exceptions()[1]) == "disk full" ? 0 : 4;
              }
              return 1;
          }) == 0);
}

TEST_CASE("a main that returns keeps its value, and one that fails before keeps its error") {
    CHECK(end_of_process([] {
              return covey::run({.workers = 1}, []() -> covey::task<int> {
                  raise(SIGINT);
                  co_return 7;
              });
          }) == 7);
    CHECK(end_of_process([] {
              return covey::run({.workers = 1}, []() -> covey::task<int> {
                  co_return co_await covey::shielded([]() -> covey::task<int> {
                      raise(SIGINT);
                      co_await covey::sleep_for(5ms);
                      co_return 8;
                  });
              });
          }) == 8);
}

TEST_CASE("the second signal acts as by default, also if it is the other one") {
    for (const int second : {SIGINT, SIGTERM}) {
        CHECK(end_of_process([second] {
                  covey::run({.workers = 1}, [second]() -> covey::task<> {
                      co_await covey::finally([] { return raise_and_wait(SIGINT); },
                                              [second] { raise(second); });
                  });
                  return 0;
              }) == 1000 + second);
    }
}

TEST_CASE("two signals before anybody could look: the second kills") {
    CHECK(end_of_process([] {
              covey::run({.workers = 1}, []() -> covey::task<> {
                  raise(SIGTERM);
                  raise(SIGINT);
                  co_await covey::sleep_forever();
              });
              return 0;
          }) == 1000 + SIGINT);
}

TEST_CASE("only what had the default disposition is taken, and given back (I7)") {
    CHECK(end_of_process([] {
              static std::atomic<int> seen = 0;
              const handler own = [](int) { ++seen; };
              static_cast<void>(std::signal(SIGINT, own));
              static_cast<void>(std::signal(SIGTERM, SIG_IGN));
              covey::run({.workers = 1}, [&]() -> covey::task<> {
                  if (disposition(SIGINT) != own || disposition(SIGTERM) != SIG_IGN) co_return;
                  raise(SIGINT);
                  raise(SIGTERM);
                  co_await covey::sleep_for(5ms);
                  ++seen;
              });
              if (disposition(SIGINT) != own || disposition(SIGTERM) != SIG_IGN) return 1;
              return seen == 2 ? 0 : 2;
          }) == 0);
    CHECK(end_of_process([] {
              static_cast<void>(std::signal(SIGINT, SIG_IGN));
              return stopped_by({.workers = 1}, [] { return raise_and_wait(SIGTERM); }) == SIGTERM
                         ? 0
                         : 1;
          }) == 0);
}

TEST_CASE("a handler that the program sets during the run stays") {
    CHECK(end_of_process([] {
              const handler own = [](int) {};
              covey::run({.workers = 1}, [own]() -> covey::task<> {
                  static_cast<void>(std::signal(SIGINT, own));
                  co_return;
              });
              return disposition(SIGINT) == own && disposition(SIGTERM) == SIG_DFL ? 0 : 1;
          }) == 0);
}

TEST_CASE("with interrupts off the signals are left alone") {
    CHECK(end_of_process([] {
              covey::run({.workers = 1, .interrupts = false},
                         [] { return raise_and_wait(SIGINT); });
              return 0;
          }) == 1000 + SIGINT);
}

TEST_CASE("interrupts are on unless written otherwise") {
    CHECK(covey::run_options{}.interrupts);
    CHECK_FALSE(covey::run_options{.interrupts = false}.interrupts);
}

TEST_CASE("one run after the other: each is stopped by its own signal") {
    CHECK(end_of_process([] {
              for (int i = 0; i < 100; ++i) {
                  const int signal = i % 2 == 0 ? SIGINT : SIGTERM;
                  const int seen =
                      stopped_by({.workers = 1}, [signal] { return raise_and_wait(signal); });
                  if (seen != signal) return 1;
              }
              return 0;
          }) == 0);
}

#if !COVEY_UNDER_TSAN  // it knows no forks of a process with several threads
TEST_CASE("a run of a process that was forked in a run takes signals as well") {
    CHECK(end_of_process([] {
              stopped_by({.workers = 1}, [] { return raise_and_wait(SIGINT); });
              return end_of_process([] {
                  return stopped_by({.workers = 1}, [] { return raise_and_wait(SIGTERM); });
              });
          }) == SIGTERM);
    // In the fork itself nobody is there to cancel anything: the signal does what it always does.
    CHECK(end_of_process([] {
              return covey::run({.workers = 1}, []() -> covey::task<int> {
                  const pid_t child = fork();
                  if (child == 0) {
                      raise(SIGTERM);
                      _exit(1);
                  }
                  int status = 0;
                  waitpid(child, &status, 0);
                  co_return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
              });
          }) == SIGTERM);
}
#endif

TEST_CASE("a signal stops all runs of the process that want it_mt") {
    CHECK(end_of_process([] {
              std::atomic<int> running = 0, stopped = 0;
              const auto wait = [&]() -> covey::task<> {
                  ++running;
                  co_await covey::sleep_forever();
              };
              const auto run_it = [&] {
                  if (stopped_by({.workers = 2}, wait) == SIGINT) ++stopped;
              };
              std::vector<std::thread> threads;
              for (int i = 0; i < 3; ++i) threads.emplace_back(run_it);
              while (running != 3) std::this_thread::yield();
              kill(getpid(), SIGINT);
              for (std::thread& each : threads) each.join();
              return stopped == 3 && disposition(SIGINT) == SIG_DFL ? 0 : 1;
          }) == 0);
}

TEST_CASE("a runtime that was told to take signals stops its mains and submissions_mt") {
    CHECK(end_of_process([] {
              covey::runtime runtime({.workers = 2, .interrupts = true});
              auto waits =
                  runtime.submit([]() -> covey::task<> { co_await covey::sleep_forever(); });
              int seen = 0;
              try {
                  runtime.run(raise_and_wait, SIGTERM);
              } catch (const covey::interrupted& error) {
                  seen = error.signal();
              }
              try {
                  waits.get();
                  return 1;
              } catch (const covey::cancelled_error& error) {
                  if (error.cause().source != covey::cancel_source::interrupt) return 2;
              }
              return seen == SIGTERM ? 0 : 3;
          }) == 0);
}

TEST_CASE("signals at any moment of many short runs: each run ends, no signal kills_mt") {
    CHECK(end_of_process([] {
              // Never two within one run: each waits until the one before has been seen.
              std::atomic<bool> over = false;
              std::atomic<unsigned> armed = 0, sent = 0;
              const pthread_t main = pthread_self();
              std::thread sender([&] {
                  while (!over) {
                      if (armed == sent) continue;
                      pthread_kill(main, SIGINT);
                      ++sent;
                  }
              });
              int wrong = 0;
              for (unsigned i = 0; i < 500; ++i) {
                  const int seen = stopped_by({.workers = 1}, [&]() -> covey::task<> {
                      ++armed;
                      co_await covey::sleep_forever();
                  });
                  if (seen != SIGINT) ++wrong;
              }
              over = true;
              sender.join();
              return wrong == 0 ? 0 : 1;
          }) == 0);
}
