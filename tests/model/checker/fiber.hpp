// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <ucontext.h>
#include <vector>

namespace model {

// A stack of its own, and what a thread has of its own besides: the variables of the program that
// are thread_local, and the exceptions that it is handling. One thread of the machine runs them all
// in turns.
class fiber {
 public:
    fiber();
    fiber(const fiber&) = delete;
    fiber& operator=(const fiber&) = delete;
    ~fiber();

    // The next switch begins `body`, as in a thread that has just been started. It ends by
    // finish(), and what follows that is done when the fiber is begun anew.
    void prepare(void (*body)());
    void finish() noexcept { is_finished_ = true; }
    void abandon() noexcept { is_finished_ = false; }
    // From the one that runs to another.
    void switch_to(fiber& next);

    // A variable that is thread_local: each thread has another one there.
    [[nodiscard]] static bool is_of_thread(std::uintptr_t address) noexcept;
    // How far from its end; 0: it isn't on it.
    [[nodiscard]] std::size_t offset_on_stack(const void* address) const noexcept;

 private:
    void save_storage();
    void load_storage() const;
    [[noreturn]] static void enter();

    static constexpr std::size_t stack_bytes = std::size_t(256) << 10;

    void (*body_)() = nullptr;
    bool is_fresh_ = false;
    bool is_finished_ = false;  // it can begin again where it stands: no call to the system
    std::unique_ptr<std::byte[]> stack_;  // null: the thread's own
    std::vector<std::byte> storage_;
    void* exceptions_[2] = {};
    ucontext_t entry_;
    std::jmp_buf here_;
};

}  // namespace model
