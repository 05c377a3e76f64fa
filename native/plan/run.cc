#include "plan/run.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "env/executor.h"
#include "plan/block.h"
#include "plan/lowered.h"
#include "quant/codec.h"

namespace tara::plan {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t BLOCK_VALUES = 64 * 1024;  // 256 KiB of float32: stays in the second cache
constexpr auto PROGRESS_INTERVAL = std::chrono::milliseconds(100);

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

class Run : public std::enable_shared_from_this<Run> {
 public:
  Run(JobPtr job, Lowered plan, Blobs headers, int threads)
      : job_(std::move(job)), plan_(std::move(plan)), headers_(std::move(headers)), threads_(threads), scratch_(threads), states_(plan_.tensors.size()) {
    for (const Tensor & tensor : plan_.tensors) {
      const int64_t rows = block_rows(tensor, BLOCK_VALUES);
      const int64_t blocks = tensor.to.empty() ? 0 : (tensor.rows + rows - 1) / rows;
      block_rows_.push_back(rows);
      first_item_.push_back(items_);
      items_ += blocks;
      bytes_total_ += blocks == 0 ? 0 : tensor.source_bytes();
    }
  }

  // Opening and reserving may take long on some file systems, so that too happens on a worker.
  void start() {
    auto self = shared_from_this();
    Executor::get().submit(1, [self](int) { self->guarded([&] { self->open(); }); return Executor::Leave::drained; }, [self] {
      Executor::get().submit(self->threads_, [self](int worker) { return self->work(worker); }, [self] { self->finish(); });
    });
  }

 private:
  template <typename F>
  void guarded(F && work) noexcept {
    try {
      job_->check();
      work();
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (failed_) return;
      failure_ = current_failure();
      failed_ = true;
    }
  }

  void open() {
    std::set<ggml_type> types;
    for (const Tensor & tensor : plan_.tensors) {
      for (const Target & target : tensor.to) types.insert(target.type);
    }
    for (const ggml_type type : types) quant::prepare(type);
    for (const Source & source : plan_.sources) {
      files_.sources.push_back(std::make_unique<SourceFile>(source.path, source.size, source.mtime_ms));
    }
    for (size_t i = 0; i < plan_.outputs.size(); ++i) {
      files_.outputs.push_back(std::make_unique<OutputFile>(plan_.outputs[i].path, plan_.outputs[i].bytes));
      files_.outputs[i]->write(headers_[i].data(), headers_[i].size(), 0);
      files_.bytes_written += static_cast<int64_t>(headers_[i].size());
    }
  }

  Executor::Leave work(int worker) {
    for (;;) {
      if (failed_) return Executor::Leave::drained;
      const int64_t item = next_.fetch_add(1);
      if (item >= items_) return Executor::Leave::drained;
      guarded([&] { run_item(item, scratch_[worker]); });
      if (!Executor::may_continue()) return Executor::Leave::paused;
    }
  }

  void run_item(int64_t item, Scratch & scratch) {
    // Tensors without blocks share their first item with the next one, which upper_bound finds.
    const auto index = std::upper_bound(first_item_.begin(), first_item_.end(), item) - first_item_.begin() - 1;
    const Tensor & tensor = plan_.tensors[index];
    const int64_t rows = block_rows_[index];
    const int64_t first = (item - first_item_[index]) * rows;
    const int64_t count = std::min(rows, tensor.rows - first);
    run_block(plan_, tensor, states_[index], files_, scratch, first, count);
    note_memory(states_[index].factor_bytes());
    states_[index].block_done((tensor.rows + rows - 1) / rows);
    done_share_.fetch_add(static_cast<int64_t>(static_cast<double>(tensor.source_bytes()) * static_cast<double>(count) / static_cast<double>(tensor.rows)));
    report(tensor);
  }

  void note_memory(int64_t factors) {
    int64_t seen = factor_peak_.load();
    while (factors > seen && !factor_peak_.compare_exchange_weak(seen, factors)) {
    }
  }

  void report(const Tensor & tensor) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      const auto now = Clock::now();
      if (now - reported_ < PROGRESS_INTERVAL) return;
      reported_ = now;
    }
    job_->progress({{"bytesRead", std::min(done_share_.load(), bytes_total_)}, {"bytesTotal", bytes_total_}, {"bytesWritten", files_.bytes_written.load()},
                    {"tensor", tensor.name}, {"seconds", seconds_since(start_)}});
  }

  void publish() {
    for (const auto & source : files_.sources) source->check_unchanged();
    for (const auto & output : files_.outputs) output->sync();
    job_->check();
    for (const auto & output : files_.outputs) output->publish();
  }

  // Runs once, when no worker is inside any more.
  void finish() {
    if (!failed_) guarded([&] { publish(); });
    Json outputs = Json::array();
    for (const auto & output : files_.outputs) outputs.push_back({{"path", output->path()}, {"bytes", output->bytes()}});
    files_.outputs.clear();  // unpublished ones remove themselves before anybody hears of the failure
    files_.sources.clear();
    if (failed_) {
      job_->fail(failure_);
      return;
    }
    int64_t scratch = factor_peak_;
    for (const Scratch & one : scratch_) scratch += one.bytes();
    job_->done({{"outputs", outputs}, {"bytesRead", files_.bytes_read.load()}, {"bytesWritten", files_.bytes_written.load()},
                {"seconds", seconds_since(start_)}, {"peakScratchBytes", scratch}, {"threads", threads_}});
  }

  const JobPtr job_;
  const Lowered plan_;
  const Blobs headers_;
  const int threads_;
  const Clock::time_point start_ = Clock::now();

  Files files_;
  std::vector<Scratch> scratch_;
  std::vector<TensorState> states_;
  std::vector<int64_t> block_rows_;
  std::vector<int64_t> first_item_;
  int64_t items_ = 0;
  int64_t bytes_total_ = 0;
  std::atomic<int64_t> next_{0};
  std::atomic<int64_t> done_share_{0};
  std::atomic<int64_t> factor_peak_{0};

  std::mutex mutex_;
  std::atomic<bool> failed_{false};
  Failure failure_;
  Clock::time_point reported_{};
};

}  // namespace

void start_run(Environment &, JobPtr job, Json params, Blobs blobs) {
  Lowered plan = parse_lowered(params.at("plan"), blobs);
  const int threads = std::clamp(params.value("threads", Executor::get().size()), 1, Executor::get().size());
  std::make_shared<Run>(std::move(job), std::move(plan), std::move(blobs), threads)->start();
}

}  // namespace tara::plan
