// SPDX-License-Identifier: BSL-1.0
//
// What       The life of an actor.
//
//              construct -- on_start -- ready -- message, message, ... -- on_stop -- children end
//                                                                                   -- destruct
//
// Invariants Everything happens in one task, so one handler runs at a time. A message that was
//            taken out of the mailbox is in current_ until its handler has ended, and is accounted
//            for then: handled, returned or a dead letter.
// Threads    The incarnation's task. Others reach it through the cell: by closing its end of the
//            mailbox, or by cancelling its scope.
// Lifetime   run_incarnation() catches every stop at its settle()s and so runs to its end; work()
//            is below it and may be cut off anywhere.
// Rejected   A task for each message: the frames of loop and handler would be allocated anew.
//            A mailbox that interprets stop messages: stopping would wait for room.

#include <covey/actor.hpp>

#include "incarnation.hpp"

#include <covey/checkpoint.hpp>
#include <covey/exception_group.hpp>
#include <covey/lowlevel/fault_point.hpp>

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace covey {

namespace detail {

constexpr lowlevel::wait_traits waits_for_message{"receive"};

// Waits for the next message. False: the incarnation was asked to stop.
class incarnation::next_message final : public lowlevel::wait_operation {
 public:
    using covey_result = bool;
    explicit next_message(incarnation& life) noexcept : life_(life) {}

    // Not part of work(): see turn_of_thread.
    [[nodiscard, gnu::noinline]] bool await_ready() { return start_as_usual(*this); }
    [[nodiscard]] bool await_resume() const noexcept {
        return node().result == lowlevel::wait_result::done;
    }

 private:
    friend class lowlevel::wait_operation;
    [[nodiscard]] const lowlevel::wait_traits& traits() const noexcept override {
        return waits_for_message;
    }
    [[nodiscard]] lowlevel::spin_lock& guard() const noexcept { return box().lock(); }
    [[nodiscard]] static bool is_owed_alone(const lowlevel::turn& now) noexcept {
        return now.owed == nullptr;
    }
    static void begin_owed(const lowlevel::turn&) noexcept {}
    [[nodiscard]] bool try_usual() noexcept {
        return box().receive_as_usual_locked(life_.current_);
    }
    void lock() noexcept override { box().lock().lock(); }
    void unlock() noexcept override {
        lowlevel::wait_node* served = node().take_served();
        box().lock().unlock();
        if (served != nullptr) served->wake();
    }
    bool try_now() override {
        lowlevel::wait_node* served = nullptr;  // a sender that waited for room
        const mailbox::received outcome = box().receive_locked(life_.current_, served);
        node().keep_served(served);
        if (outcome == mailbox::received::over) node().result = lowlevel::wait_result::ended;
        return outcome != mailbox::received::nothing;
    }
    void link() noexcept override {
        node().slot = &life_.current_;
        box().set_receiver_locked(&node());
    }
    void unlink() noexcept override { box().set_receiver_locked(nullptr); }

    [[nodiscard]] mailbox& box() const noexcept { return life_.cell().box(); }

    incarnation& life_;
};

// Gives whether the actor goes on. A plain handler has run when await_ready() returns; a
// coroutine's frame is the only one that there is.
class [[nodiscard]] incarnation::handler_run : private continuation {
 public:
    using covey_result = bool;
    explicit handler_run(incarnation& life) noexcept : life_(life) {}

    bool await_ready() noexcept {
        try {
            message_box& box = life_.box_for_handler();
            lowlevel::fault_point();
            const called_handler called =
                box.type()->handle(*life_.actor_, box.storage(), life_.current_.reply);
            child = called.frame;
            promise_ = called.promise;
            kind = owner_kind::boundary;
        } catch (...) {
            error = std::current_exception();
        }
        return !child;
    }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
        parent = &awaiting.promise();
        run_child_next(*this, *promise_);
    }
    [[nodiscard]] bool await_resume() noexcept {
        if (child) take_result();
        return life_.handled(error, stopped);
    }

 private:
    void take_result() noexcept {
        envelope& message = life_.current_;
        if (!error && message.reply != nullptr) {
            try {
                message.box.type()->keep_reply(child, *message.reply);
            } catch (...) {
                error = std::current_exception();
            }
        }
        std::exchange(child, nullptr).destroy();
    }

    incarnation& life_;
    promise_base* promise_ = nullptr;
};

incarnation::incarnation(incarnation_host& host) noexcept
    : host_(host), cell_(*host.cell()), max_deliveries_(host.max_deliveries()) {}

incarnation::~incarnation() = default;

std::string incarnation::describe() const {
    return fmt::format("actor '{}', incarnation {}", cell().name(), number_);
}

std::vector<std::string> incarnation::details() const {
    const actor_statistics now = cell().statistics();
    return {fmt::format("mailbox {} of {}, {} handled", now.current_buffer_used,
                        now.max_buffer_size, now.handled)};
}

bool incarnation::is_run_by_caller() const noexcept { return current_task_or_null() == task_; }

bool incarnation::begin(nursery& children) noexcept {
    children_ = &children;
    try {
        task_ = &current_task("actor");
        number_ = cell().begin_incarnation(scope());
        return true;
    } catch (...) {
        add_error(std::current_exception());
        return false;
    }
}

task<> incarnation::work() {
    co_await stands_for_its_caller();
    lowlevel::fault_point();
    actor_ = host_.make();
    actor_->life_ = this;
    lowlevel::fault_point();
    co_await actor_->on_start();
    is_ready_ = true;
    host_.ready();
    if (number_ != 1) cell().restarted();
    if (max_deliveries_ != 1) host_.take_kept(current_);
    for (;;) {
        bool received = !current_.is_empty();  // what is delivered again
        if (!received) received = co_await next_message(*this);
        if (!received) co_return;
        if (is_conditional() && !is_worth_handling()) continue;
        const bool goes_on = co_await handler_run(*this);
        if (!goes_on) co_return;
    }
}

// Whether there may be a reason not to handle it.
bool incarnation::is_conditional() const noexcept {
    return current_.reply != nullptr || current_.only_incarnation != 0;
}

// Not for an incarnation that is over, nor if nobody waits for the answer any more.
bool incarnation::is_worth_handling() noexcept {
    if (current_.only_incarnation != 0 && current_.only_incarnation != number_) {
        current_.discard(dead_letter_reason::restarted, nullptr, true);
        return false;
    }
    const reply_core* reply = current_.reply;
    if (reply == nullptr) return true;
    const bool is_late =
        reply->deadline != time_point::max() && is_of_run(reply->run) && reply->deadline <= now();
    if (!is_late && !reply->is_abandoned()) return true;
    cell().count_abandoned();
    current_.discard(dead_letter_reason::cancelled);
    return false;
}

// A request isn't kept waiting for another try, and a message to one incarnation is for no other.
bool incarnation::may_come_again() const noexcept {
    return current_.failures + 1U < max_deliveries_ && current_.reply == nullptr &&
           current_.only_incarnation == 0 && current_.box.type()->copy != nullptr;
}

// What handlers get is theirs, so one that may have to come again is copied.
message_box& incarnation::box_for_handler() {
    if (!may_come_again()) return current_.box;
    if (!copy_) copy_ = std::make_unique<message_box>();
    copy_->put_copy(current_.box);
    return *copy_;
}

// The message in progress has been, one way or the other. True: the actor goes on.
bool incarnation::handled(const std::exception_ptr& error, bool stopped) noexcept {
    if (copy_) copy_->clear();
    if (error) return failed(error);
    if (stopped) {
        keep_or_discard(dead_letter_reason::cancelled, nullptr, host_.restarts_after_stop());
        return true;  // to meet the cancellation at the next receive
    }
    cell().count_handled();
    if (reply_core* reply = std::exchange(current_.reply, nullptr)) reply->settle();
    current_.release();
    return true;
}

bool incarnation::failed(const std::exception_ptr& error) noexcept {
    outcome_.decided = decide(error);
    const bool resumes = outcome_.decided == verdict::resume;
    const bool restarts = host_.restarts_after(outcome_.decided);
    if (restarts)
        keep_or_discard(dead_letter_reason::failed, error, true);
    else
        current_.discard(dead_letter_reason::failed, error, resumes);
    if (resumes) return true;
    has_decided_ = true;
    outcome_.reason =
        outcome_.decided == verdict::stop ? exit_reason::finished : exit_reason::failed;
    return false;
}

// Whether there is a next incarnation is the supervisor's to say. If not, it ends as what is
// queued.
void incarnation::keep_or_discard(dead_letter_reason why, const std::exception_ptr& error,
                                  bool restarting) noexcept {
    if (!may_come_again() || cell().is_stopping()) {
        current_.discard(why, error, restarting);
        return;
    }
    ++current_.failures;
    host_.keep_for_next(current_);
}

verdict incarnation::decide(const std::exception_ptr& error) noexcept {
    try {
        lowlevel::fault_point();
        const verdict decided = actor_->on_error(error);
        if (decided != verdict::resume) add_error(error);
        return decided;
    } catch (...) {
        add_error(error);
        add_error(std::current_exception());
        return verdict::restart;
    }
}

void incarnation::worked(settled<void>& result) noexcept {
    add_error(std::exchange(result.error, nullptr));
    if (has_decided_) return;
    outcome_.reason = has_error() ? exit_reason::failed : host_.why_stopped();
}

// No cancellation reaches it, for as long as the grace. A frame of its own: it exists only while it
// is used.
task<> incarnation::say_goodbye() {
    co_await stands_for_its_caller();
    scope_block shield({.timeout = cell().grace(), .shield = true});
    settled<void> last_words;
    co_await settle(last_words, [&] {
        lowlevel::fault_point();
        return actor_->on_stop(outcome_.reason);
    });
    static_cast<void>(shield.leave(last_words.stopped));
    add_error(std::move(last_words.error));
}

void incarnation::add_error(std::exception_ptr error) noexcept {
    if (!error) return;
    try {
        errors_.push_back(std::move(error));
    } catch (...) {  // without memory for several, the first one stands for all
        if (!outcome_.error) outcome_.error = std::move(error);
    }
}

// Children have ended: the actor goes, its scope is about to, and its errors become one.
incarnation_outcome incarnation::finish() noexcept {
    if (actor_ != nullptr) {
        actor_->life_ = nullptr;
        delete std::exchange(actor_, nullptr);
    }
    cell().end_incarnation();
    const bool is_only_what_it_stopped_for =
        outcome_.reason == exit_reason::finished && errors_.size() == 1;
    if (has_error() && !is_only_what_it_stopped_for) outcome_.reason = exit_reason::failed;
    if (errors_.size() == 1) {
        outcome_.error = std::move(errors_.front());
    } else if (!errors_.empty()) {
        try {
            const std::string headline = fmt::format("actor '{}'", cell().name());
            outcome_.error = std::make_exception_ptr(exception_group(headline, std::move(errors_)));
        } catch (...) {
            outcome_.error = std::current_exception();
        }
    }
    return std::move(outcome_);
}

task<> run_incarnation(incarnation_host& host) {
    co_await stands_for_its_caller();
    incarnation life(host);
    nursery_block children;  // its scope is the incarnation's
    children.open(&life);

    settled<void> step;
    if (life.begin(children.get())) co_await settle(step, [&] { return life.work(); });
    const bool stopped = step.stopped;
    // A child that failed is why the handler was cut off: its error comes first.
    while (std::exception_ptr error = children.take_only_error()) life.add_error(std::move(error));
    life.worked(step);

    if (life.was_ready()) {
        co_await settle(step, [&] { return life.say_goodbye(); });
        life.add_error(std::move(step.error));  // there was no memory for it
    }

    children.get().cancel("its actor ends");
    do {
        co_await children.join();
    } while (children.stop_a_service());
    while (std::exception_ptr error = children.take_only_error()) life.add_error(std::move(error));
    incarnation_outcome outcome = life.finish();
    outcome.pass_on = children.leave(stopped).pass_on;
    const std::exception_ptr error = host.ended(outcome);
    if (error) std::rethrow_exception(error);
    if (outcome.pass_on) co_await pass_stop_on();
}

namespace {

// The actor of a nursery, as its child: one incarnation, and what its end means for the nursery.
class actor_child final : public task_record, private incarnation_host {
 public:
    actor_child(cell_ref cell, actor_factory& factory, hall_exit& exit) noexcept
        : cell_(std::move(cell)), factory_(factory), exit_(exit) {}

 private:
    // ---- For the run.
    promise_base* start() override {
        const auto frame = task_access::release(run_incarnation(*this));
        root.child = frame;
        return &frame.promise();
    }
    void drop_callable() noexcept override {}
    [[nodiscard]] const char* callable_name() const noexcept override { return "actor"; }
    [[nodiscard]] std::string_view given_name() const noexcept override {
        try {
            return cell_->name();
        } catch (...) {  // without memory for it
            return {};
        }
    }

    // ---- For the incarnation.
    [[nodiscard]] const cell_ref& cell() const noexcept override { return cell_; }
    [[nodiscard]] actor* make() override { return factory_.make(); }
    void ready() override { exit_.open(); }
    [[nodiscard]] exit_reason why_stopped() const noexcept override {
        return cell_->is_stopping() ? exit_reason::stopped : exit_reason::cancelled;
    }
    [[nodiscard]] bool restarts_after(verdict) const noexcept override { return false; }
    [[nodiscard]] bool restarts_after_stop() const noexcept override { return false; }
    [[nodiscard]] std::exception_ptr ended(const incarnation_outcome& outcome) noexcept override {
        cell_->end(outcome.reason, outcome.error);
        return outcome.reason == exit_reason::failed ? outcome.error : nullptr;
    }

    const cell_ref cell_;
    // Of who starts it: until it is ready.
    actor_factory& factory_;
    hall_exit& exit_;
};

}  // namespace

nursery_start::cell_guard::~cell_guard() {
    if (cell.incarnation() == 0) cell.end(exit_reason::failed, nullptr);
}

nursery_start::nursery_start(nursery& owner, const cell_ref& cell, actor_factory& factory)
    : guard_{*cell}, hold_(owner) {
    auto* child = new actor_child(cell, factory, exit_);
    exit_.prepare(owner, *child);
    hall_.open();
    hall_.spawn(*child);
}

bool nursery_start::leave() {
    exit_.retire();
    const std::exception_ptr error = hall_.take_only_error();
    const block_ending ending = hall_.leave(false);
    if (error) std::rethrow_exception(error);
    if (!ending.pass_on && !exit_.was_opened()) guard_.cell.throw_stopped();
    return ending.pass_on;
}

called_handler tick_source::handle(actor& by) {
    current_.clear();
    copy_into(current_);
    return type_.handle(by, current_.storage(), nullptr);
}

namespace {

using tick_ref = counted_ref<tick_source>;

// What stands in the mailbox for a tick. When it is handled the next one may be queued already.
struct queued_tick {
    tick_ref source;
    bool is_queued = true;

    void leave_mailbox() noexcept {
        if (std::exchange(is_queued, false)) source->leave_mailbox();
    }
};

constexpr message_type tick_message = {
    &move_stored<queued_tick>,
    is_moved_as_bytes<queued_tick>,
    [](void* message) noexcept {
        stored_message<queued_tick>(message).leave_mailbox();
        destroy_stored<queued_tick>(message);
    },
    nullptr,
    [](actor& by, void* message, reply_core*) {
        auto& tick = stored_message<queued_tick>(message);
        tick.leave_mailbox();
        return tick.source->handle(by);
    },
    [](std::coroutine_handle<>, reply_core&) {},
    []() noexcept -> const char* { return "a tick of send_every"; },
    nullptr};

task<> send_once(duration delay, envelope message) {
    co_await sleep_for(delay);
    static_cast<void>(force_post(message));
}

task<> send_repeatedly(duration period, cell_ref cell, std::uint32_t number, tick_ref source) {
    time_point next = now();
    for (;;) {
        next = later(next, period);
        co_await sleep_until(next);
        if (!source->claim()) continue;
        envelope tick(*cell, number);
        tick.box.put<queued_tick>(tick_message, queued_tick{source});
        static_cast<void>(force_post(tick));
    }
}

}  // namespace

}  // namespace detail

