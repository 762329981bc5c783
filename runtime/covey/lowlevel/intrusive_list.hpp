// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/lowlevel/assert.hpp>

#include <cstddef>

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
    intrusive_list() noexcept { head_.previous = head_.next = &head_; }
    intrusive_list(const intrusive_list&) = delete;
    intrusive_list& operator=(const intrusive_list&) = delete;
    ~intrusive_list() { COVEY_ASSERT(empty(), "an intrusive_list ends with nodes still in it"); }

    [[nodiscard]] bool empty() const noexcept { return head_.next == &head_; }
    [[nodiscard]] T* front() const noexcept { return empty() ? nullptr : to_object(head_.next); }
    [[nodiscard]] T* back() const noexcept { return empty() ? nullptr : to_object(head_.previous); }
    [[nodiscard]] T* after(const T& node) const noexcept {
        list_hook* next = static_cast<const Hook&>(node).next;
        return next == &head_ ? nullptr : to_object(next);
    }

    void push_back(T& node) noexcept { link_before(head_, node); }
    void push_front(T& node) noexcept { link_before(*head_.next, node); }

    T* pop_front() noexcept {
        T* node = front();
        if (node != nullptr) remove(*node);
        return node;
    }

    void remove(T& node) noexcept {
        list_hook& hook = static_cast<Hook&>(node);
        COVEY_ASSERT(hook.is_linked(), "a node leaves a list that it is not in");
        hook.previous->next = hook.next;
        hook.next->previous = hook.previous;
        hook.previous = hook.next = nullptr;
    }

    // Moves every node of `other` to the end of this list, in order. O(1).
    void splice_back(intrusive_list& other) noexcept {
        if (other.empty()) return;
        list_hook* first = other.head_.next;
        list_hook* last = other.head_.previous;
        first->previous = head_.previous;
        head_.previous->next = first;
        last->next = &head_;
        head_.previous = last;
        other.head_.previous = other.head_.next = &other.head_;
    }

 private:
    static T* to_object(list_hook* hook) noexcept {
        return static_cast<T*>(static_cast<Hook*>(hook));
    }

    static void link_before(list_hook& place, T& node) noexcept {
        list_hook& hook = static_cast<Hook&>(node);
        COVEY_ASSERT(!hook.is_linked(), "a node enters a second list");
        hook.previous = place.previous;
        hook.next = &place;
        place.previous->next = &hook;
        place.previous = &hook;
    }

    list_hook head_;  // a ring: its own neighbour when the list is empty
};

}  // namespace covey::lowlevel
