// Positional file access for plans: sources that must not change, outputs that appear whole or not at all.
// The only file of the room that talks to the operating system.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace tara::plan {

// A source file, open while the plan runs. Reads are positional, so all workers share it.
class SourceFile {
 public:
  // Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE, or TARA_FILE_CHANGED when size or mtime differ from the pins.
  SourceFile(std::string path, int64_t size, double mtime_ms);
  ~SourceFile();
  SourceFile(const SourceFile &) = delete;

  // Reads exactly `bytes`; the caller has checked the span against size().
  void read(void * into, size_t bytes, int64_t offset) const;
  // Throws TARA_FILE_CHANGED when the file was written to since it was opened.
  void check_unchanged() const;

  int64_t size() const noexcept { return size_; }
  const std::string & path() const noexcept { return path_; }

 private:
  std::string path_;
  int64_t size_;
  double mtime_ms_;
  int fd_ = -1;
};

// A temporary file beside `path`, of its full size and, but in memory, reserved, which takes the place of `path` at publish().
// Destroyed unpublished, it removes itself. It holds a lock, so that a later run can tell what a killed one left.
class OutputFile {
 public:
  // Throws TARA_DISK_FULL or TARA_WRITE_FAILED.
  OutputFile(std::string path, int64_t bytes);
  ~OutputFile();
  OutputFile(const OutputFile &) = delete;

  // Any worker. What was written begins to go to the disk now and then, so that sync() does not wait for all of it.
  void write(const void * from, size_t bytes, int64_t offset);
  void sync() const;
  void publish();

  const std::string & path() const noexcept { return path_; }
  int64_t bytes() const noexcept { return bytes_; }

 private:
  void create();
  void reserve();
  [[noreturn]] void fail(int error) const;

  std::string path_;
  std::string temporary_;
  int64_t bytes_;
  int fd_ = -1;
  std::atomic<int64_t> written_{0};
  bool published_ = false;
};

}  // namespace tara::plan
