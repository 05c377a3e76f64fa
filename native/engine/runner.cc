#include "engine/runner.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "engine/json_schema.h"

namespace tara {

namespace {

constexpr size_t DEFAULT_CONTEXT = 4096;
// Tokenizing more than this takes long enough to count as CPU work.
constexpr size_t LONG_TEXT = 64 * 1024;

// What a guest holds is free before its end is told: the next job may want it at once.
void evict(GuestPtr guest, const Failure & failure) {
  const JobPtr job = guest->job;
  guest.reset();
  job->fail(job->cancelled() ? Failure{"TARA_ABORTED"} : failure);
}

Failure disposed() { return {"TARA_DISPOSED", {{"what", "the model"}}}; }

size_t context_for(const Weights & weights, size_t wanted) {
  const int32_t trained = llama_model_n_ctx_train(weights.model);
  const size_t limit = trained > 0 ? static_cast<size_t>(trained) : DEFAULT_CONTEXT;
  if (wanted == 0) return std::min(limit, DEFAULT_CONTEXT);
  if (wanted > limit) {
    throw Error("TARA_OPTION_INVALID", {{"option", "contextSize"}, {"reason", "the model was trained for " + std::to_string(limit) + " tokens"}});
  }
  return wanted;
}

Json token_json(const Weights & weights, llama_token token) {
  if (token < 0 || token >= llama_vocab_n_tokens(weights.vocab)) return nullptr;
  return {{"id", token}, {"text", piece(weights, token, true)}};
}

Json facts(const Weights & weights) {
  char description[128] = "";
  llama_model_desc(weights.model, description, sizeof(description));
  const auto * model = weights.model;
  return {{"architecture", weights.meta("general.architecture")},
          {"description", description},
          {"parameters", llama_model_n_params(model)},
          {"bytes", llama_model_size(model)},
          {"layers", llama_model_n_layer(model)},
          {"embeddingLength", llama_model_n_embd_out(model)},
          {"trainedContext", llama_model_n_ctx_train(model)},
          {"vocabularySize", llama_vocab_n_tokens(weights.vocab)},
          {"bos", token_json(weights, llama_vocab_bos(weights.vocab))},
          {"eos", token_json(weights, llama_vocab_eos(weights.vocab))},
          {"eot", token_json(weights, llama_vocab_eot(weights.vocab))},
          {"addsBos", llama_vocab_get_add_bos(weights.vocab)},
          {"addsEos", llama_vocab_get_add_eos(weights.vocab)}};
}

}  // namespace

void Runner::open(JobPtr job, RunnerOptions options) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closing_ || thread_.joinable()) throw Error("TARA_DISPOSED", {{"what", "the model"}});
  ended_ = false;
  thread_ = std::thread([this, job, options] { main(job, options); });
}

void Runner::main(JobPtr job, RunnerOptions options) noexcept {
  try {
    const Json info = start(job, options);
    job->check();
    job->done(info);
  } catch (...) {
    const Failure failure = current_failure();
    closing_ = true;
    end(failure);
    job->fail(failure);
    return;
  }
  Failure failure = disposed();
  try {
    work();
  } catch (...) {
    failure = current_failure();
  }
  end(failure);
}

Json Runner::start(const JobPtr & job, const RunnerOptions & options) {
  auto weights = Weights::load(options.weights, job);
  context_tokens_ = context_for(*weights, options.context);
  threads_ = std::make_unique<Threads>(options.threads > 0 ? options.threads : CpuBudget::get().cores());
  if (weights->causal()) scheduler_ = std::make_unique<Scheduler>(weights, SlotOptions{context_tokens_, options.slots, options.deterministic}, *threads_, closing_, stats_);
  slots_ = options.slots;
  queued_ = options.queued;
  // The vocabulary's static tables are made at its first use.
  tara::tokenize(*weights, "A 1\n", true, true);
  install_exit_guard();
  Json info = facts(*weights);
  info["contextSize"] = context_tokens_;
  info["slots"] = options.slots;
  info["threads"] = threads_->count();
  info["generates"] = scheduler_ != nullptr;
  info["embeds"] = !embedding_refusal(*weights).has_value();
  weights_ = std::move(weights);
  return info;
}

bool Runner::idle() const { return (!scheduler_ || scheduler_->idle()) && (!embedder_ || embedder_->idle()) && !guest_; }

