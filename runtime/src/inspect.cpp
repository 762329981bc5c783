// SPDX-License-Identifier: BSL-1.0
#include <covey/inspect.hpp>

#include "describe.hpp"
#include "runtime_core.hpp"
#include "scope_tree.hpp"
#include "worker.hpp"

#include <covey/lowlevel/scope_note.hpp>
#include <covey/nursery.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace covey {

namespace detail {

namespace {

// "main.cpp:12"
std::string place_of(const task_record& task) {
    const std::source_location place = task.place.load(lowlevel::order::relaxed);
    std::string_view file = place.file_name();
    file.remove_prefix(file.rfind('/') + 1);
    return fmt::format("{}:{}", file, place.line());
}

}  // namespace

// Draws the tree, depth first, with the whole tree lock held: no scope is entered or left
// meanwhile. The nurseries that were come to stay locked to the end, so that no child is gone
// before it is drawn. What a task of another worker is doing is read as it passes by.
class tree_printer {
 public:
    enum class patience : bool { none, any };

    // Without patience for their locks, nurseries that are in use are drawn without children.
    explicit tree_printer(runtime_core& core, patience how = patience::any)
        : now_(core.now()), waits_(how == patience::any) {}
    tree_printer(const tree_printer&) = delete;
    tree_printer& operator=(const tree_printer&) = delete;
    ~tree_printer() {
        for (nursery* each : locked_) each->lock_.unlock();
    }

    std::vector<const task_record*> list(task_record& main) {
        print(main);
        return std::move(tasks_);
    }

    std::string print(task_record& main) {
        to_draw_.push_back({&main, nullptr, "", ""});
        while (!to_draw_.empty()) {
            const item next = std::move(to_draw_.back());
            to_draw_.pop_back();
            if (next.task != nullptr)
                draw_task(next);
            else
                draw_scope(next);
        }
        return std::move(text_);
    }

 private:
    // One line still to be drawn. An explicit stack: trees may be deeper than ours.
    struct item {
        task_record* task;
        cancel_scope* scope;
        std::string branch;  // before the line
        std::string indent;  // before the lines below it
    };

    void draw_task(const item& here) {
        const task_record& task = *here.task;
        tasks_.push_back(&task);
        text_ += fmt::format("{}task '{}' {}\n", here.branch, task_name(task), activity(task));
        if (cancel_scope* own = scope_tree::outermost_of_locked(task))
            push({{nullptr, own, "", ""}}, here.indent);
    }

    void draw_scope(const item& here) {
        const cancel_scope& scope = *here.scope;
        text_ += fmt::format("{}{}{}\n", here.branch, title(scope), traits(scope));
        std::vector<item> below;
        if (scope.note_ != nullptr) {
            for (const std::string& line : scope.note_->details())
                text_ += fmt::format("{}· {}\n", here.indent, line);
        }
        if (scope.inner_ != nullptr) below.push_back({nullptr, scope.inner_, "", ""});
        if (scope.nursery_ != nullptr && hold(*scope.nursery_)) {
            for (sibling_list* list : {&scope.nursery_->children_, &scope.nursery_->services_})
                for (task_record* child = list->front(); child != nullptr;
                     child = list->after(*child))
                    below.push_back({child, nullptr, "", ""});
        }
        push(std::move(below), here.indent);
    }

    [[nodiscard]] bool hold(nursery& seen) {
        locked_.push_back(nullptr);  // what may fail comes before the lock
        if (waits_) {
            seen.lock_.lock();
        } else if (!seen.lock_.try_lock()) {
            locked_.pop_back();
            return false;
        }
        locked_.back() = &seen;
        return true;
    }

    // In order; the stack gives back the last one first.
    void push(std::vector<item> below, const std::string& indent) {
        for (std::size_t i = below.size(); i-- > 0;) {
            const bool last = i + 1 == below.size();
            below[i].branch = indent + (last ? "╰─ " : "├─ ");
            below[i].indent = indent + (last ? "   " : "│  ");
            to_draw_.push_back(std::move(below[i]));
        }
    }

    [[nodiscard]] std::string activity(const task_record& task) const {
        using lowlevel::order;
        std::string text;
        switch (task.phase.load(order::relaxed)) {
            case task_phase::created: text = "is new"; break;
            case task_phase::running: text = "runs"; break;
            case task_phase::ready: text = "is ready"; break;
            case task_phase::ended: text = "has ended"; break;
            case task_phase::waiting: text = waiting(task); break;
        }
        if (task.is_service) text += ", service";
        if (task.word.is_cancelled()) text += ", cancelled";
        return text;
    }