bool request_status::caller_gone() const noexcept { return reply_ && reply_->is_abandoned(); }
time_point request_status::deadline() const noexcept {
    return is_of_this_run_ ? reply_->deadline : time_point::max();
}

actor::actor() noexcept = default;
actor::~actor() = default;

task<> actor::on_start() { co_return; }
task<> actor::on_stop(exit_reason) { co_return; }
verdict actor::on_error(const std::exception_ptr&) { return verdict::restart; }

detail::incarnation& actor::life(const char* attempt) const {
    if (life_ == nullptr) {
        throw std::logic_error(
            fmt::format("covey: '{}' in the constructor or destructor of an actor: it has a scope, "
                        "children and an address from on_start() to the end of on_stop()",
                        attempt));
    }
    return *life_;
}

cancel_scope& actor::scope() const { return life("scope").scope(); }
nursery& actor::children() const { return life("children").children(); }
void actor::stop_self() const { life("stop_self").cell().stop(); }

request_status actor::current_request() const {
    const detail::incarnation& life = this->life("current_request");
    detail::reply_core* reply = life.reply_in_progress();
    if (reply == nullptr) return request_status({}, false, life.delivery());
    return request_status(detail::counted_ref<detail::reply_core>::to(*reply),
                          life.is_of_run(reply->run), life.delivery());
}

