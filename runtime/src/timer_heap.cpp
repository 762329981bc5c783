// SPDX-License-Identifier: BSL-1.0
#include "timer_heap.hpp"

#include <utility>

namespace covey::detail {

void timer_heap::insert(timer& node) noexcept { root_ = meld(root_, &node); }

void timer_heap::remove(timer& node) noexcept {
    timer* const below = meld_siblings(std::exchange(node.child_, nullptr));
    if (&node == root_) {
        root_ = below;
        return;
    }
    timer* const before = node.previous_;
    (before->child_ == &node ? before->child_ : before->next_) = node.next_;
    if (node.next_ != nullptr) node.next_->previous_ = before;
    node.next_ = node.previous_ = nullptr;
    if (below != nullptr) put_below(*root_, *below);  // none of them is earlier
}

bool timer_heap::is_before(const timer& a, const timer& b) noexcept {
    return a.when_ != b.when_ ? a.when_ < b.when_ : a.sequence_ < b.sequence_;
}

// Two roots become one: the later one goes below the earlier.
timer* timer_heap::meld(timer* a, timer* b) noexcept {
    if (a == nullptr) return b;
    if (b == nullptr) return a;
    if (is_before(*b, *a)) std::swap(a, b);
    put_below(*a, *b);
    return a;
}

void timer_heap::put_below(timer& earlier, timer& later) noexcept {
    later.next_ = earlier.child_;
    if (later.next_ != nullptr) later.next_->previous_ = &later;
    later.previous_ = &earlier;
    earlier.child_ = &later;
}

// Melds a list of siblings in pairs from the left, then the pairs from the right: two loops, so
// that a long list costs no stack.
timer* timer_heap::meld_siblings(timer* first) noexcept {
    if (first == nullptr) return nullptr;
    timer* pairs = nullptr;
    while (first != nullptr) {
        timer* a = first;
        timer* b = a->next_;
        first = b == nullptr ? nullptr : b->next_;
        a->next_ = a->previous_ = nullptr;
        if (b != nullptr) b->next_ = b->previous_ = nullptr;
        timer* pair = meld(a, b);
        pair->next_ = pairs;
        pairs = pair;
    }
    timer* root = nullptr;
    while (pairs != nullptr) {
        timer* rest = std::exchange(pairs->next_, nullptr);
        root = meld(root, pairs);
        pairs = rest;
    }
    return root;
}

}  // namespace covey::detail
