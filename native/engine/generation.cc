#include <chrono>
#include <cmath>

#include "engine/probabilities.h"
#include "engine/sequence.h"

namespace tara {

namespace {

constexpr auto SEND_INTERVAL = std::chrono::milliseconds(20);

// The share of the context that must be generated before half of it is forgotten: each time all that stays is fed anew.
constexpr size_t SHIFT_SHARE = 4;

class Generation : public Sequence {
 public:
  Generation(JobPtr job, std::shared_ptr<Weights> weights, size_t context, Tokens prompt_tokens, GenerationOptions options)
      : Sequence(std::move(job), std::move(prompt_tokens)),
        options_(std::move(options)),
        weights_(std::move(weights)),
        context_(context),
        sampler_(*weights_, options_.sampling, tokens, context),
        text_(options_.stops) {}

  // The last token's logits choose the first token.
  size_t reusable() const override { return options_.cache ? prompt - 1 : 0; }

  bool begin(const Place &) override {
    started_ = Clock::now();
    return true;
  }

  bool needs(size_t position) const override { return position + 1 == tokens.size(); }

  bool take(size_t, float * logits) override {
    // Sampling changes the logits: what is told of them is taken before.
    std::vector<float> raw;
    if (options_.logprobs >= 0) raw.assign(logits, logits + llama_vocab_n_tokens(weights_->vocab));
    const llama_token token = sampler_.sample(logits);
    if (generated++ == 0) first_ = Clock::now();
    if (token == LLAMA_TOKEN_NULL) return finish("eos", text_.flush());
    tokens.push_back(token);
    if (llama_vocab_is_eog(weights_->vocab, token)) return finish("eos", text_.flush());
    unsent_.push_back(token);
    if (options_.logprobs >= 0) logprobs_.push_back(token_json(raw.data(), token));
    const std::string shown = text_.add(piece(*weights_, token, false));
    if (!text_.stopped_by().empty()) return finish("stop", shown);
    if (generated == options_.max_tokens || (tokens.size() > context_ && !shift())) return finish("length", shown + text_.flush());
    pending_ += shown;
    // Waking JavaScript for each token would take a core from the decoder: a fast model's tokens go out a few at a time.
    if (!pending_.empty() && Clock::now() - sent_ >= SEND_INTERVAL) send();
    return true;
  }

  void end() override {
    if (!pending_.empty() || !unsent_.empty()) send();
    const double prompt_ms = ms_between(started_, first_);
    const double decode_ms = ms_between(first_, Clock::now());
    const auto rate = [](size_t count, double ms) { return ms > 0 ? 1000.0 * static_cast<double>(count) / ms : 0.0; };
    Json result = {{"finishReason", reason_}};
    if (!text_.stopped_by().empty()) result["stop"] = text_.stopped_by();
    result["usage"] = {{"promptTokens", prompt}, {"completionTokens", generated}, {"cachedTokens", taken_over}};
    result["timings"] = {{"queueMs", ms_between(turn.asked, started_)},
                         {"firstTokenMs", ms_between(turn.asked, first_)},
                         {"promptMs", prompt_ms},
                         {"decodeMs", decode_ms},
                         {"promptTokensPerSecond", rate(prompt - taken_over, prompt_ms)},
                         // The first token belongs to the prompt's time.
                         {"decodeTokensPerSecond", rate(generated - 1, decode_ms)}};
    result["seed"] = options_.sampling.seed;
    job->done(result);
  }

 private:
  Json candidate_json(const float * logits, double partition, llama_token token) const {
    const std::string bytes = piece(*weights_, token, true);
    const double logprob = static_cast<double>(logits[token]) - partition;
    return {{"id", token}, {"bytes", std::vector<uint8_t>(bytes.begin(), bytes.end())}, {"logprob", std::isfinite(logprob) ? Json(logprob) : Json()}};
  }

  Json token_json(const float * logits, llama_token token) const {
    const int32_t size = llama_vocab_n_tokens(weights_->vocab);
    const double partition = log_sum_exp(logits, size);
    Json json = candidate_json(logits, partition, token);
    json["top"] = Json::array();
    for (const llama_token other : most_likely(logits, size, static_cast<size_t>(options_.logprobs))) json["top"].push_back(candidate_json(logits, partition, other));
    return json;
  }

  void send() {
    Json chunk = {{"text", pending_}, {"tokens", unsent_}};
    if (options_.logprobs >= 0) chunk["logprobs"] = std::move(logprobs_);
    job->chunk(chunk);
    pending_.clear();
    unsent_.clear();
    logprobs_ = Json::array();
    sent_ = Clock::now();
  }

  // Feeding what stays anew, instead of moving its keys, gives the model what it would see of that text alone.
  bool shift() {
    const size_t written = tokens.size() - prompt;
    if (!options_.shift || written < context_ / SHIFT_SHARE) return false;
    const auto from = tokens.begin() + static_cast<std::ptrdiff_t>(prompt);
    tokens.erase(from, from + static_cast<std::ptrdiff_t>(written / 2));
    fed = prompt;
    return true;
  }

  bool finish(const char * reason, const std::string & shown) {
    pending_ += shown;
    reason_ = reason;
    return false;
  }

  const GenerationOptions options_;
  const std::shared_ptr<Weights> weights_;
  const size_t context_;
  Sampler sampler_;
  TextStream text_;
  std::string pending_;
  Tokens unsent_;
  Json logprobs_ = Json::array();  // of the unsent tokens
  const char * reason_ = nullptr;
  Clock::time_point started_, first_, sent_;
};

}  // namespace

SequencePtr make_generation(JobPtr job, std::shared_ptr<Weights> weights, size_t context, Tokens prompt, GenerationOptions options) {
  return std::make_unique<Generation>(std::move(job), std::move(weights), context, std::move(prompt), std::move(options));
}

}  // namespace tara
