// What the engine room offers to JavaScript. Objects: a runner, made by engine.create, freed by engine.free.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <type_traits>

#include "engine/runner.h"

namespace tara {

namespace {

constexpr size_t SLOTS_LIMIT = 64;
constexpr size_t CONTEXT_LIMIT = 1u << 20;

Error invalid(const char * option, const std::string & reason) { return Error("TARA_OPTION_INVALID", {{"option", option}, {"reason", reason}}); }

// JavaScript has checked the options; a value outside the range here is refused all the same, never passed on.
double number(const Json & params, const char * key, double otherwise, double low, double high) {
  const auto found = params.find(key);
  if (found == params.end() || found->is_null()) return otherwise;
  if (!found->is_number()) throw invalid(key, "must be a number");
  const double value = found->get<double>();
  if (!(value >= low && value <= high)) throw invalid(key, "is out of range");
  return value;
}

bool flag(const Json & params, const char * key, bool otherwise) { return params.value(key, otherwise); }

std::shared_ptr<Runner> runner_of(Environment & environment, const Json & params) {
  auto runner = environment.find<Runner>(params.at("runner").get<uint32_t>());
  if (!runner) throw Error("TARA_DISPOSED", {{"what", "the model"}});
  return runner;
}

Tokens tokens_from(const Blob & blob) {
  if (blob.size() % sizeof(llama_token) != 0) throw invalid("tokens", "must be 32-bit integers");
  Tokens tokens(blob.size() / sizeof(llama_token));
  if (!tokens.empty()) std::memcpy(tokens.data(), blob.data(), blob.size());
  return tokens;
}

// The first blob: UTF-8, or int32 ids with `tokenized`.
Prompt prompt_from(const Json & params, const Blob & blob) {
  Prompt prompt;
  prompt.tokenized = flag(params, "tokenized", false);
  prompt.add_special = flag(params, "addSpecial", true);
  prompt.parse_special = flag(params, "parseSpecial", false);
  if (prompt.tokenized) prompt.tokens = tokens_from(blob);
  else prompt.text.assign(blob.begin(), blob.end());
  if (const auto adapters = params.find("adapters"); adapters != params.end()) {
    for (const auto & [name, scale] : adapters->items()) prompt.adapters.emplace_back(name, scale.get<float>());
  }
  return prompt;
}

const Blob & only(const Blobs & blobs) {
  if (blobs.size() != 1) throw Error("TARA_INTERNAL", {{"reason", "one blob expected"}});
  return blobs.front();
}

void open(Environment & environment, JobPtr job, Json params, Blobs) {
  RunnerOptions options;
  options.weights.path = params.at("path").get<std::string>();
  if (const auto adapters = params.find("adapters"); adapters != params.end()) {
    for (const auto & [name, path] : adapters->items()) options.weights.adapters[name] = path.get<std::string>();
  }
  options.weights.mmap = flag(params, "mmap", false);
  options.weights.gpu_layers = static_cast<int>(number(params, "gpuLayers", -1, -1, 1e6));
  options.context = static_cast<size_t>(number(params, "contextSize", 0, 0, CONTEXT_LIMIT));
  options.slots = static_cast<size_t>(number(params, "slots", 1, 1, SLOTS_LIMIT));
  options.queued = static_cast<size_t>(number(params, "maxQueued", 1024, 0, 1 << 20));
  options.threads = static_cast<int>(number(params, "threads", 0, 0, 1024));
  options.deterministic = flag(params, "deterministic", false);
  runner_of(environment, params)->open(std::move(job), std::move(options));
}

void close(Environment & environment, JobPtr job, Json params, Blobs) { runner_of(environment, params)->close_soon(std::move(job)); }

std::vector<std::string> strings(const Json & params, const char * key) {
  std::vector<std::string> list;
  if (const auto found = params.find(key); found != params.end()) {
    for (const auto & item : *found) list.push_back(item.get<std::string>());
  }
  if (std::any_of(list.begin(), list.end(), [](const std::string & item) { return item.empty(); })) throw invalid(key, "must not be empty");
  return list;
}

SamplingOptions sampling_from(const Json & params) {
  SamplingOptions sampling;
  const auto set = [](const Json & from, const char * key, auto & value, double low, double high) {
    value = static_cast<std::decay_t<decltype(value)>>(number(from, key, static_cast<double>(value), low, high));
  };
  set(params, "temperature", sampling.temperature, 0, 100);
  set(params, "topK", sampling.top_k, 0, 1e9);
  set(params, "topP", sampling.top_p, 0, 1);
  set(params, "minP", sampling.min_p, 0, 1);
  set(params, "typicalP", sampling.typical_p, 0, 1);
  set(params, "repeatPenalty", sampling.repeat_penalty, 1e-3, 1000);
  set(params, "repeatLastN", sampling.repeat_last_n, -1, CONTEXT_LIMIT);
  set(params, "frequencyPenalty", sampling.frequency_penalty, -1000, 1000);
  set(params, "presencePenalty", sampling.presence_penalty, -1000, 1000);
  if (const auto dry = params.find("dry"); dry != params.end()) {
    set(*dry, "multiplier", sampling.dry_multiplier, 0, 1000);
    set(*dry, "base", sampling.dry_base, 1, 1000);
    set(*dry, "allowedLength", sampling.dry_allowed_length, 0, CONTEXT_LIMIT);
    set(*dry, "lastN", sampling.dry_last_n, -1, CONTEXT_LIMIT);
    if (dry->contains("sequenceBreakers")) sampling.dry_breakers = strings(*dry, "sequenceBreakers");
  }
  if (const auto xtc = params.find("xtc"); xtc != params.end()) {
    set(*xtc, "probability", sampling.xtc_probability, 0, 1);
    set(*xtc, "threshold", sampling.xtc_threshold, 0, 1);
  }
  if (const auto bias = params.find("logitBias"); bias != params.end()) {
    for (const auto & entry : *bias) {
      const float value = entry.at(1).is_null() ? -std::numeric_limits<float>::infinity() : entry.at(1).get<float>();
      sampling.bias.push_back({entry.at(0).get<llama_token>(), value});
    }
  }
  sampling.ignore_eos = flag(params, "ignoreEos", false);
  sampling.grammar = params.value("grammar", std::string());
  // The largest value means "random" to llama.cpp.
  constexpr uint32_t SEED_LIMIT = LLAMA_DEFAULT_SEED - 1;
  const double seed = number(params, "seed", -1, -1, SEED_LIMIT);
  sampling.seed = seed < 0 ? std::random_device{}() % LLAMA_DEFAULT_SEED : static_cast<uint32_t>(seed);
  return sampling;
}

void generate(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  GenerationOptions options;
  options.max_tokens = static_cast<size_t>(number(params, "maxTokens", 0, 0, CONTEXT_LIMIT));
  options.sampling = sampling_from(params);
  options.json_schema = params.value("jsonSchema", std::string());
  options.logprobs = static_cast<int>(number(params, "logprobs", -1, -1, 20));
  options.stops = strings(params, "stop");
  options.cache = flag(params, "cachePrompt", true);
  options.shift = flag(params, "contextShift", false);
  Turn turn;
  turn.priority = static_cast<int>(number(params, "priority", 0, -10, 10));
  turn.timeout_ms = number(params, "queueTimeoutMs", -1, -1, 1e12);
  runner_of(environment, params)->generate(std::move(job), prompt_from(params, only(blobs)), std::move(options), turn);
}

void score(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  const auto skip = static_cast<size_t>(number(params, "promptTokens", 0, 0, CONTEXT_LIMIT));
  runner_of(environment, params)->score(std::move(job), prompt_from(params, only(blobs)), skip);
}

void save_state(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  runner_of(environment, params)->save(std::move(job), prompt_from(params, only(blobs)));
}

// The blobs: int32 ids, and what engine.save gave for them.
void restore_state(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  if (blobs.size() != 2) throw Error("TARA_INTERNAL", {{"reason", "two blobs expected"}});
  runner_of(environment, params)->restore(std::move(job), prompt_from(params, blobs[0]), std::move(blobs[1]));
}

void embed(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  std::vector<Prompt> prompts;
  for (size_t i = 0; i < blobs.size(); ++i) prompts.push_back(prompt_from({{"tokenized", params.at("tokenized").at(i)}}, blobs[i]));
  runner_of(environment, params)->embed(std::move(job), std::move(prompts), flag(params, "normalize", true), params.at("blocks").get<std::vector<size_t>>());
}

void tokenize_text(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  runner_of(environment, params)->tokenize(std::move(job), prompt_from(params, only(blobs)));
}

void detokenize_tokens(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  runner_of(environment, params)->detokenize(std::move(job), tokens_from(only(blobs)), flag(params, "special", false));
}

Json create(Environment & environment, const Json &) { return {{"runner", environment.own(std::make_shared<Runner>())}}; }

// After engine.close this does not wait; before, it cancels and joins.
Json free_runner(Environment & environment, const Json & params) {
  if (auto object = environment.disown(params.at("runner").get<uint32_t>())) object->close();
  return Json::object();
}

}  // namespace

void register_engine(Registry & registry) {
  registry.calls["engine.create"] = create;
  registry.calls["engine.free"] = free_runner;
  registry.calls["engine.stats"] = [](Environment & environment, const Json & params) { return runner_of(environment, params)->stats(); };
  registry.calls["engine.weights"] = [](Environment &, const Json &) { return Json{{"loaded", loaded_weights()}}; };
  registry.starts["engine.open"] = open;
  registry.starts["engine.close"] = close;
  registry.starts["engine.generate"] = generate;
  registry.starts["engine.score"] = score;
  registry.starts["engine.save"] = save_state;
  registry.starts["engine.restore"] = restore_state;
  registry.starts["engine.embed"] = embed;
  registry.starts["engine.tokenize"] = tokenize_text;
  registry.starts["engine.detokenize"] = detokenize_tokens;
}

}  // namespace tara
