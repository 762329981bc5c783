// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/lowlevel/park.hpp>

#include <type_traits>
#include <utility>

namespace covey::detail {

// Counts the references to itself; made with one.
class counted_object : public lowlevel::reference_count {
 public:
    counted_object(const counted_object&) = delete;
    counted_object& operator=(const counted_object&) = delete;

    void drop_reference() noexcept {
        if (remove_reference()) delete this;
    }

 protected:
    counted_object() noexcept = default;
    virtual ~counted_object() = default;
};

// One reference to a counted object, or to none.
template <class T>
class counted_ref {
 public:
    counted_ref() noexcept = default;
    // Takes over the reference that a new object is made with.
    explicit counted_ref(T* made) noexcept : object_(made) {}
    counted_ref(const counted_ref& other) noexcept : object_(other.object_) {
        if (object_ != nullptr) object_->add_reference();
    }
    counted_ref(counted_ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    template <class U>
        requires(!std::is_same_v<U, T> && std::is_convertible_v<U*, T*>)
    counted_ref(counted_ref<U> other) noexcept : object_(other.release()) {}
    counted_ref& operator=(counted_ref other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~counted_ref() {
        if (object_ != nullptr) object_->drop_reference();
    }
    // One more reference to it.
    static counted_ref to(T& object) noexcept {
        object.add_reference();
        return counted_ref(&object);
    }

    [[nodiscard]] T* get() const noexcept { return object_; }
    // Gives the reference away.
    [[nodiscard]] T* release() noexcept { return std::exchange(object_, nullptr); }
    [[nodiscard]] T& operator*() const noexcept { return *object_; }
    [[nodiscard]] T* operator->() const noexcept { return object_; }
    [[nodiscard]] explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
    T* object_ = nullptr;
};

}  // namespace covey::detail
