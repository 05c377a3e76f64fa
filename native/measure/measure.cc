// What the measure room offers to JavaScript. Objects: a fusion, made by measure.fusion, freed by measure.free.
#include <algorithm>
#include <cstring>
#include <functional>

#include "engine/runner.h"
#include "env/parts.h"
#include "measure/expectation_guest.h"
#include "measure/feedback.h"
#include "measure/importance_guest.h"
#include "measure/observer.h"
#include "measure/parameters.h"

namespace tara {

namespace measure {

void register_evaluate(Registry & registry);
void register_narrowing(Registry & registry);

namespace {

constexpr size_t SIZE_LIMIT = 1u << 17;   // of an input
constexpr size_t COUNT_LIMIT = 1u << 16;  // matrices, domains, texts

std::shared_ptr<Fusion> fusion_of(Environment & environment, const Json & params) {
  auto fusion = environment.find<Fusion>(params.at("fusion").get<uint32_t>());
  if (!fusion) throw Error("TARA_DISPOSED", {{"what", "the fusion"}});
  return fusion;
}

// { matrices: [{ tensor, size }], domains, limit } -> { fusion }
Json make_fusion(Environment & environment, const Json & params) {
  std::vector<Matrix> matrices;
  for (const auto & one : params.at("matrices")) {
    Matrix matrix;
    matrix.tensor = one.at("tensor").get<std::string>();
    matrix.size = whole(one, "size", 1, SIZE_LIMIT);
    matrices.push_back(std::move(matrix));
  }
  if (matrices.size() > COUNT_LIMIT) throw refuse("too many matrices");
  auto fusion = std::make_shared<Fusion>(std::move(matrices), whole(params, "limit", 0, SIZE_MAX >> 1));
  fusion->domains = whole(params, "domains", 1, COUNT_LIMIT);
  return {{"fusion", environment.own(std::move(fusion))}};
}

// { runner, fusion, domain, weight, lengths: tokens of each text, factors: [{ matrix, rank, dtype }] }; blobs: the tokens
// of all texts, then each factor's A. Measures a domain with the runner's model.
void observe(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  auto runner = runner_of(environment, params);
  auto fusion = fusion_of(environment, params);
  Reading reading;
  reading.domain = whole(params, "domain", 0, fusion->domains - 1);
  reading.weight = params.at("weight").get<double>();
  const auto & factors = params.at("factors");
  if (blobs.size() != factors.size() + 1) throw refuse("a blob for the tokens and each factor expected");
  reading.texts = texts_of(params.at("lengths"), blobs[0]);
  std::vector<std::pair<size_t, Factor>> read;
  for (size_t i = 0; i < factors.size(); ++i) {
    const size_t matrix = whole(factors[i], "matrix", 0, fusion->matrices.size() - 1);
    Factor factor;
    factor.domain = reading.domain;
    factor.rank = whole(factors[i], "rank", 1, SIZE_LIMIT);
    const size_t count = factor.rank * fusion->matrices[matrix].size;
    factor.a = floats_of(factors[i].at("dtype").get<std::string>(), blobs[i + 1], count);
    factor.cross.assign(count, 0);
    read.emplace_back(matrix, std::move(factor));
  }
  auto observer = std::make_unique<Observer>(std::move(job), fusion, std::move(reading));
  for (auto & [matrix, factor] : read) fusion->matrices[matrix].factors.push_back(std::move(factor));
  runner->host(std::move(observer));
}

// Calls `each` for every input of a fusion, on several threads; ends with { unseen: tensors that no text met }.
void over_inputs(const JobPtr & job, std::shared_ptr<Fusion> fusion, size_t threads, std::function<void(Job &, const Fusion &, size_t)> each) {
  const auto claim = std::make_shared<Claim<Fusion>>(std::move(fusion));
  const size_t count = claim->object->inputs.size();
  const auto work = [job, claim, count, each = std::move(each)](size_t input, size_t) {
    each(*job, *claim->object, input);
    job->progress({{"done", input + 1}, {"total", count}});
  };
  const auto finish = [job, claim] {
    Json unseen = Json::array();
    for (const auto & matrix : claim->object->matrices) {
      if (matrix.input < 0) unseen.push_back(matrix.tensor);
    }
    claim->release();
    job->done({{"unseen", unseen}});
  };
  run_parts({job, threads, count, work, finish, [claim] { claim->release(); }});
}

Blob blob_of(const std::vector<float> & values) {
  Blob blob(values.size() * sizeof(float));
  std::memcpy(blob.data(), values.data(), blob.size());
  return blob;
}

double share_of(const Json & params, const char * key) {
  const double share = params.at(key).get<double>();
  if (!(share >= 0 && share <= 1)) throw Error("TARA_OPTION_INVALID", {{"option", key}, {"reason", "must be from 0 to 1"}});
  return share;
}

// { fusion, shrink, threads }. Chunks { matrix, domain } with A' as float32.
void solve_all(Environment & environment, JobPtr job, Json params, Blobs) {
  const double shrink = share_of(params, "shrink");
  const size_t threads = whole(params, "threads", 0, 1024);
  const auto each = [shrink](Job & job, const Fusion & fusion, size_t input) {
    for (const auto & [matrix, factor, a] : solve(fusion, input, shrink)) {
      job.chunk({{"matrix", matrix}, {"domain", fusion.matrices[matrix].factors[factor].domain}}, blob_of(a));
    }
  };
  over_inputs(job, fusion_of(environment, params), threads, each);
}

// { fusion, ridge, shrink, threads }. Chunks { input } with its feedback factor as float32.
void feedback_factors(Environment & environment, JobPtr job, Json params, Blobs) {
  const Damping damping{share_of(params, "ridge"), share_of(params, "shrink")};
  const size_t threads = whole(params, "threads", 0, 1024);
  const auto each = [damping](Job & job, const Fusion & fusion, size_t input) { job.chunk({{"input", input}}, blob_of(feedback_factor(fusion.inputs[input], damping))); };
  over_inputs(job, fusion_of(environment, params), threads, each);
}

// { fusion } -> [{ size, tensors: those that read it }], the inputs that were met
Json inputs_of(Environment & environment, const Json & params) {
  const auto fusion = fusion_of(environment, params);
  const Claim<Fusion> claim(fusion);
  Json inputs = Json::array();
  for (const Input & input : fusion->inputs) inputs.push_back({{"size", input.size}, {"tensors", Json::array()}});
  for (const Matrix & matrix : fusion->matrices) {
    if (matrix.input >= 0) inputs[static_cast<size_t>(matrix.input)]["tensors"].push_back(matrix.tensor);
  }
  return inputs;
}

// { runner, lengths: tokens of each text, weights: [name] }; blob: the tokens of all texts. See ImportanceGuest.
void importance(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  auto runner = runner_of(environment, params);
  if (blobs.size() != 1) throw refuse("a blob of tokens expected");
  runner->host(std::make_unique<ImportanceGuest>(std::move(job), params.at("weights").get<std::vector<std::string>>(), texts_of(params.at("lengths"), blobs[0])));
}

// { runner, lengths: tokens of each text }; blob: the tokens of all texts. See ExpectationGuest.
void expectation(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  auto runner = runner_of(environment, params);
  if (blobs.size() != 1) throw refuse("a blob of tokens expected");
  runner->host(std::make_unique<ExpectationGuest>(std::move(job), texts_of(params.at("lengths"), blobs[0])));
}

Json free_fusion(Environment & environment, const Json & params) {
  environment.disown(params.at("fusion").get<uint32_t>());
  return Json::object();
}

}  // namespace

}  // namespace measure

void register_measure(Registry & registry) {
  registry.calls["measure.fusion"] = measure::make_fusion;
  registry.calls["measure.inputs"] = measure::inputs_of;
  registry.calls["measure.free"] = measure::free_fusion;
  registry.starts["measure.observe"] = measure::observe;
  registry.starts["measure.expectation"] = measure::expectation;
  registry.starts["measure.importance"] = measure::importance;
  registry.starts["measure.solve"] = measure::solve_all;
  registry.starts["measure.feedback"] = measure::feedback_factors;
  measure::register_evaluate(registry);
  measure::register_narrowing(registry);
}

}  // namespace tara
