// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "simulation.hpp"

#include <covey/detail/task_record.hpp>

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

namespace covey::detail {

// The run's source of chance, and with a seed the order in which its one worker runs what is ready:
// the ready set is taken as a batch and shuffled, as in Trio. In a simulated run the simulation
// says who is next. Threads   random_number(): any worker. The rest: the only worker.
class seeded_order {
 public:
    explicit seeded_order(std::optional<std::uint64_t> seed, simulation* simulated)
        : is_seeded_(seed.has_value()),
          simulation_(simulated),
          random_(seed ? *seed : std::random_device()()) {}

    [[nodiscard]] bool is_seeded() const noexcept { return is_seeded_; }
    [[nodiscard]] simulation* simulated() const noexcept { return simulation_; }
    [[nodiscard]] std::uint64_t random_number() noexcept {
        if (simulation_ != nullptr) return simulation_->random_number();
        const lowlevel::locked held(lock_);
        return random_();
    }

    [[nodiscard]] ready_chain& ready() noexcept { return ready_; }
    // The next of the batch; a new batch is dealt from ready() when the last one is used up.
    [[nodiscard]] task_record* pop() noexcept {
        if (simulation_ != nullptr) [[unlikely]]
            return pop_simulated();
        if (batch_.empty()) deal();
        if (batch_.empty()) return ready_.take();  // nothing, or no memory to shuffle in
        task_record* task = batch_.back();
        batch_.pop_back();
        return task;
    }
    [[nodiscard]] bool needs_batch() const noexcept { return batch_.empty(); }
    [[nodiscard]] std::size_t count() const noexcept {
        const std::size_t simulated = simulation_ == nullptr ? 0 : simulation_->count();
        return batch_.size() + ready_.count() + simulated;
    }

 private:
    [[nodiscard]] task_record* pop_simulated() noexcept {
        simulation_->begin_step();
        while (task_record* task = ready_.take()) simulation_->add(*task);
        return simulation_->next();
    }
    void deal() noexcept {
        try {
            batch_.reserve(ready_.count());
        } catch (...) {
            return;
        }
        while (task_record* task = ready_.take()) batch_.push_back(task);
        // Fisher and Yates by hand: std::shuffle differs between standard libraries.
        for (std::size_t left = batch_.size(); left > 1; --left)
            std::swap(batch_[left - 1], batch_[random_number() % left]);
    }

    const bool is_seeded_;
    simulation* const simulation_;  // or null
    ready_chain ready_;
    std::vector<task_record*> batch_;  // the next one last

    lowlevel::spin_lock lock_;
    std::mt19937_64 random_;  // guarded by lock_
};

}  // namespace covey::detail
