#include "plan/run.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "env/executor.h"
#include "plan/lowered.h"
#include "plan/schedule.h"
#include "quant/codec.h"

namespace tara::plan {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto PROGRESS_INTERVAL = std::chrono::milliseconds(100);

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

class Run : public std::enable_shared_from_this<Run> {
 public:
  Run(JobPtr job, Lowered plan, Blobs headers, int threads)
      : job_(std::move(job)), plan_(std::move(plan)), headers_(std::move(headers)), threads_(threads), scratch_(threads), schedule_(plan_) {
    for (const Tensor & tensor : plan_.tensors) bytes_total_ += tensor.to.empty() ? 0 : tensor.source_bytes();
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
      schedule_.stop();
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
    for (const ggml_type type : types) {
      job_->check();  // the tables of some types take seconds
      quant::prepare(type);
    }
    for (const Source & source : plan_.sources) {
      files_.sources.push_back(std::make_unique<SourceFile>(source.path, source.size, source.mtime_ms));
    }
    for (size_t i = 0; i < plan_.outputs.size(); ++i) {
      files_.outputs.push_back(nullptr);
      if (plan_.outputs[i].measures()) continue;
      files_.outputs[i] = std::make_unique<OutputFile>(plan_.outputs[i].path, plan_.outputs[i].bytes);
      files_.outputs[i]->write(headers_[i].data(), headers_[i].size(), 0);
      files_.bytes_written += static_cast<int64_t>(headers_[i].size());
    }
  }

  Executor::Leave work(int worker) {
    for (;;) {
      const auto item = schedule_.take();
      if (!item) return Executor::Leave::drained;
      guarded([&] { run_item(*item, scratch_[worker]); });
      if (!Executor::may_continue()) return Executor::Leave::paused;
    }
  }

  void run_item(const Schedule::Item & item, Scratch & scratch) {
    TensorRun & run = item.open->run;
    const Tensor & tensor = run.tensor();
    const Phase & phase = item.open->phase();
    run.work(phase, files_, scratch, item.first, item.count);
    if (phase.kind == Phase::Kind::write) {
      done_share_.fetch_add(static_cast<int64_t>(static_cast<double>(tensor.source_bytes()) * static_cast<double>(item.count) / static_cast<double>(tensor.rows)));
    }
    schedule_.done(item);
    report(tensor);
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
    for (const auto & output : files_.outputs) {
      if (output) output->sync();
    }
    job_->check();
    for (const auto & output : files_.outputs) {
      if (output) output->publish();
    }
  }

  // Runs once, when no worker is inside any more.
  void finish() {
    if (!failed_) guarded([&] { publish(); });
    Json outputs = Json::array();
    for (const auto & output : files_.outputs) {
      if (output) outputs.push_back({{"path", output->path()}, {"bytes", output->bytes()}});
    }
    files_.outputs.clear();  // unpublished ones remove themselves before anybody hears of the failure
    files_.sources.clear();
    if (failed_) {
      job_->fail(failure_);
      return;
    }
    int64_t scratch = schedule_.peak_bytes();
    for (const Scratch & one : scratch_) scratch += one.bytes();
    job_->done({{"outputs", outputs}, {"measured", schedule_.measured()}, {"bytesRead", files_.bytes_read.load()}, {"bytesWritten", files_.bytes_written.load()},
                {"seconds", seconds_since(start_)}, {"peakScratchBytes", scratch}, {"threads", threads_}});
  }

  const JobPtr job_;
  const Lowered plan_;
  const Blobs headers_;
  const int threads_;
  const Clock::time_point start_ = Clock::now();

  Files files_;
  std::vector<Scratch> scratch_;
  Schedule schedule_;
  int64_t bytes_total_ = 0;
  std::atomic<int64_t> done_share_{0};

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
