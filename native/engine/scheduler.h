// Continuous batching: every round decodes one token for each generating slot and a fair share of the prompts. A decode
// applies its adapters to every token in it, so a round serves the slots of one set of adapters, and sets take turns.
// Rounding depends on what is decoded together; a deterministic scheduler decodes each sequence by itself instead.
#pragma once

#include <vector>

#include "engine/context.h"
#include "engine/sequence.h"
#include "engine/stats.h"

namespace tara {

struct SlotOptions {
  size_t context = 0;  // tokens of a slot
  size_t slots = 1;
  bool deterministic = false;  // a sequence's logits depend on its own tokens only
};

class Scheduler {
 public:
  // `closing` = true gives up the decode in flight.
  Scheduler(std::shared_ptr<Weights> weights, const SlotOptions & options, Threads & threads, const std::atomic<bool> & closing, Stats & stats);

  bool idle() const;
  bool has_free_slot() const;

  // Gives the sequence a free slot, with what another sequence has fed of the same beginning; its job fails at once when
  // it does not fit.
  void admit(SequencePtr sequence);
  void round();
  void fail_all(const Failure & failure);

 private:
  struct Slot {
    llama_seq_id id;
    SequencePtr sequence{};   // null = free
    Tokens left{};            // of a free slot: what the context still holds for it
    AdapterUse adapters{};    // that its tokens were fed with
    bool sound = true;        // the context holds exactly what was fed
    uint64_t freed = 0;       // when, in slots freed
    size_t waited = 0;        // rounds that served other adapters
    size_t share = 0;         // tokens in this round

    const Tokens & tokens() const { return sequence ? sequence->tokens : left; }
    size_t held() const { return sequence ? sequence->fed : left.size(); }
  };
  // A row of logits that a decode gives: the batch entry, and whom it is for.
  struct Output {
    int32_t entry;
    Slot * slot;
    size_t position;
  };

  void sweep_cancelled();
  void choose_adapters();
  void round_together();
  void round_apart();
  void start_batch();
  void build();
  void share_out(std::vector<Slot *> prompts, size_t budget);
  void feed(Slot & slot, size_t count);
  size_t feedable(const Slot & slot, size_t count) const;
  void decode();
  void run();
  void deliver(const Output & output, int32_t row);
  const Slot * longest_beginning(const Sequence & sequence, size_t & shared) const;
  Slot & slot_for(const Slot * source, size_t shared);
  size_t take_over(Slot & slot, const Slot * source, size_t shared);
  bool copy(const Slot & from, Slot & to);
  bool truncate(Slot & slot, size_t tokens);
  void forget(Slot & slot);
  // Takes the sequence out; the slot keeps what the context holds of it where that is sound.
  SequencePtr free(Slot & slot);
  void fail(Slot & slot, const Failure & failure);
  bool all_cancelled() const;

  const SlotOptions options_;
  const std::atomic<bool> & closing_;
  Stats & stats_;
  std::vector<Slot> slots_;
  Context context_;
  const llama_pos window_;  // of sliding attention, 0 = none
  const bool copies_;       // whether the beginning of a sequence can be copied to another
  double prompt_token_ms_;  // what a token of a prompt takes, lately
  Batch batch_;
  std::vector<Output> outputs_;
  std::vector<Slot *> fed_;  // the slots in the batch
  uint64_t freed_ = 0;
  size_t turn_ = 0;          // whose prompt is read this round, of a deterministic scheduler
  AdapterUse adapters_;      // of this round
};

}  // namespace tara
