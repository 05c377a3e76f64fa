#include <chrono>
#include <optional>

#include "engine/sequence.h"

namespace tara {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto SEND_INTERVAL = std::chrono::milliseconds(20);

double ms_between(Clock::time_point from, Clock::time_point to) { return std::chrono::duration<double, std::milli>(to - from).count(); }

class Generation : public Sequence {
 public:
  Generation(JobPtr job, Tokens prompt, GenerationOptions options)
      : Sequence(std::move(job), std::move(prompt)), prompt_(tokens.size()), options_(std::move(options)), text_(options_.stops) {}

  void begin(const Weights & weights, size_t context) override {
    weights_ = &weights;
    context_ = context;
    sampler_.emplace(weights, options_.sampling);
    started_ = Clock::now();
  }

  bool needs(size_t position) const override { return position + 1 == tokens.size(); }

  bool take(size_t, float * logits) override {
    const llama_token token = sampler_->sample(logits);
    if (generated_++ == 0) first_ = Clock::now();
    tokens.push_back(token);
    if (llama_vocab_is_eog(weights_->vocab, token)) return finish("eos", text_.flush());
    unsent_.push_back(token);
    const std::string shown = text_.add(piece(*weights_, token, false));
    if (!text_.stopped_by().empty()) return finish("stop", shown);
    const bool full = tokens.size() > context_ || generated_ == options_.max_tokens;
    if (full) return finish("length", shown + text_.flush());
    pending_ += shown;
    // Waking JavaScript for each token would take a core from the decoder: a fast model's tokens go out a few at a time.
    if (!pending_.empty() && Clock::now() - sent_ >= SEND_INTERVAL) send();
    return true;
  }

 private:
  void send() {
    job->chunk({{"text", pending_}, {"tokens", unsent_}});
    pending_.clear();
    unsent_.clear();
    sent_ = Clock::now();
  }

  bool finish(const char * reason, const std::string & shown) {
    pending_ += shown;
    if (!pending_.empty() || !unsent_.empty()) send();
    const double prompt_ms = ms_between(started_, first_);
    const double decode_ms = ms_between(first_, Clock::now());
    const auto rate = [](size_t count, double ms) { return ms > 0 ? 1000.0 * static_cast<double>(count) / ms : 0.0; };
    Json result = {{"finishReason", reason}};
    if (!text_.stopped_by().empty()) result["stop"] = text_.stopped_by();
    result["usage"] = {{"promptTokens", prompt_}, {"completionTokens", generated_}};
    result["timings"] = {{"promptMs", prompt_ms},
                         {"decodeMs", decode_ms},
                         {"promptTokensPerSecond", rate(prompt_, prompt_ms)},
                         // The first token belongs to the prompt's time.
                         {"decodeTokensPerSecond", rate(generated_ - 1, decode_ms)}};
    result["seed"] = options_.sampling.seed;
    job->done(result);
    return false;
  }

  const size_t prompt_;
  const GenerationOptions options_;
  const Weights * weights_ = nullptr;
  size_t context_ = 0;
  std::optional<Sampler> sampler_;
  TextStream text_;
  std::string pending_;
  Tokens unsent_;
  size_t generated_ = 0;
  Clock::time_point started_, first_, sent_;
};

}  // namespace

SequencePtr make_generation(JobPtr job, Tokens prompt, GenerationOptions options) {
  return std::make_unique<Generation>(std::move(job), std::move(prompt), std::move(options));
}

}  // namespace tara