// False when the runner closes.
bool Runner::wait_for_work() {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto ready = [&] { return closing_ || waiting_.size() > 0 || !waiting_embeds_.empty() || !waiting_guests_.empty(); };
  if (idle() && !ready()) {
    lock.unlock();
    threads_->release();
    lock.lock();
    changed_.wait(lock, ready);
  }
  return !closing_;
}

void Runner::admit() {
  std::deque<EmbedRequest> embeds;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    waiting_.sweep();
    embeds.swap(waiting_embeds_);
  }
  while (scheduler_ && scheduler_->has_free_slot()) {
    SequencePtr next;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      next = waiting_.pop();
    }
    if (!next) break;
    scheduler_->admit(std::move(next));
  }
  for (auto & request : embeds) {
    const JobPtr job = request.job;
    try {
      if (!embedder_) embedder_ = std::make_unique<Embedder>(weights_, context_tokens_, *threads_, closing_);
      embedder_->add(std::move(request));
    } catch (...) {
      job->fail(current_failure());
    }
  }
}

void Runner::serve_guest() {
  bool arrived = false;
  if (!guest_) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (waiting_guests_.empty()) return;
    guest_ = std::move(waiting_guests_.front());
    waiting_guests_.pop_front();
    arrived = true;
  }
  try {
    guest_->job->check();
    if (arrived) guest_->begin({weights_, *threads_, closing_, context_tokens_});
    if (guest_->step()) return;
  } catch (...) {
    evict(std::move(guest_), current_failure());
  }
  guest_.reset();
}

void Runner::work() {
  while (wait_for_work()) {
    admit();
    if (embedder_ && !embedder_->idle()) embedder_->step();
    if (scheduler_) scheduler_->round();
    serve_guest();
  }
}

void Runner::end(const Failure & failure) noexcept {
  closing_ = true;
  if (scheduler_) scheduler_->fail_all(failure);
  if (embedder_) embedder_->fail_all(failure);
  desk_.close();
  std::vector<JobPtr> closers;
  std::deque<GuestPtr> guests;
  if (guest_) guests.push_back(std::move(guest_));
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    const auto fail = [&](Job & job) { job.fail(job.cancelled() ? Failure{"TARA_ABORTED"} : failure); };
    waiting_.fail_all(failure);
    for (auto & request : waiting_embeds_) fail(*request.job);
    waiting_embeds_.clear();
    std::move(waiting_guests_.begin(), waiting_guests_.end(), std::back_inserter(guests));
    waiting_guests_.clear();
    closers.swap(closers_);
  }
  for (auto & guest : guests) evict(std::move(guest), failure);
  embedder_.reset();
  scheduler_.reset();
  threads_.reset();
  weights_.reset();
  for (auto & job : closers) job->done(Json::object());
}

void Runner::close_soon(JobPtr job) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    changed_.notify_all();
    if (!ended_) {
      closers_.push_back(std::move(job));
      return;
    }
  }
  job->done(Json::object());
}

void Runner::close() noexcept {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  desk_.close();
}

const Weights & Runner::weights() const {
  if (!weights_) throw Error("TARA_DISPOSED", {{"what", "the model"}});
  return *weights_;
}

Tokens Runner::tokens_of(Prompt & prompt) {
  if (prompt.tokenized) {
    check_tokens(weights(), prompt.tokens);
    return std::move(prompt.tokens);
  }
  SingleShare share;
  if (prompt.text.size() > LONG_TEXT) share.renew();
  return tara::tokenize(weights(), prompt.text, prompt.add_special, prompt.parse_special);
}

// At least one token: an empty prompt begins with the start token where there is one.
Tokens Runner::checked_tokens_of(Prompt & prompt) {
  Tokens tokens = tokens_of(prompt);
  if (!tokens.empty()) return tokens;
  const llama_token bos = llama_vocab_bos(weights().vocab);
  if (bos < 0 || bos >= llama_vocab_n_tokens(weights().vocab)) throw Error("TARA_PROMPT_EMPTY");
  return {bos};
}

void Runner::check_generates() const {
  if (scheduler_) return;
  throw Error("TARA_MODEL_UNSUPPORTED", {{"path", weights().path}, {"reason", "it is an encoder: it gives embeddings, no text"}});
}

