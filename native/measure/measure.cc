// What the measure room offers to JavaScript. Objects: a fusion, made by measure.fusion, freed by measure.free.
#include <algorithm>
#include <cstring>
#include <mutex>

#include "engine/runner.h"
#include "env/executor.h"
#include "measure/expectation_guest.h"
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

struct Solving {
  Solving(JobPtr job, std::shared_ptr<Fusion> fusion, double shrink) : job(std::move(job)), occupied(std::move(fusion)), shrink(shrink) {}
  const JobPtr job;
  Occupied occupied;
  const double shrink;
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  Failure failure;  // of the worker that set `failed`
};

// { fusion, shrink, threads }. Chunks { matrix, domain } with A' as float32; ends with { unseen: tensors that no text met }.
void solve_all(Environment & environment, JobPtr job, Json params, Blobs) {
  const double shrink = params.at("shrink").get<double>();
  if (!(shrink >= 0 && shrink <= 1)) throw Error("TARA_OPTION_INVALID", {{"option", "shrink"}, {"reason", "must be from 0 to 1"}});
  const auto threads = static_cast<int>(whole(params, "threads", 0, 1024));
  auto solving = std::make_shared<Solving>(std::move(job), fusion_of(environment, params), shrink);
  const auto work = [solving](int) {
    const Fusion & fusion = *solving->occupied.fusion;
    for (;;) {
      if (!Executor::may_continue()) return Executor::Leave::paused;
      const size_t input = solving->next++;
      if (input >= fusion.inputs.size() || solving->failed || solving->job->cancelled()) return Executor::Leave::drained;
      try {
        for (const auto & [matrix, factor, a] : solve(fusion, input, solving->shrink)) {
          Blob blob(a.size() * sizeof(float));
          std::memcpy(blob.data(), a.data(), blob.size());
          solving->job->chunk({{"matrix", matrix}, {"domain", fusion.matrices[matrix].factors[factor].domain}}, std::move(blob));
        }
        solving->job->progress({{"done", input + 1}, {"total", fusion.inputs.size()}});
      } catch (...) {
        if (!solving->failed.exchange(true)) solving->failure = current_failure();
      }
    }
  };
  const auto finish = [solving] {
    Json unseen = Json::array();
    for (const auto & matrix : solving->occupied.fusion->matrices) {
      if (matrix.input < 0) unseen.push_back(matrix.tensor);
    }
    solving->occupied.release();
    if (solving->job->cancelled()) return solving->job->fail({"TARA_ABORTED"});
    if (solving->failed) return solving->job->fail(solving->failure);
    solving->job->done({{"unseen", unseen}});
  };
  Executor::get().submit(threads == 0 ? Executor::get().size() : threads, work, finish);
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
  registry.calls["measure.free"] = measure::free_fusion;
  registry.starts["measure.observe"] = measure::observe;
  registry.starts["measure.expectation"] = measure::expectation;
  registry.starts["measure.importance"] = measure::importance;
  registry.starts["measure.solve"] = measure::solve_all;
  measure::register_evaluate(registry);
  measure::register_narrowing(registry);
}

}  // namespace tara
