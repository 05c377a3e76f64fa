// What the engine room offers to JavaScript. Objects: a runner, made by engine.create, freed by engine.free.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

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
  options.threads = static_cast<int>(number(params, "threads", 0, 0, 1024));
  runner_of(environment, params)->open(std::move(job), std::move(options));
}

void close(Environment & environment, JobPtr job, Json params, Blobs) { runner_of(environment, params)->close_soon(std::move(job)); }

void generate(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  GenerationOptions options;
  options.max_tokens = static_cast<size_t>(number(params, "maxTokens", 0, 0, CONTEXT_LIMIT));
  auto & sampling = options.sampling;
  sampling.temperature = static_cast<float>(number(params, "temperature", sampling.temperature, 0, 100));
  sampling.top_k = static_cast<int32_t>(number(params, "topK", sampling.top_k, 0, 1e9));
  sampling.top_p = static_cast<float>(number(params, "topP", sampling.top_p, 0, 1));
  sampling.min_p = static_cast<float>(number(params, "minP", sampling.min_p, 0, 1));
  // The largest value means "random" to llama.cpp.
  constexpr uint32_t SEED_LIMIT = LLAMA_DEFAULT_SEED - 1;
  const double seed = number(params, "seed", -1, -1, SEED_LIMIT);
  sampling.seed = seed < 0 ? std::random_device{}() % LLAMA_DEFAULT_SEED : static_cast<uint32_t>(seed);
  if (const auto stops = params.find("stop"); stops != params.end()) {
    for (const auto & stop : *stops) {
      options.stops.push_back(stop.get<std::string>());
      if (options.stops.back().empty()) throw invalid("stop", "must not be empty");
    }
  }
  runner_of(environment, params)->generate(std::move(job), prompt_from(params, only(blobs)), std::move(options));
}

void score(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  const auto skip = static_cast<size_t>(number(params, "promptTokens", 0, 0, CONTEXT_LIMIT));
  runner_of(environment, params)->score(std::move(job), prompt_from(params, only(blobs)), skip);
}

void embed(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  std::vector<Prompt> prompts;
  for (const auto & blob : blobs) prompts.push_back(prompt_from(params, blob));
  runner_of(environment, params)->embed(std::move(job), std::move(prompts), flag(params, "normalize", true));
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
  registry.calls["engine.weights"] = [](Environment &, const Json &) { return Json{{"loaded", loaded_weights()}}; };
  registry.starts["engine.open"] = open;
  registry.starts["engine.close"] = close;
  registry.starts["engine.generate"] = generate;
  registry.starts["engine.score"] = score;
  registry.starts["engine.embed"] = embed;
  registry.starts["engine.tokenize"] = tokenize_text;
  registry.starts["engine.detokenize"] = detokenize_tokens;
}

}  // namespace tara
