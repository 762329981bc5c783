// SPDX-License-Identifier: BSL-1.0
#include "seam.hpp"

#include "execution.hpp"

#include <fmt/format.h>

namespace model::seam {

namespace {

// The checker's own code runs; when it ends, the program's goes on.
class inside {
 public:
    inside() noexcept { execution::is_inside = true; }
    inside(const inside&) = delete;
    inside& operator=(const inside&) = delete;
    ~inside() { execution::is_inside = false; }
};

// Outside of an execution there is one thread, and atomics are variables.
bool is_alone() noexcept { return !execution::is_checked(); }

std::uint64_t mask_of(std::size_t bytes) noexcept {
    return bytes == 8 ? ~std::uint64_t(0) : (std::uint64_t(1) << bytes * 8) - 1;
}

access with_order(const place& at, int order) noexcept {
    return {at.address, at.bytes, static_cast<memory_order>(order)};
}

std::uint64_t raw(const place& at) noexcept {
    std::uint64_t value = 0;
    __builtin_memcpy(&value, at.address, at.bytes);
    return value;
}
void set_raw(const place& at, std::uint64_t value) noexcept {
    __builtin_memcpy(const_cast<void*>(at.address), &value, at.bytes);
}

std::uint64_t changed(std::uint64_t before, change how, std::uint64_t operand,
                      std::size_t bytes) noexcept {
    switch (how) {
        case change::exchange: return operand;
        case change::add: return (before + operand) & mask_of(bytes);
        case change::subtract: return (before - operand) & mask_of(bytes);
        case change::with_or: return before | operand;
        case change::with_and: return before & operand;
    }
    return before;
}

template <class... Parts>
void note(const place& at, const char* format, const Parts&... parts) {
    execution& now = execution::current();
    if (now.is_traced()) now.note(at, fmt::vformat(format, fmt::make_format_args(parts...)));
}

const char* name_of(int order) noexcept { return to_text(static_cast<memory_order>(order)); }

void take(const place& at) {
    execution& now = execution::current();
    now.wait_while_held(at);
    now.atomics().modify(now.here(), {at.address, at.bytes, memory_order::acquire},
                         [](std::uint64_t) { return std::uint64_t(1); });
}

void give(const place& at) {
    execution& now = execution::current();
    now.atomics().store(now.here(), {at.address, at.bytes, memory_order::release}, 0);
    now.let_in(at.address);
}

}  // namespace

std::uint64_t load(const place& at, int order) {
    if (is_alone()) return raw(at);
    const inside checker;
    execution& now = execution::current();
    now.step(at, false);
    const std::uint64_t value = now.atomics().load(now.here(), with_order(at, order));
    const char* const old = value == raw(at) ? "" : ", which is old";
    note(at, "load {}: {:#x}{}", name_of(order), value, old);
    return value;
}

void store(const place& at, std::uint64_t value, int order) {
    if (is_alone()) return set_raw(at, value);
    const inside checker;
    execution& now = execution::current();
    now.step(at, true);
    now.atomics().store(now.here(), with_order(at, order), value);
    note(at, "store {}: {:#x}", name_of(order), value);
}

std::uint64_t modify(const place& at, change how, std::uint64_t operand, int order) {
    if (is_alone()) {
        const std::uint64_t before = raw(at);
        set_raw(at, changed(before, how, operand, at.bytes));
        return before;
    }
    const inside checker;
    execution& now = execution::current();
    now.step(at, true);
    const std::uint64_t before = now.atomics().modify(
        now.here(), with_order(at, order),
        [&](std::uint64_t found) { return changed(found, how, operand, at.bytes); });
    const std::uint64_t after = raw(at);
    note(at, "change {}: {:#x} to {:#x}", name_of(order), before, after);
    return before;
}

bool compare_exchange(const place& at, std::uint64_t& expected, std::uint64_t desired, int success,
                      int failure) {
    if (is_alone()) {
        const std::uint64_t found = raw(at);
        const bool done = found == expected;
        if (done) set_raw(at, desired);
        expected = found;
        return done;
    }
    const inside checker;
    execution& now = execution::current();
    now.step(at, true);
    const std::uint64_t wanted = expected;
    const bool done = now.atomics().compare_exchange(now.here(), with_order(at, success), expected,
                                                     desired, static_cast<memory_order>(failure));
    if (done)
        note(at, "compare-exchange {}: {:#x} to {:#x}", name_of(success), wanted, desired);
    else
        note(at, "compare-exchange fails {}: {:#x}, not {:#x}", name_of(failure), expected, wanted);
    return done;
}

void fence(int order) {
    if (is_alone()) return;
    const inside checker;
    execution& now = execution::current();
    now.step();
    now.atomics().fence(now.here(), static_cast<memory_order>(order));
}

void pause() {
    if (is_alone()) return;
    const inside checker;
    execution::current().pause();
}

void lock(const place& at) {
    if (is_alone()) return set_raw(at, 1);
    const inside checker;
    execution::current().step(at, true);
    take(at);
    note(at, "lock");
}

bool try_lock(const place& at) {
    if (is_alone()) {
        const bool free = raw(at) == 0;
        set_raw(at, 1);
        return free;
    }
    const inside checker;
    execution& now = execution::current();
    now.step(at, true);
    const bool free = now.atomics().peek(with_order(at, __ATOMIC_RELAXED)) == 0;
    if (free) take(at);
    note(at, free ? "try_lock: done" : "try_lock: held");
    return free;
}

void unlock(const place& at) {
    if (is_alone()) return set_raw(at, 0);
    const inside checker;
    execution::current().step(at, true);
    give(at);
    note(at, "unlock");
}

namespace {

bool wait_for(const void* condition, const place& lock, bool timed) {
    if (is_alone()) __builtin_trap();  // nobody would notify
    const inside checker;
    execution& now = execution::current();
    now.step(lock, true);
    note(lock, "unlock and wait");
    give(lock);
    const bool notified = now.wait_for_notice(condition, timed);
    take(lock);
    note(lock, notified ? "was notified, lock" : "time is up, lock");
    return notified;
}

}  // namespace

void wait(const void* condition, const place& lock) {
    static_cast<void>(wait_for(condition, lock, false));
}
bool wait_with_timeout(const void* condition, const place& lock) {
    return wait_for(condition, lock, true);
}

void notify(const void* condition, bool all) {
    if (is_alone()) return;
    const inside checker;
    execution& now = execution::current();
    const place at{condition, 1, std::source_location::current()};
    now.step(at, true);
    now.notify(condition, all);
    note(at, all ? "notify all" : "notify one");
}

unsigned start(void (*body)(void*), void* with) {
    if (is_alone()) __builtin_trap();  // a thread outside of an execution
    const inside checker;
    return execution::current().start(body, with);
}

void join(unsigned thread) {
    const inside checker;
    execution::current().join(thread);
}

}  // namespace model::seam
