// SPDX-License-Identifier: BSL-1.0
// support/replace_new.cpp includes <covey/replace_new.hpp> for this program.
#include <covey/lowlevel/allocation_observer.hpp>
#include <covey/lowlevel/sanitizers.hpp>

#if !COVEY_UNDER_TSAN

#include "support/catch.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <thread>

namespace {

// Counts, and allows all or nothing.
class observer final : public covey::lowlevel::allocation_observer {
 public:
    explicit observer(bool allows_it = true) noexcept : allows_it_(allows_it) {}
    ~observer() { covey::lowlevel::set_allocation_observer(before_); }

    bool allows(std::size_t bytes) noexcept override {
        ++asked;
        last_bytes = bytes;
        return allows_it_;
    }
    void taken(void*) noexcept override { ++in_use; }
    void given_back(void*) noexcept override { --in_use; }

    int asked = 0;
    int in_use = 0;
    std::size_t last_bytes = 0;

 private:
    const bool allows_it_;
    covey::lowlevel::allocation_observer* const before_ =
        covey::lowlevel::set_allocation_observer(this);
};

constexpr auto to = std::align_val_t(128);

bool is_aligned(const void* block) { return reinterpret_cast<std::uintptr_t>(block) % 128 == 0; }

}  // namespace

TEST_CASE("replace_new: every form of operator new is seen, and gives memory as it should") {
    bool all_aligned = true;
    int asked = 0;
    int in_use = -1;
    {
        observer all;
        ::operator delete(::operator new(10));
        ::operator delete(::operator new(10), std::size_t(10));
        ::operator delete[](::operator new[](10));
        ::operator delete[](::operator new[](10), std::size_t(10));
        ::operator delete(::operator new(10, std::nothrow));
        ::operator delete[](::operator new[](10, std::nothrow));
        ::operator delete(nullptr);
        ::operator delete(::operator new(0));
        for (void* block : {::operator new(10, to), ::operator new(128, to, std::nothrow)}) {
            all_aligned = all_aligned && is_aligned(block);
            ::operator delete(block, to);
        }
        for (void* block : {::operator new[](10, to), ::operator new[](128, to, std::nothrow)}) {
            all_aligned = all_aligned && is_aligned(block);
            ::operator delete[](block, to);
        }
        asked = all.asked;
        in_use = all.in_use;
    }
    CHECK(all_aligned);
    CHECK(asked == 11);
    CHECK(in_use == 0);
}

TEST_CASE("replace_new: an observer makes allocations of its thread fail, and of no other") {
    int refused = 0;
    bool nothrow_is_null = false;
    int asked = 0;
    std::size_t bytes = 0;
    const auto count = [&refused](auto allocate) {
        try {
            allocate();
        } catch (const std::bad_alloc&) {
            ++refused;
        }
    };
    {
        observer none(false);
        count([] { ::operator delete(::operator new(10)); });
        count([] { ::operator delete[](::operator new[](10)); });
        count([] { ::operator delete(::operator new(10, to), to); });
        count([] { ::operator delete[](::operator new[](10, to), to); });
        nothrow_is_null = ::operator new(20, std::nothrow) ==
                          nullptr&& ::operator new[](20, std::nothrow) == nullptr;
        asked = none.asked;
        bytes = none.last_bytes;
    }
    CHECK(refused == 4);
    CHECK(nothrow_is_null);
    CHECK(asked == 6);
    CHECK(bytes == 20);

    bool other_got_it = false;
    std::atomic<bool> may_try = false;
    std::thread other([&] {
        while (!may_try) std::this_thread::yield();
        ::operator delete(::operator new(10));
        other_got_it = true;
    });
    {
        const observer none(false);
        may_try = true;
        other.join();
    }
    CHECK(other_got_it);
}

#endif
