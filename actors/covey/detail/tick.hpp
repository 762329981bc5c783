// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/detail/envelope.hpp>

#include <utility>

namespace covey::detail {

// What send_every() sends again and again: in the mailbox stands a reference to it, and the copy
// for the handler is made when its turn has come.
class tick_source : public counted_object {
 public:
    [[nodiscard]] const message_type& type() const noexcept { return type_; }

    // True: there was none in the mailbox, and the caller puts one there.
    [[nodiscard]] bool claim() noexcept {
        return !queued_.exchange(true, lowlevel::order::acq_rel);
    }
    void leave_mailbox() noexcept { queued_.store(false, lowlevel::order::release); }
    [[nodiscard]] called_handler handle(actor& by);

 protected:
    explicit tick_source(const message_type& type) noexcept : type_(type) {}
    virtual void copy_into(message_box& box) const = 0;

 private:
    const message_type& type_;
    message_box current_;  // of the tick being handled
    lowlevel::atomic<bool> queued_{false};
};

template <class M>
class typed_tick final : public tick_source {
 public:
    typed_tick(const message_type& type, M&& message)
        : tick_source(type), message_(std::move(message)) {}

 private:
    void copy_into(message_box& box) const override { box.put<M>(this->type(), message_); }

    M message_;
};

}  // namespace covey::detail
