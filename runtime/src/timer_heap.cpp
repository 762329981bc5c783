// SPDX-License-Identifier: BSL-1.0
#include "timer_heap.hpp"

#include <covey/lowlevel/census.hpp>

#include <utility>

namespace covey::detail {

using lowlevel::count;
using lowlevel::counted;

bool timer_heap::arm(timer& node, std::int64_t when) noexcept {
    COVEY_ASSERT(!node.armed_, "a timer is armed twice");
    node.when_ = when;
    node.sequence_ = ++armed_so_far_;
    node.armed_ = true;
    count(counted::timers, +1);
    if (root_ != nullptr && !is_before(node, *root_)) {
        put_below(*root_, node);
        return false;
    }
    if (root_ != nullptr) put_below(node, *root_);
    set_root(&node);
    return true;
}

void timer_heap::disarm(timer& node) noexcept {
    if (!node.armed_) return;
    timer* below = meld_siblings(std::exchange(node.child_, nullptr));
    if (&node == root_) {
        set_root(below);
    } else {
        timer* before = node.previous_;
        (before->child_ == &node ? before->child_ : before->next_) = node.next_;
        if (node.next_ != nullptr) node.next_->previous_ = before;
        if (below != nullptr) put_below(*root_, *below);  // none of them is earlier
    }
    mark_disarmed(node);
}

timer* timer_heap::take_due(std::int64_t now) noexcept {
    timer* due = root_;
    if (due == nullptr || due->when_ > now) return nullptr;
    set_root(meld_siblings(std::exchange(due->child_, nullptr)));
    mark_disarmed(*due);
    return due;
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

void timer_heap::set_root(timer* root) noexcept {
    root_ = root;
    if (root != nullptr) root->next_ = root->previous_ = nullptr;
    next_.store(root == nullptr ? nothing : root->when_, lowlevel::order::release);
}

void timer_heap::mark_disarmed(timer& node) noexcept {
    node.armed_ = false;
    node.child_ = node.next_ = node.previous_ = nullptr;
    count(counted::timers, -1);
}

}  // namespace covey::detail
