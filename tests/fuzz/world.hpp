// SPDX-License-Identifier: BSL-1.0
#pragma once

// The books of one program: every value, every error, everybody alive, and the time that was given.
// Threads: any.

#include "fuzz/program.hpp"
#include "support/faults.hpp"
#include "support/presence.hpp"

#include <covey/cancel_scope.hpp>
#include <covey/event.hpp>
#include <covey/exception_group.hpp>
#include <covey/supervisor.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

namespace fuzz {

using error_number = std::size_t;

// An error thrown on purpose: it has to turn up in one place.
struct injected : std::runtime_error {
    explicit injected(error_number given)
        : std::runtime_error("injected " + std::to_string(given)), number(given) {}
    error_number number;
};

// The numbers of those in an error, in a group or alone.
inline std::vector<error_number> injected_in(const std::exception_ptr& error) {
    std::vector<error_number> result;
    if (!error) return result;
    try {
        std::rethrow_exception(error);
    } catch (const injected& one) {
        result.push_back(one.number);
    } catch (const covey::exception_group& group) {
        group.for_each<injected>([&](const injected& one) { result.push_back(one.number); });
    } catch (...) {
    }
    return result;
}

// What went through a program, so that a test can say that it has seen something.
struct tally {
    std::size_t steps = 0, values = 0, received = 0, unsent = 0, errors = 0, absorbed = 0,
                supervisors = 0;

    tally& operator+=(const tally& more) {
        steps += more.steps;
        values += more.values;
        received += more.received;
        unsent += more.unsent;
        errors += more.errors;
        absorbed += more.absorbed;
        supervisors += more.supervisors;
        return *this;
    }
};

// ---- Values

class ledger;

// Something to send: it knows where it is entered.
class token {
 public:
    token(ledger& books, std::size_t number) noexcept : books_(&books), number_(number) {}
    token(token&& other) noexcept
        : books_(std::exchange(other.books_, nullptr)), number_(other.number_) {}
    token& operator=(token&&) = delete;
    ~token();

    [[nodiscard]] bool is_here() const noexcept { return books_ != nullptr; }
    [[nodiscard]] std::size_t number() const noexcept { return number_; }

 private:
    ledger* books_;  // null: moved from
    std::size_t number_;
};

class ledger {
 public:
    explicit ledger(support::faults& found) : found_(found) {}

    std::size_t open_account(std::size_t capacity) {
        const std::lock_guard held(lock_);
        capacities_.push_back(capacity);
        return capacities_.size() - 1;
    }
    token make(std::size_t account) {
        const std::lock_guard held(lock_);
        entries_.push_back({account});
        return {*this, entries_.size() - 1};
    }
    void accept(std::size_t number) {
        const std::lock_guard held(lock_);
        found_.expect(!std::exchange(entries_[number].is_accepted, true), "it is sent once");
    }
    void receive(std::size_t number) {
        const std::lock_guard held(lock_);
        found_.expect(!std::exchange(entries_[number].is_received, true), "it is received once");
        found_.expect(!entries_[number].is_destroyed, "what is received is alive");
    }
    void destroy(std::size_t number) {
        const std::lock_guard held(lock_);
        found_.expect(!std::exchange(entries_[number].is_destroyed, true), "it is destroyed once");
    }

    // When nobody can receive any more, and what was left has been received. `dropped` by policy;
    // with all receivers closed before, the buffer may have been discarded.
    void judge(std::size_t account, std::size_t dropped, bool was_discarded) {
        const std::lock_guard held(lock_);
        std::size_t missing = 0;
        for (const entry& each : entries_) {
            if (each.account != account) continue;
            found_.expect(!each.is_received || each.is_accepted, "what is received was sent");
            if (each.is_accepted && !each.is_received) ++missing;
        }
        const std::size_t most = dropped + (was_discarded ? capacities_[account] : 0);
        found_.expect(missing >= dropped && missing <= most,
                      "a value that was sent is received, or dropped, or discarded at the close");
    }
    // When everything is gone.
    void judge_all(tally& sums) {
        const std::lock_guard held(lock_);
        for (const entry& each : entries_) {
            found_.expect(each.is_destroyed, "every value is destroyed");
            ++sums.values;
            sums.received += each.is_received ? 1 : 0;
            sums.unsent += each.is_accepted ? 0 : 1;
        }
    }

 private:
    struct entry {
        std::size_t account;
        bool is_accepted = false, is_received = false, is_destroyed = false;
    };

    support::faults& found_;
    std::mutex lock_;
    std::vector<entry> entries_;
    std::vector<std::size_t> capacities_;
};

inline token::~token() {
    if (books_ != nullptr) books_->destroy(number_);
}

// ---- Everything

class world {
 public:
    world(support::faults& faults, ledger& values, covey::duration unit_of_time)
        : found(faults), books(values), unit(unit_of_time) {}

    support::faults& found;
    ledger& books;
    const covey::duration unit;
    std::array<covey::event, 3> events;

    // False: it has gone on for long, and shall end. Budgets of nested supervisors multiply, so a
    // small program may be a long one.
    bool may_step() {
        constexpr std::size_t most = 20'000;
        return ++steps_ <= most;
    }

