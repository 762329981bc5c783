// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "choices.hpp"
#include "explore.hpp"
#include "fiber.hpp"
#include "memory.hpp"
#include "plain_memory.hpp"
#include "seam.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace model {

// One execution after the other: its threads, and which of them goes on.
//
// What      Each thread is a fiber. Before an operation on an atomic that several threads use, the
//           choices say who goes on; between two of those a thread runs alone. Which atomics
//           several threads use is learnt: when a new one is found, the search begins anew.
// Waiting   Who waits for a lock, a condition or the end of a thread isn't run until that may be
//           over. Who pauses isn't run until somebody has stored something.
// Inside    While the checker itself runs, nothing is checked: `is_inside`.
class execution {
 public:
    explicit execution(const options& wanted, choices& source);
    execution(const execution&) = delete;
    execution& operator=(const execution&) = delete;
    ~execution();

    // The one that there is.
    [[nodiscard]] static execution& current() noexcept { return *current_; }
    [[nodiscard]] static execution* exists() noexcept { return current_; }
    // The calling code is the program's, in an execution or in its preparation.
    [[nodiscard]] static bool is_checked() noexcept { return is_active && !is_inside; }
    static bool is_active;
    static bool is_inside;

    void prepare(void (*body)());
    void run(void (*program)(void*), void* with, bool traced);
    [[nodiscard]] bool has_failed() const noexcept { return !failure_.empty(); }
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
    [[nodiscard]] std::string trace() const;
    [[nodiscard]] unsigned steps() const noexcept { return steps_; }
    // An atomic was found to be shared that was not known to be: what was searched has gaps.
    [[nodiscard]] bool has_learnt() const noexcept { return learnt_; }

    // By the program's threads, inside.
    [[noreturn]] void fail(std::string what);
    [[nodiscard]] unsigned choose(unsigned count) { return count == 1 ? 0 : source_.choose(count); }
    [[nodiscard]] thread_view& here() noexcept { return threads_[running_].known; }
    [[nodiscard]] class memory& atomics() noexcept { return memory_; }
    [[nodiscard]] plain_memory& plain() noexcept { return plain_; }
    [[nodiscard]] unsigned running() const noexcept { return running_; }
    [[nodiscard]] bool is_preparing() const noexcept { return preparing_; }
    [[nodiscard]] std::uint64_t time() noexcept { return ++time_; }

    // Memory of the program that the checker has in its hands: not what the library has allocated
    // for itself (exceptions), nor what each thread has of its own.
    [[nodiscard]] bool knows(std::uintptr_t address) const noexcept;

    // An operation on this address comes next: who goes on?
    void step(const seam::place& at, bool writes);
    // ... a fence, which every thread may notice.
    void step();
    void note(const seam::place& at, const std::string& what);
    [[nodiscard]] bool is_traced() const noexcept { return traced_; }
    void pause();
    void wait_while_held(const seam::place& lock);
    void let_in(const void* lock);
    bool wait_for_notice(const void* condition, bool timed);
    void notify(const void* condition, bool all);
    unsigned start(void (*body)(void*), void* with);
    void join(unsigned thread);
    void fence_all();
    void at_end_of_thread(void (*call)(void*), void* with);

    void name(const void* start, std::size_t bytes, const char* called);
    [[nodiscard]] std::string name_of(const void* address) const;
    [[nodiscard]] std::string text_of_place(std::uint32_t place) const;

 private:
    enum class state : std::uint8_t { none, ready, paused, locked_out, waiting, joining, ended };
    struct thread {
        state is = state::none;
        bool timed = false;
        bool notified = false;
        bool retried = false;               // paused: has looked once more in vain
        std::uint64_t stores_at_pause = 0;  // paused
        const void* waits_for = nullptr;    // lock or condition
        unsigned joins = 0;
        unsigned ran_at = 0;    // for the last time, in steps
        unsigned priority = 0;  // random: the highest goes on
        void (*body)(void*) = nullptr;
        void* with = nullptr;
        thread_view known;
        fiber stack;
        std::vector<std::pair<void (*)(void*), void*>> at_end;
    };
    struct named {
        const void* start;
        std::size_t bytes;
        const char* called;
    };

    static void thread_body();
    void begin();
    void end_thread();
    void go_on();
    void switch_to(unsigned next);
    void wait_as(state how);
    [[nodiscard]] unsigned next_thread();
    [[nodiscard]] unsigned longest_waiting(const unsigned* ready, unsigned count) const;
    [[nodiscard]] unsigned by_priority(const unsigned* ready, unsigned count);
    [[nodiscard]] bool can_run(const thread& asked) const noexcept;
    [[nodiscard]] unsigned without_anybody_ready();
    [[nodiscard]] std::string who_waits() const;
    [[nodiscard]] bool is_shared(const seam::place& at);

    static execution* current_;

    const options& wanted_;
    choices& source_;
    class memory memory_;
    plain_memory plain_;
    fiber outside_;
    std::array<thread, most_threads> threads_;
    unsigned started_ = 0;
    unsigned running_ = 0;
    unsigned steps_ = 0;
    unsigned preemptions_ = 0;
    unsigned steps_alone_ = 0;  // of the running thread, since another one ran
    unsigned change_at_ = 0;    // random: at this step the running thread falls behind
    unsigned longest_ = 1;      // execution so far, in steps
    std::uint64_t time_ = 0;
    bool preparing_ = false;
    bool traced_ = false;
    std::string failure_;
    std::vector<std::string> trace_;
    std::vector<named> names_;

    // Of each address: who has used it, in this execution; and whether it ever was shared.
    address_table<unsigned> users_;
    std::unordered_set<std::uintptr_t> shared_;
    bool learnt_ = false;
};

}  // namespace model
