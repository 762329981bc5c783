// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/lowlevel/assert.hpp>

#include <cstddef>
#include <utility>

namespace covey::lowlevel {

// A place in one intrusive_list. A node is in at most one list of its kind and is destroyed
// outside of any.
struct list_hook {
    list_hook* previous = nullptr;
    list_hook* next = nullptr;

    list_hook() noexcept = default;
    list_hook(const list_hook&) = delete;
    list_hook& operator=(const list_hook&) = delete;

    [[nodiscard]] bool is_linked() const noexcept { return next != nullptr; }
};

// A doubly linked list of objects that carry their own links: no allocation, O(1) removal from
// the middle. `T` derives from `Hook`, which derives from list_hook (several kinds of hook let an
// object stand in several lists). Threads: guarded by whoever owns the list. Pushing to the front
// and the back, popping and removing cost O(1).
template <class T, class Hook = list_hook>
class intrusive_list {
 public:
    intrusive_list() noexcept = default;
    intrusive_list(const intrusive_list&) = delete;
    intrusive_list& operator=(const intrusive_list&) = delete;
    ~intrusive_list() { COVEY_ASSERT(empty(), "an intrusive_list ends with nodes still in it"); }

    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
    [[nodiscard]] T* front() const noexcept { return empty() ? nullptr : to_object(first_); }
    [[nodiscard]] T* back() const noexcept {
        return empty() ? nullptr : to_object(first_->previous);
    }
    [[nodiscard]] T* after(const T& node) const noexcept {
        list_hook* next = static_cast<const Hook&>(node).next;
        return next == first_ ? nullptr : to_object(next);
    }

    void push_back(T& node) noexcept {
        list_hook& hook = static_cast<Hook&>(node);
        COVEY_ASSERT(!hook.is_linked(), "a node enters a second list");
        if (empty()) {
            first_ = hook.previous = hook.next = &hook;
            return;
        }
        list_hook& last = *first_->previous;
        hook.previous = &last;
        hook.next = first_;
        last.next = first_->previous = &hook;
    }
    void push_front(T& node) noexcept {
        push_back(node);
        first_ = &static_cast<Hook&>(node);
    }

    T* pop_front() noexcept {
        T* node = front();
        if (node != nullptr) remove(*node);
        return node;
    }

    void remove(T& node) noexcept {
        list_hook& hook = static_cast<Hook&>(node);
        COVEY_ASSERT(hook.is_linked(), "a node leaves a list that it is not in");
        if (first_ == &hook) first_ = hook.next == &hook ? nullptr : hook.next;
        hook.previous->next = hook.next;
        hook.next->previous = hook.previous;
        hook.previous = hook.next = nullptr;
    }

    // Moves every node of `other` to the end of this list, in order. O(1).
    void splice_back(intrusive_list& other) noexcept {
        list_hook* const added = std::exchange(other.first_, nullptr);
        if (added == nullptr) return;
        if (empty()) {
            first_ = added;
            return;
        }
        list_hook* const last = added->previous;
        added->previous = first_->previous;
        first_->previous->next = added;
        last->next = first_;
        first_->previous = last;
    }

 private:
    static T* to_object(list_hook* hook) noexcept {
        return static_cast<T*>(static_cast<Hook*>(hook));
    }

    list_hook* first_ = nullptr;  // of a ring
};

}  // namespace covey::lowlevel
