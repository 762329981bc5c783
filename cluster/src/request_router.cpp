// SPDX-License-Identifier: BSL-1.0
#include "request_router.hpp"

#include "caf_core.hpp"

#include <covey/caf.hpp>
#include <covey/timeout.hpp>

#include <boost/core/demangle.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/attachable.hpp>
#include <caf/detail/sync_request_bouncer.hpp>
#include <caf/make_actor.hpp>
#include <fmt/format.h>

#include <utility>

namespace covey::detail {

using lowlevel::locked;

namespace {

constexpr lowlevel::wait_traits waits_for_answer{"an answer of a CAF actor"};

[[nodiscard]] std::string label(const caf::strong_actor_ptr& actor) {
    return fmt::format("CAF actor {}", actor->id());
}

// To another process CAF would send nothing at all instead, and print a line.
void check_types(const caf::strong_actor_ptr& to, const caf::message& question) {
    caf::actor_system& system = *to->home_system;
    if (to->node() == system.node()) return;
    for (std::size_t i = 0; i != question.size(); ++i) {
        const caf::rtti_pair type = question.type(i);
        const auto& types = system.types();
        if (type.first != 0 || types.portable_name(type) != types.default_type_name()) continue;
        throw std::invalid_argument(fmt::format(
            "covey: a request to {} of another process has a value of type {}, which isn't "
            "announced: config.add_message_type<...>(\"its name\"), on both sides",
            label(to), boost::core::demangle(type.second->name())));
    }
}

}  // namespace

// Tells the request that its receiver has ended. One of covey's own kind of watches, so that it can
// be taken away again.
class request_router::watch final : public caf::attachable {
 public:
    struct token {
        static constexpr std::size_t token_type = 0xC0'7E'11;
        const request_router* router;
        std::uint64_t number;
    };

    watch(caf::strong_actor_ptr router, std::uint64_t number)
        : router_(std::move(router)), number_(number) {}

    // An actor that has done its work has none for a reason.
    void actor_exited(const caf::error& reason, caf::execution_unit*) override {
        router().finish(number_, outcome::death, {},
                        reason ? reason : caf::make_error(caf::sec::request_receiver_down));
    }
    bool matches(const caf::attachable::token& what) override {
        if (what.subtype != token::token_type) return false;
        const auto& wanted = *static_cast<const token*>(what.ptr);
        return wanted.router == &router() && wanted.number == number_;
    }

 private:
    [[nodiscard]] request_router& router() const noexcept {
        return *static_cast<request_router*>(router_->get());
    }

    const caf::strong_actor_ptr router_;
    const std::uint64_t number_;
};

router_ref request_router::make(caf::actor_system& system) {
    caf::actor_config config;
    return router_ref(caf::make_actor<request_router, caf::strong_actor_ptr>(
        system.next_actor_id(), system.node(), &system, config));
}

request_router* router_ref::operator->() const noexcept {
    return static_cast<request_router*>(router_->get());
}

void router_ref::close() {
    if (!router_) return;
    operator->()->cleanup(caf::make_error(caf::exit_reason::normal), nullptr);
    router_ = nullptr;
}

// Nobody but the answers knows the router.
void request_router::enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) {
    if (!what->mid.is_response()) {
        caf::detail::sync_request_bouncer bounce(caf::make_error(caf::sec::unexpected_message));
        return bounce(*what);
    }
    caf::message answer = what->move_content_to_message();
    const std::uint64_t number = what->mid.request_id().integer_value();
    if (answer.match_elements<caf::error>()) {
        caf::error error = answer.get_as<caf::error>(0);
        finish(number, outcome::error, {}, std::move(error));
    } else {
        finish(number, outcome::answer, std::move(answer), {});
    }
}

void request_router::finish(std::uint64_t number, outcome how, caf::message answer,
                            caf::error error) {
    lowlevel::wait_node* woken = nullptr;
    {
        const locked held(lock_);
        const auto found = requests_.find(number);
        request* const asked = found == requests_.end() ? nullptr : found->second;
        if (asked != nullptr) requests_.erase(found);
        woken = asked == nullptr ? nullptr : std::exchange(asked->waiting_, nullptr);
        if (asked == nullptr || (woken != nullptr && !woken->claim())) {
            if (how != outcome::death) ++dropped_;
            return;
        }
        asked->how_ = how;
        asked->answer_ = std::move(answer);
        asked->error_ = std::move(error);
    }
    if (woken != nullptr) woken->wake();
}

std::size_t request_router::waiting() const noexcept {
    const locked held(lock_);
    return requests_.size();
}

std::uint64_t request_router::dropped() const noexcept {
    const locked held(lock_);
    return dropped_;
}

request_router::request::request(request_router& router, caf::strong_actor_ptr to)
    : router_(router), to_(std::move(to)) {
    const locked held(router_.lock_);
    number_ = ++router_.last_number_;
    router_.requests_.emplace(number_, this);
}

request_router::request::~request() {
    {
        const locked held(router_.lock_);
        router_.requests_.erase(number_);
    }
    to_->get()->detach(watch::token{&router_, number_});
}

void request_router::request::send(caf::message question) {
    caf::strong_actor_ptr self(router_.ctrl());
    to_->get()->attach(std::make_unique<watch>(self, number_));
    {
        const locked held(router_.lock_);
        if (how_ != outcome::none) return;  // it has ended before
    }
    to_->enqueue(
        caf::make_mailbox_element(std::move(self), caf::message_id(number_).with_normal_priority(),
                                  {}, std::move(question)),
        nullptr);
}

caf::message request_router::request::take() {
    if (how_ == outcome::answer) return std::move(answer_);
    const char* what =
        how_ == outcome::death ? "ended without an answer" : "answered with an error";
    const std::string text =
        fmt::format("covey: {} {}: {}", label(to_), what, to_->home_system->render(error_));
    throw caf_error(text, std::move(error_));
}

request_router::answered::answered(request& awaited) noexcept : request_(&awaited) {}

const lowlevel::wait_traits& request_router::answered::traits() const noexcept {
    return waits_for_answer;
}
void request_router::answered::lock() noexcept { request_->router_.lock_.lock(); }
void request_router::answered::unlock() noexcept { request_->router_.lock_.unlock(); }
bool request_router::answered::try_now() { return request_->how_ != outcome::none; }
void request_router::answered::link() noexcept { request_->waiting_ = &node(); }
void request_router::answered::unlink() noexcept { request_->waiting_ = nullptr; }

task<caf::message> await_caf_answer(caf_core& core, caf::strong_actor_ptr to, duration limit,
                                    caf::message question) {
    co_await stands_for_its_caller();
    if (!to) throw std::invalid_argument("covey: request() to no CAF actor: the handle is empty");
    check_types(to, question);
    co_await checkpoint_if_cancelled();
    request_router::request request(core.router(), to);
    request.send(std::move(question));
    const bool in_time = co_await move_on_after(limit, request_router::answered(request));
    if (!in_time) {
        throw too_slow_error(
            fmt::format("covey: a request to {} took longer than its time limit", label(to)));
    }
    co_return request.take();
}

void throw_unexpected_answer(const caf::strong_actor_ptr& from, const caf::message& answer) {
    throw caf_error(fmt::format("covey: {} answered {}, which is of another type than asked for",
                                label(from), caf::to_string(answer)),
                    caf::make_error(caf::sec::unexpected_response));
}

}  // namespace covey::detail
