// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/uefi/firmware.h"

#include <algorithm>

#include "base/align.h"
#include "boot/early_console.h"

namespace bulkhead::uefi {
namespace {

// One read of a large file: small enough to show progress, large enough to cost nothing.
constexpr uint64_t kReadChunk = uint64_t{64} << 20;

// FileInfo with the longest name that FAT has (255 characters and NUL).
struct alignas(8) FileInfoBuffer {
  std::byte bytes[sizeof(FileInfo) + 256 * sizeof(char16_t)];
};

void Output(TextOutput* console, std::string_view text) {
  char16_t buffer[64];
  size_t used = 0;
  for (const char c : text) {
    buffer[used++] = static_cast<unsigned char>(c);
    if (used == std::size(buffer) - 1) {
      buffer[used] = 0;
      console->output_string(console, buffer);
      used = 0;
    }
  }
  buffer[used] = 0;
  if (used != 0) console->output_string(console, buffer);
}

}  // namespace

void Firmware::Print(std::string_view text) const {
  if (system_->console_out == nullptr) return;
  Output(system_->console_out, text);
  Output(system_->console_out, "\r\n");
}

void Firmware::Fatal(std::string_view text) const {
  Text<> line;
  line << "bulkhead: fatal: " << text;
  Print(line.view());
  EarlyConsoleInit(serial_.address);
  EarlyConsoleWrite(line.view());
  EarlyConsoleWrite("\n");
  system_->runtime->reset_system(kResetShutdown, kSuccess, 0, nullptr);
  EarlyReset();  // firmware that cannot shut down
}

uint64_t Firmware::AllocatePages(uint64_t pages, std::string_view what) const {
  uint64_t address = 0;
  if (IsError(boot().allocate_pages(kAllocateAnyPages, kLoaderData, pages, &address))) {
    Text<> text;
    text << "not enough memory for " << what << " (" << pages * kPageSize << " bytes)";
    Fatal(text.view());
  }
  return address;
}

uint64_t Firmware::AllocateSuperpageAligned(uint64_t pages, std::string_view what) const {
  constexpr uint64_t kSlack = kSuperpageSize / kPageSize;
  const uint64_t start = AllocatePages(pages + kSlack, what);
  const uint64_t aligned = AlignUp(start, kSuperpageSize);
  const uint64_t before = (aligned - start) / kPageSize;
  // What cannot be given back is merely not used.
  if (before != 0) boot().free_pages(start, before);
  if (before != kSlack) boot().free_pages(aligned + pages * kPageSize, kSlack - before);
  return aligned;
}

File* Firmware::OpenVolume() const {
  void* loaded = nullptr;
  if (IsError(boot().handle_protocol(image_, &kLoadedImage, &loaded))) {
    Fatal("the firmware does not say where this program was loaded from");
  }
  void* file_system = nullptr;
  File* root = nullptr;
  if (IsError(boot().handle_protocol(static_cast<LoadedImage*>(loaded)->device, &kSimpleFileSystem,
                                     &file_system)) ||
      IsError(static_cast<SimpleFileSystem*>(file_system)
                  ->open_volume(static_cast<SimpleFileSystem*>(file_system), &root))) {
    Fatal("cannot open the file system this program was loaded from");
  }
  return root;
}

std::optional<std::span<const std::byte>> Firmware::ReadFile(const char16_t* path,
                                                             std::string_view name) const {
  File* root = OpenVolume();
  File* file = nullptr;
  const EfiStatus opened = root->open(root, &file, path, kFileModeRead, 0);
  root->close(root);
  if (opened == kNotFound) return std::nullopt;
  const auto fail = [this, name](std::string_view why) {
    Text<> text;
    text << name << ": " << why;
    Fatal(text.view());
  };
  if (IsError(opened)) fail("cannot be opened");

  FileInfoBuffer buffer;
  uint64_t info_size = sizeof(buffer.bytes);
  if (IsError(file->get_info(file, &kFileInfo, &info_size, buffer.bytes))) {
    fail("its size cannot be read");
  }
  const auto& info = *reinterpret_cast<const FileInfo*>(buffer.bytes);
  if ((info.attributes & kFileDirectory) != 0) fail("is a directory");
  const uint64_t size = info.file_size;

  const uint64_t pages = std::max<uint64_t>(AlignUp(size, kPageSize) / kPageSize, 1);
  auto* data = reinterpret_cast<std::byte*>(AllocatePages(pages, name));
  for (uint64_t done = 0; done < size;) {
    uint64_t chunk = std::min(size - done, kReadChunk);
    if (IsError(file->read(file, &chunk, data + done)) || chunk == 0) fail("cannot be read");
    done += chunk;
    if (size > kReadChunk) {
      Text<> text;
      text << "bulkhead: " << name << ": " << (done >> 20) << " of " << (size >> 20) << " MiB read";
      Print(text.view());
    }
  }
  file->close(file);
  return std::span<const std::byte>(data, size);
}

uint64_t Firmware::FindTable(const Guid& guid) const {
  for (uint64_t i = 0; i < system_->table_count; ++i) {
    const ConfigurationTable& table = system_->tables[i];
    if (table.guid == guid) return reinterpret_cast<uint64_t>(table.table);
  }
  return 0;
}

std::optional<Time> Firmware::ReadTime() const {
  Time time = {};
  if (IsError(system_->runtime->get_time(&time, nullptr))) return std::nullopt;
  return time;
}

}  // namespace bulkhead::uefi
