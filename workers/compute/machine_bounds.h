#pragma once

namespace gradus {

// What one core of this machine can do at most, measured: the roof that an engine's speed is
// judged by. On a shared machine the figures move with the neighbours, so measure them beside the
// work.
struct MachineBounds {
  double flops = 0;       // Float32 operations per second, multiply-adds counted twice.
  double read_bytes = 0;  // Bytes read per second from main memory, in order.
};

// Both take 0.15 s for each figure.
double MeasureFlops();
MachineBounds MeasureMachineBounds();

}  // namespace gradus
