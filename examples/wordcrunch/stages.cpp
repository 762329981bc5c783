// SPDX-License-Identifier: BSL-1.0
#include "stages.hpp"

#include "tokenizer.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

namespace wordcrunch {

namespace {

// A worker sends its tally on when it holds this many words: few enough to stay in a core's cache
// and to bound what a worker holds, many enough to see a frequent word often before it is merged.
constexpr std::size_t words_per_tally = 16 * 1024;

void count_chunk(const text_chunk& chunk, word_counts& tally, meters& seen) {
    const stage_timer timer(seen.counting);
    std::uint64_t words = 0;
    for_each_word(chunk.text(), [&](std::string_view word) {
        tally.add(word);
        ++words;
    });
    seen.words.add(words);
    seen.files.add(chunk.files);
    seen.bytes.add(chunk.bytes);
}

void merge_tally(const word_counts& tally, word_counts& total, meters& seen) {
    const stage_timer timer(seen.merging);
    total.add(tally);
}

}  // namespace

spares<text_chunk> spare_chunks(std::size_t number, std::size_t size) {
    return make_spares<text_chunk>(number, [size] { return text_chunk(size); });
}

spares<word_counts> spare_tallies(std::size_t number) {
    return make_spares<word_counts>(number, [] { return word_counts(words_per_tally); });
}

covey::task<> skipped_exit::pass_on(std::vector<skipped_file> skipped) const {
    for (skipped_file& each : skipped) {
        if (fail_fast) throw unreadable_error(each);
        co_await files.send(std::move(each));
    }
}

covey::task<> walk_trees(tree_walker walker, covey::send_channel<file_batch> batches,
                         skipped_exit skipped, meters& seen) {
    while (!walker.done()) {
        // The thread works in this frame. It may: a cancelled to_thread waits for its thread.
        file_batch batch = co_await covey::to_thread([&] {
            const stage_timer timer(seen.walking);
            return walker.next();
        });
        co_await skipped.pass_on(std::move(batch.skipped));
        if (!batch.paths.empty()) co_await batches.send(std::move(batch));
    }
}

covey::task<> read_files(covey::receive_channel<file_batch> batches, file_reader reader,
                         spares<text_chunk> spare, covey::send_channel<text_chunk> chunks,
                         skipped_exit skipped, meters& seen) {
    while (auto batch = co_await batches.next()) {
        reader.add(std::move(batch->paths));
        while (!reader.done()) {
            text_chunk chunk = co_await spare.take.receive();
            co_await covey::to_thread([&] {
                const stage_timer timer(seen.reading);
                reader.fill(chunk);
            });
            co_await skipped.pass_on(reader.take_skipped());
            const auto& next = chunk.used > 0 ? chunks : spare.put;
            co_await next.send(std::move(chunk));
        }
    }
}

covey::task<> count_words(covey::receive_channel<text_chunk> chunks, std::size_t chunk_size,
                          spares<text_chunk> spare_chunk, spares<word_counts> spare_tally,
                          covey::send_channel<word_counts> tallies, meters& seen) {
    word_counts tally = co_await spare_tally.take.receive();
    while (auto chunk = co_await chunks.next()) {
        count_chunk(*chunk, tally, seen);
        chunk->reset(chunk_size);
        co_await spare_chunk.put.send(std::move(*chunk));
        if (tally.distinct() >= words_per_tally) {
            co_await tallies.send(std::move(tally));
            tally = co_await spare_tally.take.receive();
        }
    }
    co_await tallies.send(std::move(tally));
}

covey::task<> merge_counts(covey::receive_channel<word_counts> tallies,
                           spares<word_counts> spare_tally, word_counts& total, meters& seen) {
    while (auto tally = co_await tallies.next()) {
        merge_tally(*tally, total, seen);
        tally->clear();
        co_await spare_tally.put.send(std::move(*tally));
    }
}

covey::task<> collect_skipped(covey::receive_channel<skipped_file> skipped, skipped_files& all) {
    while (auto file = co_await skipped.next()) all.add(std::move(*file));
}

}  // namespace wordcrunch
