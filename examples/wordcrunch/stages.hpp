// SPDX-License-Identifier: BSL-1.0
// The stages of the pipeline. Each is a plain function that owns its ends of the channels: when it
// returns, they close, and the next stage finds the end of its input once the last sender is gone.
//
// Data flows left to right:
//
//   walk_trees --file_batch--> read_files --text_chunk--> count_words --word_counts--> merge_counts
//     one task                  --readers                  --workers                    one task
//
// Chunks and tallies that were used up flow back to be filled again, and what could not be read
// flows from the first two stages to collect_skipped.
#pragma once

#include "counts.hpp"
#include "meters.hpp"
#include "read.hpp"
#include "skipped.hpp"
#include "walk.hpp"

#include <covey/covey.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace wordcrunch {

// Things that go round and round instead of being made anew: a fixed number of them does for any
// amount of text. Both sides hold both ends, so that neither finds the channel closed while it
// still works; nobody waits for its end.
template <class T>
struct spares {
    covey::send_channel<T> put;
    covey::receive_channel<T> take;

    [[nodiscard]] spares clone() const { return {put.clone(), take.clone()}; }
};

template <class T, class F>
spares<T> make_spares(std::size_t number, F make) {
    auto [put, take] = covey::open_memory_channel<T>(number);
    for (std::size_t i = 0; i < number; ++i) put.try_send(make());
    return {std::move(put), std::move(take)};
}

spares<text_chunk> spare_chunks(std::size_t number, std::size_t size);
spares<word_counts> spare_tallies(std::size_t number);

// Where a stage leaves what it could not read: passed on, or with --fail-fast thrown.
struct skipped_exit {
    covey::send_channel<skipped_file> files;
    bool fail_fast = false;

    [[nodiscard]] skipped_exit clone() const { return {files.clone(), fail_fast}; }
    [[nodiscard]] covey::task<> pass_on(std::vector<skipped_file> skipped) const;
};

covey::task<> walk_trees(tree_walker walker, covey::send_channel<file_batch> batches,
                         skipped_exit skipped, meters& seen);

covey::task<> read_files(covey::receive_channel<file_batch> batches, file_reader reader,
                         spares<text_chunk> spare, covey::send_channel<text_chunk> chunks,
                         skipped_exit skipped, meters& seen);

covey::task<> count_words(covey::receive_channel<text_chunk> chunks, std::size_t chunk_size,
                          spares<text_chunk> spare_chunk, spares<word_counts> spare_tally,
                          covey::send_channel<word_counts> tallies, meters& seen);

covey::task<> merge_counts(covey::receive_channel<word_counts> tallies,
                           spares<word_counts> spare_tally, word_counts& total, meters& seen);

covey::task<> collect_skipped(covey::receive_channel<skipped_file> skipped, skipped_files& all);

}  // namespace wordcrunch
