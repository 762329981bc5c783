// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a covey actor is to CAF.
//
// What       A face is a CAF actor without a mailbox: it passes on what it gets, at once and on the
//            sender's thread, so that messages of one sender keep their order. A request is a reply
//            that nobody waits for: whoever settles it sends the answer.
// Invariants A request is in requests_ from before it is posted until it is answered; and it is
//            answered once, by whoever completes its wait, because the reply is settled, or by
//            whoever cancels that, because it can't be posted or the host closes. A face tells of
//            its end once, when the actor has ended or the host closes, whichever comes first.
//            It leaves the table after that, and after its last request.
// Threads    Any, also with locks of CAF held: enqueue() posts, wakes, and returns. None of this
//            file's is held when a message is sent, posted or ends, or an end is told. The table's
//            comes before a cell's; a face's meets none.
// Lifetime   The table keeps a face until then, as those who watch an actor don't keep it; and a
//            request keeps its face. A host that closes waits for an empty table, so nothing is
//            left that would send. A handle may live longer: a dead face touches neither host nor
//            system.
// Rejected   A task for each request: it would post when it has its turn, behind what was sent
//            later. CAF's response promises: in 0.17 they take every actor for a local_actor.

#include "caf_version.hpp"

#include <covey/detail/caf_face.hpp>
#include <covey/lowlevel/alarm.hpp>
#include <covey/lowlevel/thread.hpp>

#include <caf/actor_config.hpp>
#include <caf/monitorable_actor.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace covey::detail {

// The faces of a host: one for each actor and set of messages.
class caf_faces : public std::enable_shared_from_this<caf_faces> {
 public:
    caf_faces() = default;
    caf_faces(const caf_faces&) = delete;
    caf_faces& operator=(const caf_faces&) = delete;

    [[nodiscard]] caf::actor face_of(caf::actor_system& system, const actor_address& actor,
                                     std::span<const face_entry> messages);

    // All of them end, and those that are still to be made. The bell rings when the last one is
    // over: when count() is zero.
    void close(lowlevel::alarm& bell);
    [[nodiscard]] std::size_t count() const;

    // Called by the faces: an asynchronous message came to nothing.
    void count_dropped() noexcept { dropped_.fetch_add(1, lowlevel::order::relaxed); }
    void leave(caf_face& over) noexcept;

    [[nodiscard]] std::uint64_t dropped() const noexcept {
        return dropped_.load(lowlevel::order::relaxed);
    }

 private:
    using key = std::pair<const actor_cell*, const face_entry*>;

    lowlevel::atomic<std::uint64_t> dropped_{0};

    mutable lowlevel::mutex lock_;
    std::map<key, caf::strong_actor_ptr> faces_;  // guarded by lock_, as all below
    bool closed_ = false;
    lowlevel::alarm* bell_ = nullptr;  // rung with the lock held
};

class caf_face final : public caf::monitorable_actor, private lowlevel::waiter {
 public:
    caf_face(caf::actor_config& config, std::shared_ptr<caf_faces> table, actor_address actor,
             std::span<const face_entry> messages);

    [[nodiscard]] const char* name() const override { return name_of(cell()).c_str(); }
    void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* host) override;

 private:
    friend class caf_faces;
    friend class face_request;

    [[nodiscard]] actor_cell& cell() const { return *ref_access::cell_of(actor_, "as_caf"); }
    [[nodiscard]] bool is_open() const noexcept;

    // ---- What comes.
    [[nodiscard]] bool take_as_system(const caf::mailbox_element& what);
    void take_exit(const caf::error& reason);
    void tell_who_it_is(const caf::mailbox_element& what, const std::string& key);
    [[nodiscard]] const face_entry* find(const caf::type_erased_tuple& content) const;
    void refuse(const caf::mailbox_element& what, caf::error why);
    void tell(const face_entry& as, caf::mailbox_element& what);
    void ask(const face_entry& as, caf::mailbox_element& what);
    [[nodiscard]] caf::error post(envelope& letter) const;
    [[nodiscard]] caf::error is_down() const;

    // ---- Requests on their way.
    [[nodiscard]] bool enter(face_request& request) noexcept;
    void leave(face_request& answered) noexcept;
    void give_up(face_request& request, caf::error why);

    // ---- Its end.
    void wake() noexcept override;  // the actor has ended
    void close();                   // the host does
    void end(caf::error reason);
    [[nodiscard]] caf::error reason_of(const down& ended) const;

    // Constant.
    const std::shared_ptr<caf_faces> table_;
    const actor_address actor_;
    const std::span<const face_entry> messages_;

    watch_operation end_;  // told to the face as a waiter

    mutable lowlevel::spin_lock lock_;
    lowlevel::intrusive_list<face_request> requests_;  // guarded by lock_, as all below
    caf::error asked_to_end_;                          // by an exit message, for that reason
    bool is_open_ = true;                              // to messages
    bool has_told_ = false;                            // of its end
};

}  // namespace covey::detail
