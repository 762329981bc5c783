// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <covey/channel.hpp>
#include <covey/detail/counted.hpp>
#include <covey/task.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

namespace covey {

namespace detail {

// One who listens to a topic.
template <class M>
class subscriber final : public counted_object {
 public:
    explicit subscriber(send_channel<M> end) noexcept : channel(std::move(end)) {}
    send_channel<M> channel;
};

// What a topic and the publishing in progress share.
template <class M>
class topic_state final : public counted_object {
 public:
    using subscription = counted_ref<subscriber<M>>;

    void add(subscription fresh) {
        std::vector<subscription> gone;  // destroyed without the lock
        const lowlevel::locked held(lock_);
        if (subscribers_.size() == subscribers_.capacity()) remove_finished_locked(gone);
        subscribers_.push_back(std::move(fresh));
    }
    [[nodiscard]] std::vector<subscription> all() const {
        std::vector<subscription> result;
        std::size_t expected = count();
        for (;;) {  // memory is taken without the lock
            result.reserve(expected);
            const lowlevel::locked held(lock_);
            expected = subscribers_.size();
            if (expected > result.capacity()) continue;
            result.insert(result.end(), subscribers_.begin(), subscribers_.end());
            return result;
        }
    }
    void remove(const subscription& leaving) noexcept {
        subscription removed;
        const lowlevel::locked held(lock_);
        for (std::size_t i = 0; i != subscribers_.size(); ++i) {
            if (subscribers_[i].get() != leaving.get()) continue;
            removed = std::move(subscribers_[i]);
            subscribers_.erase(subscribers_.begin() + static_cast<std::ptrdiff_t>(i));
            return;
        }
    }
    [[nodiscard]] std::size_t count() const noexcept {
        const lowlevel::locked held(lock_);
        return subscribers_.size();
    }
    void close() noexcept {
        std::vector<subscription> removed;
        {
            const lowlevel::locked held(lock_);
            removed.swap(subscribers_);
        }
        for (const subscription& each : removed) each->channel.close();
    }

 private:
    void remove_finished_locked(std::vector<subscription>& gone) {
        for (std::size_t i = subscribers_.size(); i-- != 0;) {
            if (subscribers_[i]->channel.statistics().open_receive_channels != 0) continue;
            gone.push_back(std::move(subscribers_[i]));
            subscribers_.erase(subscribers_.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }

    mutable lowlevel::spin_lock lock_;
    std::vector<subscription> subscribers_;  // guarded by lock_
};

template <class M>
task<std::size_t> publish_to_all(counted_ref<topic_state<M>> state, M message) {
    co_await stands_for_its_caller();
    std::size_t taken = 0;
    const auto subscribers = state->all();
    for (const auto& each : subscribers) {
        bool is_gone = false;
        try {
            M copy(message);
            co_await each->channel.send_from(copy);
            ++taken;
        } catch (const broken_resource_error&) {
            is_gone = true;  // it doesn't listen any more
        } catch (const closed_resource_error&) {
            is_gone = true;  // the topic has ended meanwhile
        } catch (const channel_full_error&) {
            is_gone = true;  // overflow::fail: it was too slow
        }
        if (!is_gone) continue;
        each->channel.close();
        state->remove(each);
    }
    if (subscribers.empty()) co_await checkpoint();
    co_return taken;
}

}  // namespace detail

// Messages for whoever listens: each subscriber has a bounded channel of its own, and gets what is
// published after it subscribed. Its destructor ends the channels: subscribers receive what is
// buffered, then the end. Threads: any, several at once; destroying it is for one alone.
template <class M>
class topic {
    static_assert(std::is_copy_constructible_v<M>,
                  "covey: each subscriber of a topic gets a copy of the message: it has to be "
                  "copyable");

 public:
    topic() : state_(new detail::topic_state<M>()) {}
    topic(const topic&) = delete;
    topic& operator=(const topic&) = delete;
    ~topic() { state_->close(); }

    // Sends a copy to each subscriber, in the order in which they subscribed; gives how many took
    // it. Waits for those with overflow::block whose channel is full: one slow subscriber slows the
    // publisher, which is what it asked for. One that has closed its channel is forgotten, and one
    // with overflow::fail is too when it is full: it receives what is buffered, then the end.
    // Messages of one publisher arrive in order. A checkpoint; a cancelled publish has reached some
    // and not the others. Cost: one frame, a list of the subscribers, a copy for each.
    [[nodiscard]] task<std::size_t> publish(M message) {
        return detail::publish_to_all<M>(state_, std::move(message));
    }

    // A new subscriber: at most `capacity` messages wait for it. Throws std::invalid_argument for a
    // negative or absurd capacity.
    template <std::integral I>
    [[nodiscard]] receive_channel<M> subscribe(I capacity, overflow policy = overflow::block) {
        auto ends = open_memory_channel<M>(capacity, policy);
        using subscriber = detail::subscriber<M>;
        state_->add(detail::counted_ref<subscriber>(new subscriber(std::move(ends.first))));
        return std::move(ends.second);
    }

    // Subscribers, as far as the topic knows: one that has gone is noticed when it is sent to.
    [[nodiscard]] std::size_t subscribers() const noexcept { return state_->count(); }

 private:
    const detail::counted_ref<detail::topic_state<M>> state_;
};

}  // namespace covey
