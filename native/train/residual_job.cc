// train.residual: { teacher, student: files, pairs: [{ teacher, student: tensors }], rank, threads } and a blob with the mean squares
// of each pair's inputs, one after the other. Ends with { shares: of the weighed error, what is left }, and A, then B, of each pair.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "env/environment.h"
#include "env/parts.h"
#include "train/residual.h"
#include "train/stored.h"

namespace tara {

namespace train {

namespace {

constexpr float LEAST_SCALE = 1e-3f;  // of the mean: columns that no text used count next to nothing
constexpr size_t RANK_LIMIT = 1024;

struct Residual {
  JobPtr job;
  Json pairs;
  Blob squares;
  size_t rank = 0;
  std::unique_ptr<plan::SourceFile> teacher;
  std::unique_ptr<plan::SourceFile> student;
  std::vector<size_t> starts;  // of each pair's squares
  std::vector<LowRank> found;
};

void solve(Residual & residual, size_t index) {
  const auto & pair = residual.pairs[index];
  const Stored teacher = read_stored(*residual.teacher, pair.at("teacher"));
  const Stored student = read_stored(*residual.student, pair.at("student"));
  if (teacher.in != student.in || teacher.out != student.out) throw Error("TARA_INTERNAL", {{"reason", "two tensors differ in shape"}});
  if (residual.squares.size() < (residual.starts[index] + teacher.in) * sizeof(float)) throw Error("TARA_INTERNAL", {{"reason", "squares are missing"}});
  std::vector<float> scales(teacher.in);
  std::memcpy(scales.data(), residual.squares.data() + residual.starts[index] * sizeof(float), scales.size() * sizeof(float));
  float mean = 0;
  for (float & scale : scales) {
    scale = std::sqrt(std::max(0.0f, scale));
    mean += scale / static_cast<float>(scales.size());
  }
  for (float & scale : scales) scale = mean > 0 ? std::max(scale / mean, LEAST_SCALE) : 1;
  std::vector<float> difference = teacher.floats();
  const std::vector<float> lost = student.floats();
  for (size_t i = 0; i < difference.size(); ++i) {
    difference[i] -= lost[i];
    if (!std::isfinite(difference[i])) throw Error("TARA_LOGITS_INVALID");
  }
  residual.found[index] = low_rank(difference, teacher.out, teacher.in, scales, residual.rank);
}

void finish(Residual & residual) {
  Json shares = Json::array();
  Blob blob;
  for (const auto & [a, b, error, left] : residual.found) {
    shares.push_back(error > 0 ? left / error : 0);
    for (const auto * values : {&a, &b}) {
      const auto * bytes = reinterpret_cast<const uint8_t *>(values->data());
      blob.insert(blob.end(), bytes, bytes + values->size() * sizeof(float));
    }
  }
  residual.job->done({{"shares", shares}}, std::move(blob));
}

void start(Environment &, JobPtr job, Json params, Blobs blobs) {
  auto residual = std::make_shared<Residual>();
  residual->job = job;
  residual->rank = params.at("rank").get<size_t>();
  if (blobs.size() != 1 || residual->rank == 0 || residual->rank > RANK_LIMIT) throw Error("TARA_INTERNAL", {{"reason", "a rank and squares expected"}});
  residual->squares = std::move(blobs[0]);
  residual->pairs = params.at("pairs");
  size_t at = 0;
  for (const auto & pair : residual->pairs) {
    residual->starts.push_back(at);
    at += pair.at("teacher").at("ne").at(0).get<size_t>();
  }
  residual->found.resize(residual->pairs.size());
  residual->teacher = open_source(params.at("teacher"));
  residual->student = open_source(params.at("student"));
  const auto part = [residual, job](size_t index, size_t) {
    solve(*residual, index);
    job->progress({{"done", index + 1}, {"total", residual->pairs.size()}});
  };
  run_parts({job, params.at("threads").get<size_t>(), residual->pairs.size(), part, [residual] { finish(*residual); }, [] {}});
}

}  // namespace

void register_residual(Registry & registry) { registry.starts["train.residual"] = start; }

}  // namespace train

}  // namespace tara
