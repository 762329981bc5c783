// SPDX-License-Identifier: BSL-1.0
#undef _FORTIFY_SOURCE  // its longjmp goes up a stack, never to another one

#include "fiber.hpp"

#include <cstdint>
#include <cstring>
#include <cxxabi.h>
#include <link.h>
#include <utility>

namespace model {

namespace {

// The block of the program's thread_local variables in the thread that runs the fibers, and what a
// fresh thread finds there.
struct thread_storage {
    std::byte* block = nullptr;
    std::size_t bytes = 0;
    std::vector<std::byte> fresh;
};

int find_storage(dl_phdr_info* program, std::size_t, void* to) {
    auto& found = *static_cast<thread_storage*>(to);
    for (int i = 0; i != program->dlpi_phnum; ++i) {
        const auto& part = program->dlpi_phdr[i];
        if (part.p_type != PT_TLS) continue;
        found.block = static_cast<std::byte*>(program->dlpi_tls_data);
        found.bytes = part.p_memsz;
        found.fresh.assign(found.bytes, std::byte{0});
        const auto* image = reinterpret_cast<const std::byte*>(program->dlpi_addr + part.p_vaddr);
        std::memcpy(found.fresh.data(), image, part.p_filesz);
    }
    return 1;  // the program itself is the first: no need to look at its libraries
}

const thread_storage& storage() {
    static const thread_storage found = [] {
        thread_storage result;
        dl_iterate_phdr(find_storage, &result);
        return result;
    }();
    return found;
}

fiber* entering = nullptr;

}  // namespace

fiber::fiber() : storage_(storage().fresh) {}
fiber::~fiber() = default;

void fiber::prepare(void (*body)()) {
    if (stack_ == nullptr) stack_ = std::make_unique_for_overwrite<std::byte[]>(stack_bytes);
    body_ = body;
    storage_ = storage().fresh;
    std::memset(exceptions_, 0, sizeof exceptions_);
    if (std::exchange(is_finished_, false)) return;
    is_fresh_ = true;
    getcontext(&entry_);
    entry_.uc_stack.ss_sp = stack_.get();
    entry_.uc_stack.ss_size = stack_bytes;
    entry_.uc_link = nullptr;
    makecontext(&entry_, &fiber::enter, 0);
}

void fiber::enter() {
    const fiber& self = *entering;
    for (;;) self.body_();
}

void fiber::save_storage() {
    std::memcpy(storage_.data(), storage().block, storage().bytes);
    std::memcpy(exceptions_, abi::__cxa_get_globals(), sizeof exceptions_);
}

void fiber::load_storage() const {
    std::memcpy(storage().block, storage_.data(), storage().bytes);
    std::memcpy(abi::__cxa_get_globals(), exceptions_, sizeof exceptions_);
}

void fiber::switch_to(fiber& next) {
    save_storage();
    next.load_storage();
    if (_setjmp(here_) != 0) return;
    if (next.is_fresh_) {
        next.is_fresh_ = false;
        entering = &next;
        setcontext(&next.entry_);
    }
    _longjmp(next.here_, 1);
}

bool fiber::is_of_thread(std::uintptr_t address) noexcept {
    return address - reinterpret_cast<std::uintptr_t>(storage().block) < storage().bytes;
}

std::size_t fiber::offset_on_stack(const void* address) const noexcept {
    const auto offset =
        reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(stack_.get());
    return stack_ != nullptr && offset < stack_bytes ? stack_bytes - offset : 0;
}

}  // namespace model