    [[nodiscard]] std::string waiting(const task_record& task) const {
        using lowlevel::order;
        const clock_stamp now(now_);
        const lowlevel::wait_traits* waits = task.waits_for.load(order::relaxed);
        return fmt::format("waits for {} at {}, {} s", waits == nullptr ? "?" : waits->verb,
                           place_of(task),
                           seconds(task.since.load(order::relaxed).nanoseconds_until(now)));
    }

    static std::string title(const cancel_scope& scope) {
        if (scope.note_ != nullptr) return scope.note_->describe();
        return scope.nursery_ != nullptr ? "nursery" : "scope";
    }

    [[nodiscard]] std::string traits(const cancel_scope& scope) const {
        std::string text;
        if (scope.source_ != cancel_source::none)
            text += fmt::format(", cancelled ({})", to_string(scope.source_));
        else if (scope.effective_)
            text += ", cancelled from outside";
        if (scope.deadline_ != time_point::max()) {
            text += fmt::format(", deadline in {} s",
                                seconds(scope.deadline_.time_since_epoch().count() - now_));
        }
        if (scope.shield_ == shield_strength::full) text += ", shielded";
        return text;
    }

    static std::string seconds(std::int64_t nanoseconds) {
        const double exact = static_cast<double>(nanoseconds) / 1e9;
        return exact < 1000 ? fmt::format("{:.3g}", exact) : fmt::format("{:.0f}", exact);
    }

    const std::int64_t now_;
    const bool waits_;
    std::vector<nursery*> locked_;
    std::vector<item> to_draw_;
    std::string text_;
    std::vector<const task_record*> tasks_;  // that were drawn
};

}  // namespace detail

// For a failed assertion, which may hold any lock: the tree if it can be had, else nothing.
std::string detail::task_tree_if_possible() noexcept {
    try {
        const task_record* task = current_task_or_null();
        if (task == nullptr || !task->core->tree().try_lock()) return {};
        struct unlock_at_end {
            tree_lock& lock;
            ~unlock_at_end() { lock.unlock(); }
        } const held{task->core->tree()};
        tree_printer printer(*task->core, tree_printer::patience::none);
        return fmt::format("In task '{}' of\n{}", task_name(*task),
                           printer.print(task->core->main()));
    } catch (...) {
        return {};
    }
}

std::string detail::task_tree(runtime_core& core) {
    const lowlevel::locked whole(core.tree());
    return tree_printer(core).print(core.main());
}

std::vector<const detail::task_record*> detail::living_tasks(runtime_core& core) {
    const lowlevel::locked whole(core.tree());
    return tree_printer(core).list(core.main());
}

std::optional<detail::task_sight> detail::look_at(runtime_core& core, const task_record* task) {
    const lowlevel::locked whole(core.tree());
    tree_printer printer(core);  // which keeps nurseries locked: the task stays
    const std::vector<const task_record*> living = printer.list(core.main());
    if (std::find(living.begin(), living.end(), task) == living.end()) return std::nullopt;
    const bool has_waited = task->waits_for.load(lowlevel::order::relaxed) != nullptr;
    return task_sight{std::string(task_name(*task)), has_waited ? place_of(*task) : ""};
}

std::string dump_task_tree() {
    return detail::task_tree(*detail::current_task("dump_task_tree").core);
}

void lowlevel::visit_notes(void* context, bool (*see)(void* context, const scope_note& note)) {
    if (const detail::task_record* task = detail::current_task_or_null())
        detail::scope_tree::visit_notes(*task, context, see);
}

run_statistics current_statistics() {
    detail::runtime_core& core = *detail::current_task("current_statistics").core;
    run_statistics result;
    {
        const lowlevel::locked whole(core.tree());
        result.tasks_living = detail::tree_printer(core).list(core.main()).size();
    }
    result.tasks_runnable = core.scheduler().count_ready();
    result.workers = core.scheduler().workers();
    {
        const lowlevel::locked held(core.timers().lock());
        core.timers().find_next();
    }
    const std::int64_t next = core.timers().next();
    if (next != detail::timer_wheel::nothing)
        result.time_to_next_deadline = std::max(duration::zero(), duration(next - core.now()));
    return result;
}

}  // namespace covey
