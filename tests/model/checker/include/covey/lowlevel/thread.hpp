// SPDX-License-Identifier: BSL-1.0
#pragma once

// Instead of the file of this name, for the model checker: threads, mutexes and conditions of its
// own, as far as covey uses those of the library.

#include "seam.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <source_location>
#include <utility>

namespace covey::lowlevel {

class mutex {
 public:
    constexpr mutex() noexcept = default;
    mutex(const mutex&) = delete;
    mutex& operator=(const mutex&) = delete;

    void lock() { model::seam::lock(at()); }
    bool try_lock() { return model::seam::try_lock(at()); }
    void unlock() { model::seam::unlock(at()); }

 private:
    friend class condition;
    [[nodiscard]] model::seam::place at() const noexcept {
        return {&held_, sizeof held_, std::source_location::current()};
    }
    std::uint32_t held_ = 0;
};

using mutex_lock = std::unique_lock<mutex>;
using mutex_guard = std::lock_guard<mutex>;
inline constexpr std::adopt_lock_t already_locked{};

// No wake-up without a cause: a lost one shall not be made good by chance.
class condition {
 public:
    condition() noexcept = default;
    condition(const condition&) = delete;
    condition& operator=(const condition&) = delete;

    void notify_one() noexcept { model::seam::notify(this, false); }
    void notify_all() noexcept { model::seam::notify(this, true); }

    void wait(mutex_lock& held) { model::seam::wait(this, held.mutex()->at()); }
    template <class Done>
    void wait(mutex_lock& held, Done done) {
        while (!done()) wait(held);
    }
    template <class Clock, class Length>
    std::cv_status wait_until(mutex_lock& held, const std::chrono::time_point<Clock, Length>&) {
        return model::seam::wait_with_timeout(this, held.mutex()->at()) ? std::cv_status::no_timeout
                                                                        : std::cv_status::timeout;
    }
    template <class Number, class Period, class Done>
    bool wait_for(mutex_lock& held, const std::chrono::duration<Number, Period>&, Done done) {
        while (!done())
            if (!model::seam::wait_with_timeout(this, held.mutex()->at())) return done();
        return true;
    }

 private:
    [[maybe_unused]] char address_ = 0;
};

class thread {
 public:
    thread() noexcept = default;
    template <class Body, class... Arguments>
    explicit thread(Body body, Arguments... arguments) {
        auto* const call = new auto([body, arguments...]() mutable { body(arguments...); });
        number_ = model::seam::start(
            [](void* it) {
                auto* const mine = static_cast<decltype(call)>(it);
                (*mine)();
                delete mine;
            },
            call);
    }
    thread(thread&& other) noexcept : number_(std::exchange(other.number_, none)) {}
    thread& operator=(thread&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~thread() = default;

    [[nodiscard]] bool joinable() const noexcept { return number_ != none; }
    void join() { model::seam::join(std::exchange(number_, none)); }
    void detach() { number_ = none; }
    [[nodiscard]] static unsigned hardware_concurrency() noexcept { return 2; }

 private:
    static constexpr unsigned none = ~0U;
    unsigned number_ = none;
};

}  // namespace covey::lowlevel
