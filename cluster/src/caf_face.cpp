// SPDX-License-Identifier: BSL-1.0
#include "caf_face.hpp"

#include "caf_core.hpp"

#include <covey/caf.hpp>

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/make_actor.hpp>
#include <caf/sec.hpp>
#include <fmt/format.h>

#include <exception>
#include <vector>

namespace covey::detail {

using lowlevel::locked;
using lowlevel::mutex_guard;

namespace {

// To CAF an error of an actor is its code; here it is what a caf_error has brought, or the text.
[[nodiscard]] caf::error error_of(const std::exception_ptr& thrown,
                                  caf::sec otherwise = caf::sec::runtime_error) {
    const auto with_text = [](caf::sec code, const std::exception& known) {
        return caf::make_error(code, std::string(known.what()));
    };
    try {
        std::rethrow_exception(thrown);
    } catch (const caf_error& known) {
        return known.error() ? known.error() : with_text(otherwise, known);
    } catch (const actor_stopped_error& known) {
        return with_text(caf::sec::request_receiver_down, known);
    } catch (const actor_unavailable_error& known) {
        return with_text(caf::sec::unavailable_or_would_block, known);
    } catch (const channel_full_error& known) {
        return with_text(caf::sec::unavailable_or_would_block, known);
    } catch (const std::exception& known) {
        return with_text(otherwise, known);
    } catch (...) {
        return caf::make_error(otherwise, std::string("covey: not a std::exception"));
    }
}

// A request that came to nothing: what its handler has thrown, if that is an error of CAF's; else
// what became of it. Where asking once more may help, the actor is only unavailable.
[[nodiscard]] caf::error error_of_request(const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const callee_failed_error& known) {
        try {
            if (known.cause()) std::rethrow_exception(known.cause());
        } catch (const caf_error& cause) {
            if (cause.error()) return cause.error();
        } catch (...) {  // what the callee_failed_error says includes it
        }
        return error_of(thrown, known.restarting() && !known.cause()
                                    ? caf::sec::unavailable_or_would_block
                                    : caf::sec::runtime_error);
    } catch (...) {
        return error_of(thrown);
    }
}

[[nodiscard]] bool is_normal(const caf::error& reason) {
    return !reason || reason == caf::exit_reason::normal;
}

// Somebody, the asker or the next stage, gets what the handler returns.
[[nodiscard]] bool is_answered(const caf::mailbox_element& what) {
    return what.mid.is_request() || !what.stages.empty();
}

void respond(const caf::strong_actor_ptr& face, const caf::strong_actor_ptr& asker,
             caf::message_id to, caf::message with) {
    if (asker) asker->enqueue(face, to.response_id(), std::move(with), nullptr);
}

}  // namespace

// ------------------------------------------------------------------------------------ requests

caf_face& face_request::face() const noexcept {
    return *static_cast<caf_face*>(route_.face->get());
}

// The reply is settled: on whatever thread that happened, and with no lock of covey's.
void face_request::wake() noexcept {
    caf::message with;
    caf::error failure = outcome(with);
    if (failure)
        fail(std::move(failure));
    else
        answer(std::move(with));
    const caf::strong_actor_ptr kept = route_.face;
    face().leave(*this);
    reply_.end();
}

caf::error face_request::outcome(caf::message& with) {
    if (reply_.error) return error_of_request(reply_.error);
    try {
        return take_answer(with);
    } catch (...) {  // it can't be moved into a message
        return error_of(std::current_exception());
    }
}

// It won't be settled for it any more: the word was cancelled.
void face_request::give_up(caf::error why) {
    wait_.withdraw();
    fail(std::move(why));
    const caf::strong_actor_ptr kept = route_.face;
    face().leave(*this);
    reply_.abandon();
}

// To the next of those who work on it, or to who has asked.
void face_request::answer(caf::message with) {
    if (!route_.stages.empty()) {
        const caf::strong_actor_ptr stage = std::move(route_.stages.back());
        route_.stages.pop_back();
        stage->enqueue(caf::make_mailbox_element(std::move(route_.asker), route_.id,
                                                 std::move(route_.stages), std::move(with)),
                       nullptr);
    } else {
        respond(route_.face, route_.asker, route_.id, std::move(with));
    }
}

// To who has asked, past all others. Asynchronous messages that wanted an answer come to nothing.
void face_request::fail(caf::error why) {
    if (route_.id.is_request())
        respond(route_.face, route_.asker, route_.id, caf::make_message(std::move(why)));
    else
        face().table_->count_dropped();
}

