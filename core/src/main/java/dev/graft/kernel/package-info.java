/// Fused CPU kernels, each beside a plain twin made of ATen operations.
///
/// May import: `tensor`.
///
/// To add to it: one method in `Kernels`, one body in `PlainKernels`, one in `VectorKernels` (its loop
/// in `Loops`), one comparison in `KernelsTest`, one line in `KernelBenchmark`.
package dev.graft.kernel;
