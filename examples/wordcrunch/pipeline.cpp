// SPDX-License-Identifier: BSL-1.0
#include "pipeline.hpp"

#include "progress.hpp"
#include "stages.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

namespace wordcrunch {

namespace {

using namespace std::chrono_literals;

// A signal cancels main. Here it is heard behind main's shield, and passed on to the reading alone.
covey::task<> pass_interrupt_on(covey::cancel_scope& main, covey::cancel_scope& reading) {
    co_await main.until_soft_cancelled();
    reading.cancel("interrupted");
}

// Runs what `start` starts in a nursery, until it is done, the limit is over or a signal came.
template <class F>
covey::task<stop_reason> run_until_stopped(const options& wanted, covey::cancel_scope& main,
                                           F start) {
    const auto limit = wanted.limit.value_or(std::chrono::duration<double>::max());
    std::optional<covey::scope_handle> reading;
    const auto limited =
        co_await covey::move_on_after(limit, [&](covey::cancel_scope& scope) -> covey::task<> {
            reading.emplace(scope.handle());
            co_await covey::with_nursery([&](covey::nursery& sources) {
                sources.start_service(pass_interrupt_on, std::ref(main), std::ref(scope));
                start(sources);
            });
        });
    if (limited.finished()) co_return stop_reason::none;
    const bool is_late = reading->cause().source == covey::cancel_source::deadline;
    co_return is_late ? stop_reason::limit : stop_reason::interrupt;
}

void add_times(crunch_result& result, const options& wanted, const meters& seen) {
    const auto add = [&](std::string_view name, unsigned tasks, const meter& busy) {
        result.stages.push_back({name, tasks, std::chrono::nanoseconds(busy.value())});
    };
    add("walk", 1, seen.walking);
    add("read", wanted.readers, seen.reading);
    add("count", wanted.workers, seen.counting);
    add("merge", 1, seen.merging);
}

void add_fill(crunch_result& result, std::string_view name,
              const covey::channel_statistics& statistics) {
    result.channels.push_back({name, statistics.max_buffer_size, statistics.peak_buffer_used});
}

}  // namespace

covey::task<crunch_result> crunch(options wanted) {
    const auto start = std::chrono::steady_clock::now();
    crunch_result result;
    meters seen;

    // From left to right. The receiving ends stay here to the end, to be asked for statistics: only
    // sending ends keep a channel open, so these are handed on or closed below.
    auto [batches_in, batches] = covey::open_memory_channel<file_batch>(wanted.capacity);
    auto [chunks_in, chunks] = covey::open_memory_channel<text_chunk>(wanted.capacity);
    auto [tallies_in, tallies] = covey::open_memory_channel<word_counts>(wanted.workers);
    auto [skipped_in, skipped] = covey::open_memory_channel<skipped_file>(wanted.capacity);
    // As many as are in use at the same time: by each task on both sides, and in the channel. While
    // one tally is merged, every worker can fill another.
    const auto spare_chunk =
        spare_chunks(wanted.capacity + wanted.readers + wanted.workers, wanted.chunk_size);
    const auto spare_tally = spare_tallies(wanted.workers + 1);

    const auto start_reading = [&](covey::nursery& sources) {
        const skipped_exit exit{std::move(skipped_in), wanted.fail_fast};
        const auto chunks_exit = std::move(chunks_in);
        sources.start_soon(walk_trees, tree_walker(wanted.paths), std::move(batches_in),
                           exit.clone(), std::ref(seen));
        for (unsigned i = 0; i < wanted.readers; ++i) {
            sources.start_soon(read_files, batches.clone(), file_reader(wanted.chunk_size),
                               spare_chunk.clone(), chunks_exit.clone(), exit.clone(),
                               std::ref(seen));
        }
    };
    const auto start_counting = [&](covey::nursery& stages) {
        const auto tallies_exit = std::move(tallies_in);
        for (unsigned i = 0; i < wanted.workers; ++i) {
            stages.start_soon(count_words, chunks.clone(), wanted.chunk_size, spare_chunk.clone(),
                              spare_tally.clone(), tallies_exit.clone(), std::ref(seen));
        }
        stages.start_soon(merge_counts, tallies.clone(), spare_tally.clone(),
                          std::ref(result.words), std::ref(seen));
        stages.start_soon(collect_skipped, skipped.clone(), std::ref(result.skipped));
    };

    // --limit and Ctrl-C stop the reading and nothing else. What has been read by then is counted
    // to the end, so that a partial result is exact for the files and bytes that it names.
    covey::cancel_scope& main = covey::current_scope();
    co_await covey::shielded([&] {
        return covey::with_nursery([&](covey::nursery& stages) -> covey::task<> {
            stages.start_service(show_progress, std::cref(seen));
            start_counting(stages);
            const stop_reason stopped = co_await run_until_stopped(wanted, main, start_reading);
            result.stopped = stopped;
        });
    });

    result.elapsed = std::chrono::steady_clock::now() - start;
    result.files = seen.files.value();
    result.bytes = seen.bytes.value();
    result.total_words = seen.words.value();
    add_times(result, wanted, seen);
    add_fill(result, "paths", batches.statistics());
    add_fill(result, "chunks", chunks.statistics());
    add_fill(result, "tallies", tallies.statistics());
    add_fill(result, "skipped", skipped.statistics());
    co_return result;
}

}  // namespace wordcrunch