const detail::message_type& actor::own_message(const void* tag, const char* attempt,
                                               const char* (*name)() noexcept) const {
    const detail::actor_cell& cell = life(attempt).cell();
    for (const detail::message_type* each : cell.type().messages)
        if (each != nullptr && each->tag == tag) return *each;
    throw std::logic_error(fmt::format(
        "covey: {} of a message of type '{}' in actor '{}', which has no handle() with exactly "
        "that parameter (handlers that are templates don't count)",
        attempt, detail::readable_type(name()), cell.name()));
}

detail::cell_ref actor::own_cell(const void* tag) const {
    detail::incarnation& life = this->life("self");
    if (life.cell().type().tag != tag) {
        throw std::logic_error(
            fmt::format("covey: self<A>() in actor '{}' names another class than the one that was "
                        "started: write self<{}>()",
                        life.cell().name(), detail::readable_type(life.cell().type().name())));
    }
    return life.counted_cell();
}

void actor::start_timer(duration delay, detail::message_box message) {
    detail::incarnation& life = this->life("send_after");
    detail::envelope letter(life.cell(), life.number());
    letter.box = std::move(message);
    life.children().start_soon(task_options{.name = "send_after"}, detail::send_once, delay,
                               std::move(letter));
}

void actor::start_ticks(duration delay, detail::counted_ref<detail::tick_source> source) {
    detail::incarnation& life = this->life("send_every");
    if (delay == duration::zero()) {
        throw std::invalid_argument(
            fmt::format("send_every in actor '{}': the time between two messages can't be zero; "
                        "send_after() sends one",
                        life.cell().name()));
    }
    life.children().start_soon(task_options{.name = "send_every"}, detail::send_repeatedly, delay,
                               life.counted_cell(), life.number(), std::move(source));
}

}  // namespace covey
