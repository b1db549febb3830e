#pragma once
#include <string>
#include <string_view>

namespace gradus {

// What the driver calls the device ("NVIDIA H100 80GB HBM3"); empty without a driver.
std::string GpuName(int device);

// Operations per second that the maker's data sheet promises for dense products of this type, by
// the device's name; 0 for a device that is not in the table.
double GpuPeakFlops(std::string_view name, bool bf16);

}  // namespace gradus
