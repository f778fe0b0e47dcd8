// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_UEFI_UEFI_H_
#define BULKHEAD_BOOT_UEFI_UEFI_H_

// The part of the UEFI interface the loader uses (UEFI Specification 2.10; sections in brackets).
// Functions that are never called are void*, so that nothing here is declared without need. Code
// that includes this is compiled for a Windows target, whose calling convention is UEFI's (2.3.4).

#include <cstddef>
#include <cstdint>

#include "boot/uefi/time.h"

namespace bulkhead::uefi {

// [Appendix D]. The top bit marks an error.
using EfiStatus = uint64_t;
inline constexpr EfiStatus kErrorBit = uint64_t{1} << 63;
inline constexpr EfiStatus kSuccess = 0;
inline constexpr EfiStatus kBufferTooSmall = kErrorBit | 5;
inline constexpr EfiStatus kNotFound = kErrorBit | 14;
constexpr bool IsError(EfiStatus status) { return (status & kErrorBit) != 0; }

using Handle = void*;

struct Guid {
  uint32_t a;
  uint16_t b;
  uint16_t c;
  uint8_t d[8];
  bool operator==(const Guid&) const = default;
};
static_assert(sizeof(Guid) == 16);

struct TableHeader {  // [4.2]
  uint64_t signature;
  uint32_t revision;
  uint32_t header_size;
  uint32_t crc32;
  uint32_t reserved;
};
static_assert(sizeof(TableHeader) == 24);

struct TextOutput {  // [12.4]
  void* reset;
  EfiStatus (*output_string)(TextOutput* self, const char16_t* text);
};

inline constexpr uint32_t kAllocateAnyPages = 0;  // [7.2.1]
inline constexpr uint32_t kLoaderData = 2;        // [7.2.1]

struct BootServices {  // [4.4]
  TableHeader header;
  void* task_priority[2];
  EfiStatus (*allocate_pages)(uint32_t type, uint32_t memory_type, uint64_t pages,
                              uint64_t* address);
  EfiStatus (*free_pages)(uint64_t address, uint64_t pages);
  EfiStatus (*get_memory_map)(uint64_t* size, void* map, uint64_t* key, uint64_t* descriptor_size,
                              uint32_t* descriptor_version);
  void* pool[2];
  void* events[6];
  void* install_protocols[3];
  EfiStatus (*handle_protocol)(Handle handle, const Guid* protocol, void** interface);
  void* reserved;
  void* register_protocol_notify;
  void* locate[2];
  void* install_configuration_table;
  void* images[4];
  EfiStatus (*exit_boot_services)(Handle image, uint64_t key);
};
static_assert(offsetof(BootServices, allocate_pages) == 40);
static_assert(offsetof(BootServices, handle_protocol) == 152);
static_assert(offsetof(BootServices, exit_boot_services) == 232);

inline constexpr uint32_t kResetShutdown = 2;  // [8.5.1]

struct RuntimeServices {  // [4.5]
  TableHeader header;
  EfiStatus (*get_time)(Time* time, void* capabilities);
  void* time[3];
  void* virtual_memory[2];
  void* variables[3];
  void* monotonic_count;
  void (*reset_system)(uint32_t type, EfiStatus status, uint64_t size, const void* data);
};
static_assert(offsetof(RuntimeServices, reset_system) == 104);

struct ConfigurationTable {  // [4.6]
  Guid guid;
  void* table;
};
static_assert(sizeof(ConfigurationTable) == 24);
inline constexpr Guid kAcpi20Table = {
    0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
inline constexpr Guid kDevicetreeTable = {
    0xb1b621d5, 0xf19c, 0x41a5, {0x83, 0x0b, 0xd9, 0x15, 0x2c, 0x69, 0xaa, 0xe0}};

struct SystemTable {  // [4.3]
  TableHeader header;
  const char16_t* firmware_vendor;
  uint32_t firmware_revision;
  Handle console_in_handle;
  void* console_in;
  Handle console_out_handle;
  TextOutput* console_out;
  Handle standard_error_handle;
  TextOutput* standard_error;
  RuntimeServices* runtime;
  BootServices* boot;
  uint64_t table_count;
  ConfigurationTable* tables;
};
static_assert(offsetof(SystemTable, console_out) == 64);
static_assert(offsetof(SystemTable, tables) == 112);

struct LoadedImage {  // [9.1.1]
  uint32_t revision;
  Handle parent;
  SystemTable* system_table;
  Handle device;
};
static_assert(offsetof(LoadedImage, device) == 24);
inline constexpr Guid kLoadedImage = {
    0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};

inline constexpr uint64_t kFileModeRead = 1;      // [13.5.2]
inline constexpr uint64_t kFileDirectory = 0x10;  // [13.5.2]

struct File {  // [13.5.1]
  uint64_t revision;
  EfiStatus (*open)(File* self, File** file, const char16_t* name, uint64_t mode,
                    uint64_t attributes);
  EfiStatus (*close)(File* self);
  void* delete_file;
  EfiStatus (*read)(File* self, uint64_t* size, void* buffer);
  void* write;
  void* get_position;
  void* set_position;
  EfiStatus (*get_info)(File* self, const Guid* type, uint64_t* size, void* buffer);
};
static_assert(offsetof(File, get_info) == 64);

struct FileInfo {  // [13.5.16]
  uint64_t size;
  uint64_t file_size;
  uint64_t physical_size;
  uint8_t times[3][16];
  uint64_t attributes;
  char16_t name[1];
};
static_assert(offsetof(FileInfo, name) == 80);
inline constexpr Guid kFileInfo = {
    0x09576e92, 0x6d3f, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};

struct SimpleFileSystem {  // [13.4.1]
  uint64_t revision;
  EfiStatus (*open_volume)(SimpleFileSystem* self, File** root);
};
inline constexpr Guid kSimpleFileSystem = {
    0x964e5b22, 0x6459, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};

}  // namespace bulkhead::uefi

#endif  // BULKHEAD_BOOT_UEFI_UEFI_H_
