// A conversation's keys and values on their way to a file and back.
#include "engine/sequence.h"
#include "env/log.h"

namespace tara {

namespace {

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
