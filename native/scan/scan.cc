// The job "scan.files": SHA-256 and the search for NaN and infinities, in one pass over each file.
#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "env/environment.h"
#include "env/executor.h"
#include "plan/file_io.h"
#include "scan/finite.h"
#include "scan/sha256.h"

namespace tara {

namespace scan {

namespace {

constexpr size_t PIECE = 256 << 10;  // fits in L2 beside what reads it, so that the second look costs little

struct Span {
  int64_t offset, bytes;
  std::optional<Element> element;  // none: nothing in it can be looked at
};

struct File {
  std::string path;
  int64_t bytes;
  double mtime_ms;
  std::vector<Span> spans;  // in the order of their bytes, without overlap

  std::string sha256;
  std::vector<size_t> not_finite;  // indices of spans
};

[[noreturn]] void refuse(const std::string & reason) { throw Error("TARA_INTERNAL", {{"reason", "scan: " + reason}}); }

// One file on its way: what has been read of it, and what comes next.
class Reading {
 public:
  Reading(File & file, bool hash, bool portable) : file_(file), source_(file.path, file.bytes, file.mtime_ms), buffer_(PIECE / sizeof(double)) {
    if (hash) sha_.emplace(portable);
  }

  // Reads and examines the next piece; its bytes, or -1 when nothing is left.
  int64_t step() {
    while (span_ < file_.spans.size() && at_ >= file_.spans[span_].offset + file_.spans[span_].bytes) ++span_;
    const bool inside = span_ < file_.spans.size() && at_ >= file_.spans[span_].offset;
    const int64_t end = inside ? file_.spans[span_].offset + file_.spans[span_].bytes : span_ < file_.spans.size() ? file_.spans[span_].offset : file_.bytes;
    if (at_ >= file_.bytes) return finish();
    const Element * element = inside && wants(span_) ? &*file_.spans[span_].element : nullptr;
    if (!sha_ && element == nullptr) {
      const int64_t skipped = end - at_;
      at_ = end;
      return skipped;
    }
    const auto most = static_cast<int64_t>(element != nullptr ? PIECE / element->bytes * element->bytes : PIECE);
    const int64_t count = std::min(most, end - at_);
    source_.read(buffer_.data(), static_cast<size_t>(count), at_);
    if (sha_) sha_->update(buffer_.data(), static_cast<size_t>(count));
    if (element != nullptr && !all_finite(*element, buffer_.data(), static_cast<size_t>(count))) file_.not_finite.push_back(span_);
    at_ += count;
    return count;
  }

 private:
  bool wants(size_t span) const { return file_.spans[span].element && (file_.not_finite.empty() || file_.not_finite.back() != span); }

  int64_t finish() {
    source_.check_unchanged();
    if (sha_) file_.sha256 = sha_->hex();
    return -1;
  }

  File & file_;
  plan::SourceFile source_;
  std::optional<Sha256> sha_;
  std::vector<double> buffer_;  // of doubles, so that every element is aligned
  int64_t at_ = 0;
  size_t span_ = 0;
};

// Several chains of files, each a group of one worker on the executor: it may pause within a file and go on later.
class Scan : public std::enable_shared_from_this<Scan> {
 public:
  Scan(JobPtr job, std::vector<File> files, bool hash, bool portable) : job_(std::move(job)), files_(std::move(files)), hash_(hash), portable_(portable) {
    for (const File & file : files_) total_ += file.bytes;
  }

  void start(int threads) {
    const int chains = std::max(1, std::min(threads, static_cast<int>(files_.size())));
    left_ = chains;
    for (int i = 0; i < chains; ++i) {
      auto self = shared_from_this();
      auto reading = std::make_shared<std::unique_ptr<Reading>>();
      Executor::get().submit(1, [self, reading](int) { return self->work(*reading); }, [self, reading] {
        reading->reset();
        self->finish();
      });
    }
  }

 private:
  Executor::Leave work(std::unique_ptr<Reading> & reading) noexcept {
    try {
      for (;;) {
        job_->check();
        if (failed_) return Executor::Leave::drained;
        if (!reading) {
          const size_t index = next_++;
          if (index >= files_.size()) return Executor::Leave::drained;
          reading = std::make_unique<Reading>(files_[index], hash_, portable_);
        }
        const int64_t bytes = reading->step();
        if (bytes < 0) reading.reset();
        else job_->progress({{"bytes", done_ += bytes}, {"total", total_}});
        if (!Executor::may_continue()) return Executor::Leave::paused;
      }
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!failed_) failure_ = current_failure();
      failed_ = true;
      return Executor::Leave::drained;
    }
  }

  void finish() {
    if (--left_ > 0) return;
    if (failed_) {
      job_->fail(failure_);
      return;
    }
    Json results = Json::array();
    for (const File & file : files_) results.push_back({{"sha256", file.sha256}, {"notFinite", file.not_finite}});
    job_->done({{"files", results}});
  }

  const JobPtr job_;
  std::vector<File> files_;
  const bool hash_, portable_;
  int64_t total_ = 0;
  std::atomic<size_t> next_{0};
  std::atomic<int64_t> done_{0};
  std::atomic<int> left_{0};
  std::mutex mutex_;
  std::atomic<bool> failed_{false};
  Failure failure_;
};

std::vector<File> parse(const Json & params, const Blobs & blobs) {
  if (blobs.size() != 1) refuse("the paths are one blob");
  std::vector<File> files;
  auto path = blobs[0].begin();
  for (const Json & item : params.at("files")) {
    const auto end = std::find(path, blobs[0].end(), 0);
    if (end == blobs[0].end()) refuse("a path is missing");
    File file{std::string(path, end), item.at("bytes").get<int64_t>(), item.at("mtimeMs").get<double>(), {}, {}, {}};
    path = end + 1;
    int64_t before = 0;
    for (const Json & part : item.at("spans")) {
      Span span{part.at(1).get<int64_t>(), part.at(2).get<int64_t>(), {}};
      if (span.offset < before || span.bytes < 0 || span.bytes > file.bytes - span.offset) refuse("the spans are not in order");
      before = span.offset + span.bytes;
      Element element;
      if (element_of(part.at(0).get<std::string>(), element) && span.bytes % static_cast<int64_t>(element.bytes) == 0) span.element = element;
      file.spans.push_back(span);
    }
    files.push_back(std::move(file));
  }
  return files;
}

// params: { files: [{ bytes, mtimeMs, spans: [[type, offset, bytes]] }], hash, threads, portable }, blobs: the paths, each ended by a zero byte.
// Result: { files: [{ sha256, notFinite: [span] }] }. The first file that cannot be read or changes meanwhile fails the job.
void start_scan(Environment &, JobPtr job, Json params, Blobs blobs) {
  auto scan = std::make_shared<Scan>(std::move(job), parse(params, blobs), params.value("hash", true), params.value("portable", false));
  scan->start(std::clamp(params.value("threads", Executor::get().size()), 1, Executor::get().size()));
}

}  // namespace

}  // namespace scan

void register_scan(Registry & registry) { registry.starts["scan.files"] = scan::start_scan; }

}  // namespace tara
