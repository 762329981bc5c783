// SPDX-License-Identifier: BSL-1.0
#include "caf_clock.hpp"

#include <caf/abstract_group.hpp>
#include <caf/make_message.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>

#include <optional>
#include <utility>
#include <vector>

namespace covey::detail {

using lowlevel::mutex_guard;
using lowlevel::mutex_lock;
using lowlevel::order;

struct caf_clock::timer {
    kind what;
    caf::strong_actor_ptr to;  // or the sender of a group's message
    caf::atom_value type{};    // of an ordinary or multi one
    std::uint64_t id = 0;      // of a timeout; a request's message ID
    caf::mailbox_element_ptr element{};
    caf::group group{};
    caf::message content{};
    std::optional<timers_of_actors::iterator> of_actor{};
};

namespace {

caf::strong_actor_ptr counted(caf::abstract_actor* self) { return {self->ctrl()}; }

}  // namespace

caf_clock::caf_clock() : source_(lowlevel::clock_of_run()) {}
caf_clock::~caf_clock() = default;

// A CAF clock gives steady_clock's time points, starting anywhere: so does a run's.
caf_clock::time_point caf_clock::now() const noexcept {
    return time_point(source_.now().time_since_epoch());
}

task<> caf_clock::run() {
    while (!stopped_.load(order::acquire)) {
        send_due();
        co_await bell_.wait(next(), nullptr);
    }
}

void caf_clock::stop() noexcept {
    stopped_.store(true, order::release);
    bell_.ring();
}

covey::time_point caf_clock::next() const {
    const mutex_guard held(lock_);
    return schedule_.empty() ? covey::time_point::max()
                             : covey::time_point(schedule_.begin()->first.time_since_epoch());
}

void caf_clock::send_due() {
    struct tell_at_end {
        caf_clock& clock;
        ~tell_at_end() {
            const mutex_guard held(clock.lock_);
            clock.is_sending_ = false;
            clock.sent_.notify_all();
        }
    } const at_end{*this};
    schedule due = take_due();
    for (auto& [when, each] : due) send(each);
}

caf_clock::schedule caf_clock::take_due() {
    schedule due;
    const time_point present = now();
    const mutex_guard held(lock_);
    is_sending_ = true;
    while (!schedule_.empty() && schedule_.begin()->first <= present) {
        auto taken = schedule_.extract(schedule_.begin());
        if (taken.mapped().of_actor) of_actor_.erase(*taken.mapped().of_actor);
        due.insert(due.end(), std::move(taken));
    }
    return due;
}

void caf_clock::send(timer& due) {
    switch (due.what) {
        case kind::ordinary:
        case kind::multi:
            due.to->get()->eq_impl(caf::make_message_id(), due.to, nullptr,
                                   caf::timeout_msg{due.type, due.id});
            break;
        case kind::request:
            due.to->get()->eq_impl(caf::message_id(due.id), due.to, nullptr,
                                   caf::make_error(caf::sec::request_timeout));
            break;
        case kind::message: due.to->enqueue(std::move(due.element), nullptr); break;
        case kind::group_message:
            if (due.group.get() != nullptr)
                due.group.get()->enqueue(std::move(due.to), caf::make_message_id(),
                                         std::move(due.content), nullptr);
            break;
    }
}

void caf_clock::add(time_point when, timer what) {
    const bool can_be_cancelled = what.what <= kind::request;
    bool is_first = false;
    {
        const mutex_guard held(lock_);
        const auto place = schedule_.emplace(when, std::move(what));
        if (can_be_cancelled)
            place->second.of_actor = of_actor_.emplace(place->second.to->id(), place);
        is_first = place == schedule_.begin();
    }
    if (is_first) bell_.ring();
}

template <class Predicate>
void caf_clock::cancel(caf::actor_id of, Predicate is_meant) {
    std::vector<schedule::node_type> cancelled;  // let go of after the lock
    const mutex_guard held(lock_);
    const auto [first, last] = of_actor_.equal_range(of);
    for (auto each = first; each != last;) {
        const auto here = each++;
        if (!is_meant(here->second->second)) continue;
        cancelled.push_back(schedule_.extract(here->second));
        of_actor_.erase(here);
    }
}

void caf_clock::set_ordinary_timeout(time_point when, caf::abstract_actor* self,
                                     caf::atom_value type, std::uint64_t id) {
    cancel_ordinary_timeout(self, type);
    add(when, {.what = kind::ordinary, .to = counted(self), .type = type, .id = id});
}

void caf_clock::set_multi_timeout(time_point when, caf::abstract_actor* self, caf::atom_value type,
                                  std::uint64_t id) {
    add(when, {.what = kind::multi, .to = counted(self), .type = type, .id = id});
}

void caf_clock::set_request_timeout(time_point when, caf::abstract_actor* self,
                                    caf::message_id id) {
    add(when, {.what = kind::request, .to = counted(self), .id = id.integer_value()});
}

void caf_clock::cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) {
    cancel(self->id(),
           [type](const timer& each) { return each.what == kind::ordinary && each.type == type; });
}

void caf_clock::cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) {
    cancel(self->id(), [id](const timer& each) {
        return each.what == kind::request && each.id == id.integer_value();
    });
}

void caf_clock::cancel_timeouts(caf::abstract_actor* self) {
    cancel(self->id(), [](const timer&) { return true; });
}

void caf_clock::schedule_message(time_point when, caf::strong_actor_ptr receiver,
                                 caf::mailbox_element_ptr content) {
    add(when, {.what = kind::message, .to = std::move(receiver), .element = std::move(content)});
}

void caf_clock::schedule_message(time_point when, caf::group target, caf::strong_actor_ptr sender,
                                 caf::message content) {
    add(when, {.what = kind::group_message,
               .to = std::move(sender),
               .group = std::move(target),
               .content = std::move(content)});
}

void caf_clock::cancel_all() {
    schedule cancelled;  // let go of after the lock
    mutex_lock held(lock_);
    of_actor_.clear();
    cancelled.swap(schedule_);
    sent_.wait(held, [this] { return !is_sending_; });
}

std::size_t caf_clock::armed() const {
    const mutex_guard held(lock_);
    return schedule_.size();
}

}  // namespace covey::detail