void Runner::push(SequencePtr sequence, const Prompt & prompt, Turn turn) {
  sequence->adapters = weights().adapters(prompt.adapters);
  sequence->turn = turn;
  std::lock_guard<std::mutex> lock(mutex_);
  if (waiting_.size() + stats_.active >= slots_ + queued_) throw Error("TARA_QUEUE_FULL", {{"queued", waiting_.size()}});
  waiting_.push(std::move(sequence));
  changed_.notify_all();
}

void Runner::generate(JobPtr job, Prompt prompt, GenerationOptions options, Turn turn) {
  desk_.add(job, [this, job, turn, prompt = std::move(prompt), options = std::move(options)]() mutable {
    check_generates();
    if (!options.json_schema.empty()) options.sampling.grammar = grammar_of_schema(options.json_schema);
    push(make_generation(job, weights_, context_tokens_, checked_tokens_of(prompt), std::move(options)), prompt, turn);
  });
}

void Runner::score(JobPtr job, Prompt prompt, size_t skip) {
  desk_.add(job, [this, job, prompt = std::move(prompt), skip]() mutable {
    check_generates();
    Tokens tokens = checked_tokens_of(prompt);
    if (tokens.size() < 2) throw Error("TARA_PROMPT_EMPTY");
    if (skip >= tokens.size()) {
      throw Error("TARA_OPTION_INVALID", {{"option", "promptTokens"}, {"reason", "the text has only " + std::to_string(tokens.size()) + " tokens"}});
    }
    push(make_score(job, weights(), std::move(tokens), skip), prompt, Turn());
  });
}

void Runner::save(JobPtr job, Prompt prompt) {
  desk_.add(job, [this, job, prompt = std::move(prompt)]() mutable {
    check_generates();
    push(make_saving(job, checked_tokens_of(prompt)), prompt, Turn());
  });
}

void Runner::restore(JobPtr job, Prompt prompt, Blob state) {
  desk_.add(job, [this, job, prompt = std::move(prompt), state = std::move(state)]() mutable {
    check_generates();
    push(make_restoring(job, checked_tokens_of(prompt), std::move(state)), prompt, Turn());
  });
}

void Runner::embed(JobPtr job, std::vector<Prompt> prompts, bool normalize, std::vector<size_t> blocks) {
  desk_.add(job, [this, job, prompts = std::move(prompts), normalize, blocks = std::move(blocks)]() mutable {
    if (const auto reason = embedding_refusal(weights())) throw Error("TARA_MODEL_UNSUPPORTED", {{"path", weights().path}, {"reason", *reason}});
    EmbedRequest request{job, {}, normalize, std::move(blocks)};
    for (auto & prompt : prompts) {
      job->check();
      request.texts.push_back(checked_tokens_of(prompt));
    }
    std::lock_guard<std::mutex> lock(mutex_);
    waiting_embeds_.push_back(std::move(request));
    changed_.notify_all();
  });
}

void Runner::host(GuestPtr guest) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!closing_ && !ended_) {
      waiting_guests_.push_back(std::move(guest));
      changed_.notify_all();
      return;
    }
  }
  evict(std::move(guest), disposed());
}

Json Runner::stats() {
  std::lock_guard<std::mutex> lock(mutex_);
  return {{"slots", slots_},
          {"active", stats_.active.load()},
          {"queued", waiting_.size()},
          {"requests", stats_.requests.load()},
          {"promptTokens", stats_.prompt_tokens.load()},
          {"cachedTokens", stats_.cached_tokens.load()},
          {"completionTokens", stats_.completion_tokens.load()},
          {"decodes", stats_.decodes.load()},
          {"busyMs", static_cast<double>(stats_.busy_us.load()) / 1000}};
}

void Runner::tokenize(JobPtr job, Prompt prompt) {
  desk_.add(job, [this, job, prompt = std::move(prompt)]() mutable {
    const Tokens tokens = tokens_of(prompt);
    Blob blob(tokens.size() * sizeof(llama_token));
    if (!blob.empty()) std::memcpy(blob.data(), tokens.data(), blob.size());
    job->done({{"tokens", tokens.size()}}, std::move(blob));
  });
}

void Runner::detokenize(JobPtr job, Tokens tokens, bool special) {
  desk_.add(job, [this, job, tokens = std::move(tokens), special] {
    const std::string text = tara::detokenize(weights(), tokens, special);
    job->done({{"bytes", text.size()}}, Blob(text.begin(), text.end()));
  });
}

}  // namespace tara
