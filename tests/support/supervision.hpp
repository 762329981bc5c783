// SPDX-License-Identifier: BSL-1.0
#pragma once

// For tests of supervisors: children that do what they are told, and the log as text, one line for
// each event: "0.05 start worker.2" is the second incarnation's start at 0.05 s.

#include "support/run_virtual.hpp"

#include <covey/checkpoint.hpp>
#include <covey/event.hpp>
#include <covey/shield.hpp>
#include <covey/supervisor.hpp>
#include <covey/task_status.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace support {

using lines = std::vector<std::string>;

inline double in_seconds(covey::duration length) {
    return static_cast<double>(length.count()) / 1e9;
}

inline std::string line_of(const covey::supervision_event& event) {
    using kind = covey::supervision_event::kind;
    std::string text =
        fmt::format("{:g} {}", in_seconds(event.at.time_since_epoch()), to_string(event.what));
    if (event.child.value != 0) text += fmt::format(" {}.{}", event.name, event.incarnation);
    if (event.what == kind::incident || event.what == kind::joined)
        text += fmt::format(" #{}", event.incident);
    if (event.what == kind::backoff) text += fmt::format(" +{:g}", in_seconds(event.delay));
    if (event.error) text += ": " + message_of(event.error);
    return text;
}

// Keeps a supervisor's log for the time after its block.
class witness {
 public:
    void watch(const covey::supervisor& watched) { handle_.emplace(watched.handle()); }
    [[nodiscard]] const covey::supervisor_handle& handle() const { return handle_.value(); }
    [[nodiscard]] std::vector<covey::supervision_event> events() const { return handle().events(); }
    [[nodiscard]] lines story() const {
        lines result;
        for (const covey::supervision_event& each : events()) result.push_back(line_of(each));
        return result;
    }
    // Those from `first` on.
    [[nodiscard]] lines story_after(std::size_t first) const {
        lines all = story();
        return {all.begin() + static_cast<std::ptrdiff_t>(std::min(first, all.size())), all.end()};
    }
    // Those of the kinds only, as one text.
    [[nodiscard]] std::string only(std::vector<covey::supervision_event::kind> kinds) const {
        std::string result;
        for (const covey::supervision_event& each : events()) {
            for (const auto kind : kinds)
                if (each.what == kind) result += (result.empty() ? "" : ", ") + line_of(each);
        }
        return result;
    }

 private:
    std::optional<covey::supervisor_handle> handle_;
};

// The whole log, no random delays, and a name.
inline covey::supervisor_options observed(covey::supervisor_options options = {}) {
    options.history = 100'000;
    options.backoff.jitter = 0;
    if (options.name.empty()) options.name = "top";
    return options;
}

// A second between two starts, so that what happens meanwhile can be told apart.
inline covey::supervisor_options with_pause(covey::supervisor_options options = {}) {
    options.backoff.first = std::chrono::seconds(1);
    return observed(options);
}

// A run with a supervisor and a trace: body(supervisor, log); the supervisor is stopped after it.
template <class F>
void with_supervised(covey::supervisor_options options, F body, std::uint64_t seed = default_seed) {
    run_virtual(seed, [&]() -> covey::task<> {
        trace log;
        co_await covey::with_supervisor(options,
                                        [&](covey::supervisor& supervisor) -> covey::task<> {
                                            co_await body(supervisor, log);
                                            supervisor.stop_all();
                                        });
    });
}

// A run of body(supervisor) alone, whose supervisor is watched from the start; errors come out.
template <class F>
void run_watched(witness& log, covey::supervisor_options options, F body,
                 std::uint64_t seed = default_seed) {
    run_virtual(seed, [&]() -> covey::task<> {
        co_await covey::with_supervisor(options,
                                        [&](covey::supervisor& supervisor) -> covey::task<> {
                                            log.watch(supervisor);
                                            co_await body(supervisor);
                                        });
    });
}

// ---- Children

// Until it is asked to stop.
inline covey::task<> obedient() { co_await covey::current_scope().until_soft_cancelled(); }
// Until it is cancelled.
inline covey::task<> endless() { co_await covey::sleep_forever(); }
inline covey::task<> returns_after(covey::duration length) { co_await covey::sleep_for(length); }
inline covey::task<> fails_after(covey::duration length, const char* what) {
    co_await covey::sleep_for(length);
    throw std::runtime_error(what);
}
// Fails `times` times, each time that long after its start, and then waits to be stopped.
inline covey::task<> fails_at_first(int* times, covey::duration length, const char* what) {
    if ((*times)-- > 0) co_await fails_after(length, what);
    co_await obedient();
}
// Ready after that time.
inline covey::task<> slow_start(covey::task_status<void> status, covey::duration length) {
    co_await covey::sleep_for(length);
    status.started();
    co_await obedient();
}
// Needs that long to stop after it was asked to.
inline covey::task<> slow_stop(covey::duration length) {
    co_await obedient();
    co_await covey::sleep_for(length);
}
// Fails that long after it was asked to stop.
inline covey::task<> fails_to_stop(covey::duration length, const char* what) {
    co_await obedient();
    co_await fails_after(length, what);
}

}  // namespace support