bool caf_face::enter(face_request& request) noexcept {
    const locked held(lock_);
    if (is_open_) requests_.push_back(request);
    return is_open_;
}

void caf_face::leave(face_request& answered) noexcept {
    bool is_over = false;
    {
        const locked held(lock_);
        if (answered.is_linked()) requests_.remove(answered);
        is_over = has_told_ && requests_.empty();
    }
    if (is_over) table_->leave(*this);
}

// ---------------------------------------------------------------------------------- what comes

caf_face::caf_face(caf::actor_config& config, std::shared_ptr<caf_faces> table, actor_address actor,
                   std::span<const face_entry> messages)
    : monitorable_actor(config),
      table_(std::move(table)),
      actor_(std::move(actor)),
      messages_(messages),
      end_(actor_.watch()) {}

void caf_face::enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) {
    if (take_as_system(*what)) return;
    const face_entry* as = what->mid.is_response() ? nullptr : find(what->content());
    if (as == nullptr) return refuse(*what, caf::make_error(caf::sec::unexpected_message));
    try {
        if (is_answered(*what))
            ask(*as, *what);
        else
            tell(*as, *what);
    } catch (...) {  // there is no memory for it, or it can't be moved
        refuse(*what, error_of(std::current_exception()));
    }
}

// What CAF itself sends to every actor.
bool caf_face::take_as_system(const caf::mailbox_element& what) {
    const caf::type_erased_tuple& content = what.content();
    if (content.match_elements<caf::exit_msg>())
        take_exit(content.get_as<caf::exit_msg>(0).reason);
    else if (content.match_elements<caf::sys_atom, caf::get_atom, std::string>())
        tell_who_it_is(what, content.get_as<std::string>(2));
    else
        return false;
    return true;
}

void caf_face::take_exit(const caf::error& reason) {
    if (is_normal(reason)) return;
    {
        const locked held(lock_);
        if (!asked_to_end_) asked_to_end_ = reason;
    }
    actor_.stop();
}

// As CAF's own actors answer.
void caf_face::tell_who_it_is(const caf::mailbox_element& what, const std::string& key) {
    if (key != "info") return refuse(what, caf::make_error(caf::sec::unsupported_sys_key));
    const caf::strong_actor_ptr self(ctrl());
    respond(self, what.sender, what.mid,
            caf::make_message(caf::ok_atom::value, key, self, std::string(name())));
}

const face_entry* caf_face::find(const caf::type_erased_tuple& content) const {
    for (const face_entry& each : messages_)
        if (each.matches(content)) return &each;
    return nullptr;
}

void caf_face::refuse(const caf::mailbox_element& what, caf::error why) {
    if (what.mid.is_request())
        respond({ctrl()}, what.sender, what.mid, caf::make_message(std::move(why)));
    else
        table_->count_dropped();
}

void caf_face::tell(const face_entry& as, caf::mailbox_element& what) {
    const bool is_exempt = what.content().match_elements<caf::down_msg>();
    envelope letter(cell());
    as.put(letter.box, what.content());
    const bool is_posted = is_open() && (is_exempt ? force_post(letter) : !post(letter));
    if (!is_posted) table_->count_dropped();
}

// From start_for() on the answer may come, from enter() on the host may close; both find a request
// that is whole.
void caf_face::ask(const face_entry& as, caf::mailbox_element& what) {
    envelope letter(cell());
    as.put(letter.box, what.content());
    face_request& request = *as.make_request();
    request.route_ = {.face = caf::strong_actor_ptr(ctrl()),
                      .asker = std::move(what.sender),
                      .id = what.mid,
                      .stages = std::move(what.stages)};
    letter.reply = &request.reply_.shared();
    static_cast<void>(request.wait_.start_for(request));
    caf::error failure = enter(request) ? post(letter) : is_down();
    if (failure) give_up(request, std::move(failure));
}

// Nothing: it is posted.
caf::error caf_face::post(envelope& letter) const {
    try {
        if (try_post(letter)) return {};
        return caf::make_error(
            caf::sec::unavailable_or_would_block,
            fmt::format("covey: the mailbox of actor '{}' is full", name_of(cell())));
    } catch (...) {
        return error_of(std::current_exception());
    }
}

caf::error caf_face::is_down() const {
    return caf::make_error(
        caf::sec::request_receiver_down,
        fmt::format("covey: actor '{}' has ended, or CAF's block has", name_of(cell())));
}

