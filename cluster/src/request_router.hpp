// SPDX-License-Identifier: BSL-1.0
#pragma once

// How a task asks a CAF actor.
//
// What       To CAF the router is an actor, the sender of every request of its host. An answer
//            finds the request by its number.
// Invariants A request is in requests_ from its construction until it is answered, fails, or its
//            task has gone: whoever takes it out decides which, and what is stored then is
//            received unless the wait was cancelled.
// Threads    Answers and deaths come on whatever thread they happen, with locks of CAF held: they
//            store, wake, and return. lock_ is held for that; no message ends under it.
// Lifetime   Counted as CAF's actors are; a death that is being told keeps it. Requests end with
//            their tasks, and so before the host.
// Death      CAF doesn't answer a request whose receiver has left without doing so, nor tells that
//            a message to another node is lost. So each request watches its receiver. An actor that
//            is dead already says so while the watch is attached: nothing is waiting yet.
// Rejected   An actor for each request: CAF would keep each of them for remote receivers.

#include "caf_version.hpp"

#include <covey/lowlevel/park.hpp>

#include <caf/error.hpp>
#include <caf/message.hpp>
#include <caf/monitorable_actor.hpp>

#include <cstdint>
#include <unordered_map>

namespace covey::detail {

class request_router;

// The host's reference to its router.
class router_ref {
 public:
    router_ref() noexcept = default;
    explicit router_ref(caf::strong_actor_ptr router) noexcept : router_(std::move(router)) {}
    [[nodiscard]] explicit operator bool() const noexcept { return router_ != nullptr; }
    [[nodiscard]] request_router* operator->() const noexcept;
    [[nodiscard]] request_router& operator*() const noexcept { return *operator->(); }
    // Nobody asks any more.
    void close();

 private:
    caf::strong_actor_ptr router_;
};

class request_router final : public caf::monitorable_actor {
 public:
    explicit request_router(caf::actor_config& config) : monitorable_actor(config) {}
    [[nodiscard]] static router_ref make(caf::actor_system& system);

    class request;
    class answered;

    [[nodiscard]] const char* name() const override { return "covey request router"; }
    void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* host) override;

    [[nodiscard]] std::size_t waiting() const noexcept;
    [[nodiscard]] std::uint64_t dropped() const noexcept;

 private:
    class watch;
    enum class outcome : std::uint8_t { none, answer, error, death };

    void finish(std::uint64_t number, outcome how, caf::message answer, caf::error error);

    mutable lowlevel::spin_lock lock_;
    std::unordered_map<std::uint64_t, request*> requests_;  // guarded by lock_, as all below
    std::uint64_t last_number_ = 0;
    std::uint64_t dropped_ = 0;
};

// One question, in the frame of the task that asks.
class request_router::request {
 public:
    request(request_router& router, caf::strong_actor_ptr to);
    request(const request&) = delete;
    request& operator=(const request&) = delete;
    ~request();

    void send(caf::message question);
    // After the wait: the answer, or throws.
    [[nodiscard]] caf::message take();

 private:
    friend class request_router;

    // Constant.
    request_router& router_;
    const caf::strong_actor_ptr to_;
    std::uint64_t number_;

    // Guarded by the router's lock until it is over, then the task's.
    lowlevel::wait_node* waiting_ = nullptr;
    outcome how_ = outcome::none;
    caf::message answer_;
    caf::error error_;
};

// Waits for it.
class [[nodiscard]] request_router::answered final : public lowlevel::wait_operation {
 public:
    using covey_result = void;
    explicit answered(request& awaited) noexcept;
    void await_resume() const noexcept {}

 private:
    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept override;
    void lock() noexcept override;
    void unlock() noexcept override;
    bool try_now() override;
    void link() noexcept override;
    void unlink() noexcept override;

    request* request_;
};

}  // namespace covey::detail
