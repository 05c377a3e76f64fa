// Registers the kernels for tests and benchmarks: any rows, any type, any instruction set that this CPU runs.
#include <chrono>
#include <ctime>
#include <memory>

#include "env/environment.h"
#include "env/executor.h"
#include "quant/lanes/kernels.h"

namespace tara {

namespace quant {

namespace {

Json names() {
  Json run_here = Json::array();
  Json best;
  for (const auto & [name, isa] : ISA_NAMES) {
    if (isa_runs_here(isa)) run_here.push_back(name);
    if (isa == best_isa()) best = name;
  }
  return {{"available", run_here}, {"best", best}};
}

[[noreturn]] void refuse(const std::string & reason) { throw Error("TARA_PLAN_INVALID", {{"reason", reason}}); }

Isa parse_isa(const std::string & wanted) {
  for (const auto & [name, isa] : ISA_NAMES) {
    if (wanted == name && isa_runs_here(isa)) return isa;
  }
  refuse("the instruction set " + wanted + " does not run here");
}

// Time of this thread on a CPU, so that a busy machine does not count; the clock's where that is not known.
double cpu_seconds() {
#ifdef CLOCK_THREAD_CPUTIME_ID
  timespec now{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0) return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
#endif
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Request {
  Isa isa;
  ggml_type type;
  int64_t rows, cols;
  Blobs blobs;  // floats, and the importance of each column where there is any

  const float * values() const { return reinterpret_cast<const float *>(blobs[0].data()); }
  const float * weights() const { return blobs.size() > 1 ? reinterpret_cast<const float *>(blobs[1].data()) : nullptr; }
};

Request parse(const Json & params, Blobs blobs) {
  Request request{parse_isa(params.at("isa").get<std::string>()), GGML_TYPE_F32, 0, params.at("cols").get<int64_t>(), std::move(blobs)};
  const auto id = params.at("type").get<int64_t>();
  if (id < 0 || id >= GGML_TYPE_COUNT || !ggml_is_quantized(static_cast<ggml_type>(id))) refuse("no quantized type");
  request.type = static_cast<ggml_type>(id);
  if (request.blobs.empty() || request.cols < 1 || request.cols % ggml_blck_size(request.type) != 0) refuse("the row length is no multiple of the type's block");
  if (ggml_quantize_requires_imatrix(request.type) && request.blobs.size() < 2) refuse("the type needs importance");
  const auto floats = static_cast<int64_t>(request.blobs[0].size() / sizeof(float));
  request.rows = floats / request.cols;
  if (request.rows < 1 || request.rows * request.cols != floats) refuse("the values are no whole rows");
  if (request.blobs.size() > 1 && request.blobs[1].size() != request.cols * sizeof(float)) refuse("there is one weight for each column");
  return request;
}

// params: { isa, type, cols }, blobs: float32 rows, then importance if any. Result: { seconds } of CPU and the bytes.
void start_encode(Environment &, JobPtr job, Json params, Blobs blobs) {
  auto request = std::make_shared<Request>(parse(params, std::move(blobs)));
  Executor::get().submit(1, [job, request](int) {
    try {
      Blob bytes(static_cast<size_t>(request->rows) * ggml_row_size(request->type, request->cols));
      ggml_quantize_init(request->type);
      const double started = cpu_seconds();
      if (!encode_lanes(request->isa, request->type, request->values(), bytes.data(), request->rows, request->cols, request->weights())) {
        ggml_quantize_chunk(request->type, request->values(), bytes.data(), 0, request->rows, request->cols, request->weights());
      }
      job->done({{"seconds", cpu_seconds() - started}}, std::move(bytes));
    } catch (...) {
      job->fail(current_failure());
    }
    return Executor::Leave::drained;
  }, [] {});
}

}  // namespace

}  // namespace quant

void register_quant(Registry & registry) {
  registry.calls["quant.isas"] = [](Environment &, const Json &) { return quant::names(); };
  registry.starts["quant.encode"] = quant::start_encode;
}

}  // namespace tara
