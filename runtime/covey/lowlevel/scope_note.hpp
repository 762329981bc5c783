// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <vector>

namespace covey::detail {
class scope_tree;
}

namespace covey::lowlevel {

// Whoever has to be told when a scope is asked to stop, because something else than a task must
// know: an actor's mailbox. Told without a lock, so it has to be alive without one.
class stop_listener {
 public:
    stop_listener(const stop_listener&) = delete;
    stop_listener& operator=(const stop_listener&) = delete;

    // In the thread that asked, for each time that scope_note::asked_to_stop() gave it.
    virtual void told_to_stop() noexcept = 0;

 protected:
    stop_listener() noexcept = default;
    ~stop_listener() = default;

 private:
    friend class stop_requests;
    stop_listener* next_ = nullptr;
};

// Those whom a soft cancellation reaches, to be told at its end: made before any lock is taken.
class stop_requests {
 public:
    stop_requests() noexcept = default;
    stop_requests(const stop_requests&) = delete;
    stop_requests& operator=(const stop_requests&) = delete;
    ~stop_requests() {
        while (stop_listener* each = first_) {
            first_ = each->next_;
            each->told_to_stop();
        }
    }

    void add(stop_listener& listener) noexcept {
        listener.next_ = first_;
        first_ = &listener;
    }

 private:
    stop_listener* first_ = nullptr;
};

// What a scope stands for, where it is more than a scope: a supervisor, one run of an actor. Shown
// in dump_task_tree(), and found from inside. Outlives its scope.
class scope_note {
 public:
    scope_note(const scope_note&) = delete;
    scope_note& operator=(const scope_note&) = delete;

    // The scope's line in the task tree, and lines below it. Called while the run's tree is locked:
    // neither waits, nor cancels, nor takes a lock that is held while somebody cancels.
    [[nodiscard]] virtual std::string describe() const = 0;
    [[nodiscard]] virtual std::vector<std::string> details() const { return {}; }

 protected:
    scope_note() noexcept = default;
    virtual ~scope_note() = default;

 private:
    friend class detail::scope_tree;
    // The scope is asked to stop, by a soft cancellation of its own or from outside: gives who has
    // to be told, alive until then and not given a second time before; or null. The same rules.
    [[nodiscard]] virtual stop_listener* asked_to_stop() const noexcept { return nullptr; }
};

// Goes through the notes of the scopes that the calling task is in, from the innermost outwards,
// until see() gives true; see() must keep to the same rules as describe(). Outside a task: none.
void visit_notes(void* context, bool (*see)(void* context, const scope_note& note));

// The innermost one of that class for which `matches` is true, or null. It stays valid as long as
// the calling task is inside its scope.
template <class Note, class Matches>
const Note* enclosing_note(Matches matches) {
    struct search {
        Matches& matches;
        const Note* found;
    } result{matches, nullptr};
    visit_notes(&result, [](void* context, const scope_note& note) {
        auto& wanted = *static_cast<search*>(context);
        const auto* match = dynamic_cast<const Note*>(&note);
        if (match != nullptr && wanted.matches(*match)) wanted.found = match;
        return wanted.found != nullptr;
    });
    return result.found;
}
template <class Note>
const Note* enclosing_note() {
    return enclosing_note<Note>([](const Note&) { return true; });
}

}  // namespace covey::lowlevel