// Nothing, if somebody else answers it: the host that closes.
void caf_face::give_up(face_request& request, caf::error why) {
    if (!request.word.cancel()) return;
    request.give_up(std::move(why));
}

// ------------------------------------------------------------------------------------- its end

void caf_face::wake() noexcept { end(reason_of(end_.await_resume())); }

// As for CAF's own actors: who was asked to end has ended for that reason.
caf::error caf_face::reason_of(const down& ended) const {
    switch (ended.reason) {
        case exit_reason::finished: return {};
        case exit_reason::stopped: {
            const locked held(lock_);
            return asked_to_end_;
        }
        case exit_reason::restarting:
        case exit_reason::cancelled: return caf::make_error(caf::exit_reason::user_shutdown);
        case exit_reason::failed:
        case exit_reason::gave_up: break;
    }
    if (ended.error) return error_of(ended.error);
    return caf::make_error(caf::sec::runtime_error,
                           fmt::format("covey: actor '{}' has failed", name_of(cell())));
}

void caf_face::end(caf::error reason) {
    const caf::strong_actor_ptr kept(ctrl());
    {
        const locked held(lock_);
        is_open_ = false;
    }
    cleanup(std::move(reason), nullptr);
    bool is_over = false;
    {
        const locked held(lock_);
        has_told_ = true;
        is_over = requests_.empty();
    }
    if (is_over) table_->leave(*this);
}

// Requests that are being answered just now stay, until they are.
void caf_face::close() {
    lowlevel::intrusive_list<face_request> unanswered;
    {
        const locked held(lock_);
        is_open_ = false;
        face_request* next = nullptr;
        for (face_request* each = requests_.front(); each != nullptr; each = next) {
            next = requests_.after(*each);
            if (!each->word.cancel()) continue;
            requests_.remove(*each);
            unanswered.push_back(*each);
        }
    }
    while (face_request* each = unanswered.pop_front()) each->give_up(is_down());
    if (!word.cancel()) return;
    end_.withdraw();
    end(caf::make_error(caf::exit_reason::user_shutdown));
}

bool caf_face::is_open() const noexcept {
    const locked held(lock_);
    return is_open_;
}

// ----------------------------------------------------------------------------------- the table

caf::actor caf_faces::face_of(caf::actor_system& system, const actor_address& actor,
                              std::span<const face_entry> messages) {
    const key wanted{&*ref_access::cell_of(actor, "as_caf"), messages.data()};
    caf::strong_actor_ptr made;
    bool is_late = false, has_ended = false;
    {
        const mutex_guard held(lock_);
        if (const auto known = faces_.find(wanted); known != faces_.end())
            return caf::actor_cast<caf::actor>(known->second);
        caf::actor_config config;
        made = caf::make_actor<caf_face, caf::strong_actor_ptr>(
            system.next_actor_id(), system.node(), &system, config, shared_from_this(), actor,
            messages);
        auto& face = static_cast<caf_face&>(*made->get());
        is_late = closed_;
        if (!is_late) {
            faces_.emplace(wanted, made);
            has_ended = face.end_.start_for(face);
        }
    }
    auto& face = static_cast<caf_face&>(*made->get());
    if (has_ended) face.wake();
    if (is_late) face.end(caf::make_error(caf::exit_reason::user_shutdown));
    return caf::actor_cast<caf::actor>(made);
}

void caf_faces::leave(caf_face& over) noexcept {
    caf::strong_actor_ptr kept;  // let go of after the lock
    const mutex_guard held(lock_);
    const auto found = faces_.find({&over.cell(), over.messages_.data()});
    if (found == faces_.end() || found->second != over.ctrl()) return;
    kept = std::move(found->second);
    faces_.erase(found);
    if (faces_.empty() && bell_ != nullptr) bell_->ring();
}

void caf_faces::close(lowlevel::alarm& bell) {
    std::vector<caf::strong_actor_ptr> open;
    {
        const mutex_guard held(lock_);
        closed_ = true;
        bell_ = &bell;
        for (const auto& [what, face] : faces_) open.push_back(face);
    }
    for (const caf::strong_actor_ptr& each : open) static_cast<caf_face&>(*each->get()).close();
}

std::size_t caf_faces::count() const {
    const mutex_guard held(lock_);
    return faces_.size();
}

caf::actor face_of(caf_core& core, const actor_address& actor,
                   std::span<const face_entry> messages) {
    return core.faces().face_of(core.system(), actor, messages);
}

}  // namespace covey::detail
