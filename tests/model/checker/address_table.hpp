// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace model {

// A map from addresses to records, emptied in one step: it is, before each execution. A record
// stays where it is until then.
template <class Record>
class address_table {
 public:
    void clear() noexcept {
        ++age_;
        count_ = 0;
    }
    [[nodiscard]] Record* find(std::uintptr_t address) noexcept {
        for (std::size_t at = first(address);; at = next(at)) {
            if (slots_[at].age != age_) return nullptr;
            if (slots_[at].address == address) return &slots_[at].record;
        }
    }
    [[nodiscard]] Record& operator[](std::uintptr_t address) {
        for (std::size_t at = first(address);; at = next(at)) {
            slot& here = slots_[at];
            if (here.age == age_ && here.address == address) return here.record;
            if (here.age == age_) continue;
            if (++count_ > most) __builtin_trap();  // an execution of this size is no small program
            here.age = age_;
            here.address = address;
            here.record = Record();
            return here.record;
        }
    }

 private:
    struct slot {
        std::uint32_t age = 0;
        std::uintptr_t address = 0;
        Record record{};
    };
    static constexpr std::size_t size = std::size_t(1) << 15;
    static constexpr std::size_t most = size / 2;

    static std::size_t first(std::uintptr_t address) noexcept {
        return ((address >> 2) * 0x9E3779B97F4A7C15U) >> (64 - 15);
    }
    static std::size_t next(std::size_t at) noexcept { return (at + 1) % size; }

    std::unique_ptr<slot[]> slots_ = std::make_unique<slot[]>(size);
    std::uint32_t age_ = 1;
    std::size_t count_ = 0;
};

}  // namespace model
