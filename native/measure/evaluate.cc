// What evaluation offers to JavaScript. Objects: a recording, made by measure.recording, freed by measure.forget.
#include <algorithm>
#include <cstring>

#include "engine/runner.h"
#include "env/executor.h"
#include "measure/evaluator.h"

namespace tara::measure {

namespace {

constexpr size_t LENGTH_LIMIT = 1u << 20;      // of a chunk
constexpr size_t VOCABULARY_LIMIT = 1u << 24;
constexpr size_t ROW_LIMIT = 1u << 31;

Error refuse(const std::string & reason) { return Error("TARA_INTERNAL", {{"reason", reason}}); }

size_t whole(const Json & params, const char * key, size_t low, size_t high) {
  const auto & value = params.at(key);
  if (!value.is_number_unsigned() || value.get<uint64_t>() < low || value.get<uint64_t>() > high) throw refuse(std::string(key) + " is out of range");
  return value.get<size_t>();
}

// Null where there is none of that name.
std::shared_ptr<Recording> recording_of(Environment & environment, const Json & params, const char * key) {
  if (!params.contains(key)) return nullptr;
  auto recording = environment.find<Recording>(params.at(key).get<uint32_t>());
  if (!recording) throw Error("TARA_DISPOSED", {{"what", "the yardstick"}});
  return recording;
}

// { rows, vocabulary, workFile: empty for memory } -> { recording }; it takes its room when it is first written to.
Json make_recording(Environment & environment, const Json & params) {
  const size_t rows = whole(params, "rows", 1, ROW_LIMIT);
  const size_t vocabulary = whole(params, "vocabulary", 1, VOCABULARY_LIMIT);
  return {{"recording", environment.own(std::make_shared<Recording>(rows, vocabulary, params.at("workFile").get<std::string>()))}};
}

// { runner, chunkLength, record?, against?, firstRow }; one blob, the tokens of whole chunks.
void evaluate(Environment & environment, JobPtr job, Json params, Blobs blobs) {
  auto runner = environment.find<Runner>(params.at("runner").get<uint32_t>());
  if (!runner) throw Error("TARA_DISPOSED", {{"what", "the model"}});
  Excerpt excerpt;
  excerpt.chunk_length = whole(params, "chunkLength", 4, LENGTH_LIMIT);
  const size_t chunk_bytes = excerpt.chunk_length * sizeof(llama_token);
  if (blobs.size() != 1 || blobs[0].empty() || blobs[0].size() % chunk_bytes != 0) throw refuse("whole chunks of tokens expected");
  excerpt.tokens.resize(blobs[0].size() / sizeof(llama_token));
  std::memcpy(excerpt.tokens.data(), blobs[0].data(), blobs[0].size());
  excerpt.record = recording_of(environment, params, "record");
  excerpt.against = recording_of(environment, params, "against");
  excerpt.first_row = whole(params, "firstRow", 0, ROW_LIMIT);
  runner->host(std::make_unique<Evaluator>(std::move(job), std::move(excerpt)));
}

// { recording }: away from the JavaScript thread, since giving back gigabytes takes its time.
void forget(Environment & environment, JobPtr job, Json params, Blobs) {
  auto held = std::make_shared<std::shared_ptr<Object>>(environment.disown(params.at("recording").get<uint32_t>()));
  const auto work = [held](int) {
    held->reset();
    return Executor::Leave::drained;
  };
  Executor::get().submit(1, work, [job] { job->done(Json::object()); });
}

// One blob of doubles, none of them NaN; ends with them in ascending order.
void sort_values(Environment &, JobPtr job, Json, Blobs blobs) {
  if (blobs.size() != 1 || blobs[0].size() % sizeof(double) != 0) throw refuse("doubles expected");
  auto values = std::make_shared<std::vector<double>>(blobs[0].size() / sizeof(double));
  if (!values->empty()) std::memcpy(values->data(), blobs[0].data(), blobs[0].size());
  const auto work = [values](int) {
    std::sort(values->begin(), values->end());
    return Executor::Leave::drained;
  };
  const auto finish = [job, values] {
    Blob blob(values->size() * sizeof(double));
    if (!blob.empty()) std::memcpy(blob.data(), values->data(), blob.size());
    job->done(Json::object(), std::move(blob));
  };
  Executor::get().submit(1, work, finish);
}

}  // namespace

void register_evaluate(Registry & registry) {
  registry.calls["measure.recording"] = make_recording;
  registry.starts["measure.evaluate"] = evaluate;
  registry.starts["measure.forget"] = forget;
  registry.starts["measure.sorted"] = sort_values;
}

}  // namespace tara::measure