    // Some time, by a byte. All that is given adds up to what may pass.
    covey::duration length(unsigned byte) { return give(unit * static_cast<int>(byte % 16)); }
    covey::duration give(covey::duration time) {
        given_ += time.count();
        return time;
    }
    [[nodiscard]] covey::duration given() const { return covey::duration(given_.load()); }

    // ---- Errors

    [[noreturn]] void fail() {
        error_number number = 0;
        {
            const std::lock_guard held(lock_);
            number = places_.size();
            places_.push_back(0);
        }
        throw injected(number);
    }
    // This is where it has gone.
    void arrive(const std::exception_ptr& error) {
        for (const error_number each : injected_in(error)) arrive(each);
    }
    void arrive(error_number number) {
        const std::lock_guard held(lock_);
        ++places_[number];
    }
    void absorb(error_number number) {
        arrive(number);
        ++absorbed_;
    }

    // ---- Scopes and supervisors, for those who cancel and operate

    void publish(covey::cancel_scope& scope) {
        covey::scope_handle handle = scope.handle();
        const std::lock_guard held(lock_);
        scopes_.push_back(std::move(handle));
    }
    void publish(const covey::supervisor& supervisor) {
        covey::supervisor_handle handle = supervisor.handle();
        const std::lock_guard held(lock_);
        supervisors_.push_back(std::move(handle));
    }
    // One of the last: it is likely to be alive.
    std::optional<covey::scope_handle> recent_scope(std::size_t back) {
        const std::lock_guard held(lock_);
        if (scopes_.empty()) return std::nullopt;
        return scopes_[scopes_.size() - 1 - back % scopes_.size()];
    }
    std::optional<covey::supervisor_handle> recent_supervisor(std::size_t back) {
        const std::lock_guard held(lock_);
        if (supervisors_.empty()) return std::nullopt;
        return supervisors_[supervisors_.size() - 1 - back % supervisors_.size()];
    }

    // When the program is over.
    void judge(tally& sums) {
        const std::lock_guard held(lock_);
        for (const std::size_t places : places_)
            found.expect(places == 1,
                         places == 0 ? "no error is lost" : "an error is in one place");
        sums.steps += steps_;
        sums.errors += places_.size();
        sums.absorbed += absorbed_;
        sums.supervisors += supervisors_.size();
    }

 private:
    std::atomic<std::size_t> steps_ = 0, absorbed_ = 0;
    std::atomic<std::int64_t> given_ = 0;
    std::mutex lock_;                  // guards the rest
    std::vector<std::size_t> places_;  // of each error: where it was seen
    std::deque<covey::scope_handle> scopes_;
    std::deque<covey::supervisor_handle> supervisors_;
};

// Whether the incident after which it gave up is the first one beyond its budget. (SV14)
inline bool budget_was_kept(const std::vector<covey::supervision_event>& log,
                            const covey::supervisor_options& options) {
    using kind = covey::supervision_event::kind;
    std::map<std::uint64_t, std::deque<covey::time_point>> windows;  // of each child, or one of all
    for (auto each = log.begin(); each != log.end(); ++each) {
        if (each->what != kind::incident) continue;
        auto& window =
            windows[options.budget == covey::budget_scope::child ? each->child.value : 0];
        while (!window.empty() && each->at - window.front() > options.period) window.pop_front();
        const bool is_spent = window.size() >= options.intensity;
        const auto next = std::next(each);
        if ((next != log.end() && next->what == kind::gave_up) != is_spent) return false;
        window.push_back(each->at);
    }
    return true;
}

// Where the errors of a supervisor's children go: those that its block raises go on from there, the
// others stay in its log, which is their place. Judges when the block is over, whatever ended it.
class supervisor_audit {
 public:
    supervisor_audit(world& in, const covey::supervisor_options& options)
        : world_(in), options_(options) {}
    supervisor_audit(const supervisor_audit&) = delete;
    supervisor_audit& operator=(const supervisor_audit&) = delete;
    ~supervisor_audit() {
        if (!handle_) return;
        const std::vector<covey::supervision_event> log = handle_->events();
        world_.found.expect(budget_was_kept(log, options_), "a budget is kept, and can be used up");
        std::set<error_number> logged;
        for (const covey::supervision_event& each : log)
            for (const error_number one : injected_in(each.error)) logged.insert(one);
        for (const error_number one : logged)
            if (!elsewhere_.contains(one)) world_.absorb(one);
    }

    void watch(const covey::supervisor& supervisor) { handle_.emplace(supervisor.handle()); }
    // The block has raised it.
    void raised(const std::exception_ptr& error) {
        for (const error_number one : injected_in(error)) elsewhere_.insert(one);
    }
    // A call of start() has: that is its place.
    void told(const std::exception_ptr& error) {
        raised(error);
        world_.arrive(error);
    }

 private:
    world& world_;
    const covey::supervisor_options options_;
    std::optional<covey::supervisor_handle> handle_;
    std::set<error_number> elsewhere_;
};

}  // namespace fuzz
