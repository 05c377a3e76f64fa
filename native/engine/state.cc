// A conversation's keys and values on their way to a file and back.
#include <cstring>

#include "engine/sequence.h"
#include "env/log.h"

namespace tara {

namespace {

// llama.cpp's bytes: magic and sequence id, the number of the context's sequences, then for each how many cells it has, and
// those. All but one have none, but a context of another number refuses them: a file is kept as if of a context of one.
// Models with more than one kind of memory repeat all but the first two for each, so theirs are kept as they are.
constexpr size_t SEQUENCES_AT = 8;
constexpr size_t CELLS_AT = 12;
constexpr size_t WORD = sizeof(uint32_t);

bool one_memory(const llama_context * context) {
  const auto * model = llama_get_model(context);
  return llama_model_n_swa(model) == 0 && !llama_model_is_recurrent(model) && !llama_model_is_hybrid(model);
}

void set_word(Blob & state, size_t at, uint32_t word) { std::memcpy(state.data() + at, &word, WORD); }

Blob of_one_sequence(Blob state, const Place & place) {
  const size_t before = static_cast<size_t>(place.id) * WORD;
  const size_t after = (llama_n_seq_max(place.context) - 1) * WORD - before;
  if (!one_memory(place.context) || state.size() < CELLS_AT + before + after) return state;
  state.resize(state.size() - after);
  state.erase(state.begin() + CELLS_AT, state.begin() + static_cast<std::ptrdiff_t>(CELLS_AT + before));
  set_word(state, SEQUENCES_AT, 1);
  return state;
}

Blob of_context(Blob state, const llama_context * context) {
  if (!one_memory(context) || state.size() < CELLS_AT) return state;
  set_word(state, SEQUENCES_AT, llama_n_seq_max(context));
  state.resize(state.size() + (llama_n_seq_max(context) - 1) * WORD, 0);
  return state;
}

class Saving : public Sequence {
 public:
  using Sequence::Sequence;

  size_t reusable() const override { return tokens.size() - 1; }
  bool begin(const Place & place) override {
    place_ = place;
    return true;
  }
  bool needs(size_t position) const override { return position + 1 == tokens.size(); }
  bool take(size_t, float *) override {
    state_.resize(llama_state_seq_get_size(place_.context, place_.id));
    const size_t written = llama_state_seq_get_data(place_.context, state_.data(), state_.size(), place_.id);
    if (written == 0) throw Error("TARA_INTERNAL", {{"reason", "llama.cpp gave no state"}});
    state_.resize(written);
    state_ = of_one_sequence(std::move(state_), place_);
    return false;
  }
  void end() override { job->done({{"tokens", tokens.size()}, {"cached", taken_over}}, std::move(state_)); }

 private:
  Place place_{};
  Blob state_;
};

class Restoring : public Sequence {
 public:
  Restoring(JobPtr job, Tokens tokens, Blob state) : Sequence(std::move(job), std::move(tokens)), state_(std::move(state)) {}

  bool begin(const Place & place) override {
    LogCapture log;
    auto * memory = llama_get_memory(place.context);
    state_ = of_context(std::move(state_), place.context);
    const size_t read = llama_state_seq_set_data(place.context, state_.data(), state_.size(), place.id);
    const auto last = static_cast<llama_pos>(tokens.size()) - 1;
    if (read != state_.size() || llama_memory_seq_pos_max(memory, place.id) != last) {
      throw Error("TARA_STATE_INVALID", {{"reason", log.reason("its keys and values are not those of its tokens")}});
    }
    fed = tokens.size();
    return false;
  }
  bool needs(size_t) const override { return false; }
  bool take(size_t, float *) override { return false; }
  void end() override { job->done({{"tokens", tokens.size()}}); }

 private:
  Blob state_;
};

}  // namespace

SequencePtr make_saving(JobPtr job, Tokens tokens) { return std::make_unique<Saving>(std::move(job), std::move(tokens)); }

SequencePtr make_restoring(JobPtr job, Tokens tokens, Blob state) {
  return std::make_unique<Restoring>(std::move(job), std::move(tokens), std::move(state));
}

}  // namespace tara
