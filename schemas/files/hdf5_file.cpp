#include "schemas/files/hdf5_file.h"

#include <algorithm>

#include "schemas/base/file.h"

namespace gradus {
namespace {

constexpr std::size_t kUserBlock = 512;        // The smallest that HDF5 allows.
constexpr std::size_t kChunkBytes = 1 << 20;   // Uncompressed bytes of one chunk.
constexpr std::size_t kSmallestPacked = 4096;  // Below, a chunk index costs more than it saves.
constexpr std::uint64_t kLargestRatio = 1100;  // Deflate cannot pack more tightly than this.
constexpr std::size_t kGrowth = 4 << 20;       // Of the file under construction.

// The innermost message of HDF5's error stack, which names the cause.
std::string LibraryReason() {
  std::string reason = "no reason given";
  const auto first = [](unsigned depth, const H5E_error2_t* entry, void* to) -> herr_t {
    if (depth == 0 && entry->desc != nullptr) *static_cast<std::string*>(to) = entry->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first, &reason);
  return reason;
}

void Check(bool ok, const char* what) {
  if (!ok) Fail("HDF5 failed while {}: {}", what, LibraryReason());
}

Hdf5Id Own(hid_t id, const char* what) {
  Check(id >= 0, what);
  return Hdf5Id(id);
}

Hdf5Id Properties(hid_t kind) { return Own(H5Pcreate(kind), "making a property list"); }

// Errors are ours to report; the library would print its stack. The setting is one per thread.
void SilenceLibrary() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

// A file that lives in memory only.
Hdf5Id MemoryAccess() {
  Hdf5Id access = Properties(H5P_FILE_ACCESS);
  Check(H5Pset_fapl_core(access.get(), kGrowth, /*backing_store=*/false) >= 0, "choosing a driver");
  return access;
}

// Shuffle + gzip-1 + Fletcher-32, for data large enough that it pays.
Hdf5Id CreationProperties(std::size_t count, std::size_t item_bytes) {
  Hdf5Id creation = Properties(H5P_DATASET_CREATE);
  bool ok = H5Pset_obj_track_times(creation.get(), false) >= 0;
  if (count * item_bytes >= kSmallestPacked) {
    const hsize_t chunk = std::min<hsize_t>(count, kChunkBytes / item_bytes);
    ok = ok && H5Pset_chunk(creation.get(), 1, &chunk) >= 0 &&
         H5Pset_shuffle(creation.get()) >= 0 && H5Pset_deflate(creation.get(), 1) >= 0 &&
         H5Pset_fletcher32(creation.get()) >= 0;
  }
  Check(ok, "setting dataset properties");
  return creation;
}

Hdf5Id TextType(std::size_t bytes) {
  Hdf5Id type = Own(H5Tcopy(H5T_C_S1), "making a text type");
  Check(H5Tset_size(type.get(), std::max<std::size_t>(bytes, 1)) >= 0 &&
            H5Tset_strpad(type.get(), H5T_STR_NULLPAD) >= 0 &&
            H5Tset_cset(type.get(), H5T_CSET_UTF8) >= 0,
        "making a text type");
  return type;
}

void PutAttribute(hid_t file, const std::string& name, hid_t type, hid_t space, const void* value) {
  const Hdf5Id attribute = Own(
      H5Acreate2(file, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), "adding an attribute");
  Check(H5Awrite(attribute.get(), type, value) >= 0, "writing an attribute");
}

std::string UserBlock(std::string_view image) {
  std::string block =
      fmt::format("gradus-hdf5 1\nsha256 {}\nbytes {}\n", Sha256(image), image.size());
  block.resize(kUserBlock, '\0');
  return block;
}

}  // namespace

std::unique_lock<std::recursive_mutex> EnterHdf5() {
  static std::recursive_mutex mutex;  // The library's state is one per process.
  return std::unique_lock(mutex);
}

Hdf5Writer::Hdf5Writer(const Schema& schema) {
  SilenceLibrary();
  const Hdf5Id access = MemoryAccess();
  const Hdf5Id creation = Properties(H5P_FILE_CREATE);
  Check(H5Pset_obj_track_times(creation.get(), false) >= 0, "setting file properties");
  file_ =
      Own(H5Fcreate("gradus.h5", H5F_ACC_TRUNC, creation.get(), access.get()), "creating a file");
  link_ = Properties(H5P_LINK_CREATE);
  Check(H5Pset_create_intermediate_group(link_.get(), 1) >= 0, "setting link properties");
  SetText("schema_name", schema.name);
  const std::int32_t version[2] = {schema.version.major, schema.version.minor};
  const hsize_t two = 2;
  const Hdf5Id space = Own(H5Screate_simple(1, &two, nullptr), "making a data space");
  PutAttribute(file_.get(), "schema_version", H5T_STD_I32LE, space.get(), version);
}

void Hdf5Writer::SetText(const std::string& attribute, const std::string& value) {
  const Hdf5Id type = TextType(value.size());
  const Hdf5Id space = Own(H5Screate(H5S_SCALAR), "making a data space");
  PutAttribute(file_.get(), attribute, type.get(), space.get(), value.c_str());
}

void Hdf5Writer::SetCount(const std::string& attribute, std::uint64_t value) {
  const Hdf5Id space = Own(H5Screate(H5S_SCALAR), "making a data space");
  PutAttribute(file_.get(), attribute, H5T_STD_U64LE, space.get(), &value);
}

void Hdf5Writer::PutRaw(const std::string& path, hid_t type, const void* values, std::size_t count,
                        std::size_t item_bytes) {
  const hsize_t extent = count;
  const Hdf5Id space = Own(H5Screate_simple(1, &extent, nullptr), "making a data space");
  const Hdf5Id creation = CreationProperties(count, item_bytes);
  const Hdf5Id data = Own(H5Dcreate2(file_.get(), path.c_str(), type, space.get(), link_.get(),
                                     creation.get(), H5P_DEFAULT),
                          "creating a dataset");
  if (count == 0) return;
  Check(H5Dwrite(data.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0,
        "writing a dataset");
}

std::string Hdf5Writer::Take() {
  Check(H5Fflush(file_.get(), H5F_SCOPE_GLOBAL) >= 0, "finishing a file");
  const ssize_t size = H5Fget_file_image(file_.get(), nullptr, 0);
  Check(size > 0, "measuring a file");
  std::string file(kUserBlock + static_cast<std::size_t>(size), '\0');
  char* image = file.data() + kUserBlock;
  Check(H5Fget_file_image(file_.get(), image, static_cast<std::size_t>(size)) == size,
        "copying a file");
  file_.Reset();
  file.replace(0, kUserBlock, UserBlock(std::string_view(file).substr(kUserBlock)));
  return file;
}

Hdf5Reader::Hdf5Reader(const std::string& bytes, std::string origin, const Schema& schema)
    : origin_(std::move(origin)), bytes_(bytes.size()) {
  SilenceLibrary();
  const std::string_view all = bytes;
  if (all.size() <= kUserBlock || all.substr(0, kUserBlock) != UserBlock(all.substr(kUserBlock))) {
    Bad("damaged, or not written by gradus: its bytes do not match the SHA-256 at its start");
  }
  const Hdf5Id access = MemoryAccess();
  // The library only reads the image; its interface lacks the const.
  char* image = const_cast<char*>(bytes.data()) + kUserBlock;
  Check(H5Pset_file_image(access.get(), image, bytes.size() - kUserBlock) >= 0, "opening a file");
  // Files in memory that have the same name would be one to the library.
  const std::string name = fmt::format("reader-{}", fmt::ptr(this));
  file_ = Hdf5Id(H5Fopen(name.c_str(), H5F_ACC_RDONLY, access.get()));
  if (file_.get() < 0) Bad("not an HDF5 file: " + LibraryReason());
  CheckSchema(schema);
}

void Hdf5Reader::Bad(const std::string& what) const { Fail("{}: {}", origin_, what); }

void Hdf5Reader::CheckSchema(const Schema& schema) const {
  const std::string name = Text("schema_name");
  if (name != schema.name) Bad(fmt::format("holds '{}' instead of '{}'", name, schema.name));
  const Hdf5Id attribute = Attribute("schema_version");
  const Hdf5Id space(H5Aget_space(attribute.get()));
  std::int32_t version[2] = {0, 0};
  if (H5Sget_simple_extent_npoints(space.get()) != 2 ||
      H5Aread(attribute.get(), H5T_STD_I32LE, version) < 0) {
    Bad("attribute schema_version is malformed");
  }
  if (version[0] != schema.version.major || version[1] > schema.version.minor) {
    Bad(fmt::format("{} version {}.{}; this program reads {}.0 to {}.{}: use a {} one", name,
                    version[0], version[1], schema.version.major, schema.version.major,
                    schema.version.minor, version[0] < schema.version.major ? "older" : "newer"));
  }
}

Hdf5Id Hdf5Reader::Attribute(const std::string& name) const {
  Hdf5Id attribute(H5Aopen(file_.get(), name.c_str(), H5P_DEFAULT));
  if (attribute.get() < 0) Bad(fmt::format("attribute {} is missing", name));
  return attribute;
}

std::string Hdf5Reader::Text(const std::string& name) const {
  const Hdf5Id attribute = Attribute(name);
  const Hdf5Id type(H5Aget_type(attribute.get()));
  const bool fixed = H5Tget_class(type.get()) == H5T_STRING && H5Tis_variable_str(type.get()) == 0;
  if (!fixed || H5Aget_storage_size(attribute.get()) != H5Tget_size(type.get())) {
    Bad(fmt::format("attribute {} is not a text", name));
  }
  std::string value(H5Tget_size(type.get()), '\0');
  if (H5Aread(attribute.get(), type.get(), value.data()) < 0) {
    Bad(fmt::format("attribute {} cannot be read", name));
  }
  value.resize(std::min(value.find('\0'), value.size()));
  return value;
}

std::uint64_t Hdf5Reader::Count(const std::string& name) const {
  const Hdf5Id attribute = Attribute(name);
  const Hdf5Id space(H5Aget_space(attribute.get()));
  std::uint64_t value = 0;
  if (H5Sget_simple_extent_npoints(space.get()) != 1 ||
      H5Aread(attribute.get(), H5T_STD_U64LE, &value) < 0) {
    Bad(fmt::format("attribute {} is not a count", name));
  }
  return value;
}

const Hdf5Reader::Column& Hdf5Reader::Open(const std::string& path, hid_t type,
                                           std::size_t item_bytes) const {
  const auto [known, is_new] = columns_.try_emplace(path);
  Column& column = known->second;
  if (is_new) {
    column.data = Hdf5Id(H5Dopen2(file_.get(), path.c_str(), H5P_DEFAULT));
    column.type = Hdf5Id(H5Dget_type(column.data.get()));
    const Hdf5Id space(H5Dget_space(column.data.get()));
    const bool flat = H5Sget_simple_extent_ndims(space.get()) == 1;
    column.length = flat ? H5Sget_simple_extent_npoints(space.get()) : -1;
  }
  if (column.data.get() < 0) Bad(fmt::format("dataset {} is missing", path));
  if (H5Tequal(column.type.get(), type) <= 0)
    Bad(fmt::format("dataset {} has the wrong type", path));
  if (column.length < 0) Bad(fmt::format("{} is not one row", path));
  if (static_cast<std::uint64_t>(column.length) > bytes_ * kLargestRatio / item_bytes) {
    Bad(fmt::format("{} claims {} values, more than the file can hold", path, column.length));
  }
  return column;
}

void Hdf5Reader::CheckOffsets(const std::string& path, const std::vector<std::uint64_t>& offsets,
                              const RowRange& rows, std::uint64_t count) const {
  const bool starts = rows.first > 0 || offsets.front() == 0;
  const bool ends =
      rows.first + rows.count < rows.of ? offsets.back() <= count : offsets.back() == count;
  if (!starts || !ends || !std::is_sorted(offsets.begin(), offsets.end())) {
    Bad(fmt::format("{}/offsets do not rise from 0 to the {} values", path, count));
  }
}

void Hdf5Reader::Read(const Column& column, const std::string& path, hid_t type, void* values,
                      const RowRange& rows) const {
  if (rows.count == 0) return;
  const hsize_t first = rows.first, count = rows.count;
  const Hdf5Id memory(H5Screate_simple(1, &count, nullptr));
  const Hdf5Id stored(H5Dget_space(column.data.get()));
  if (H5Sselect_hyperslab(stored.get(), H5S_SELECT_SET, &first, nullptr, &count, nullptr) < 0 ||
      H5Dread(column.data.get(), type, memory.get(), stored.get(), H5P_DEFAULT, values) < 0) {
    Bad(fmt::format("{} cannot be read: {}", path, LibraryReason()));
  }
}

}  // namespace gradus
