package dev.graft.kernel;

/// The kernels over libtorch's memory with the JDK's Vector API.
final class VectorKernels {
    private VectorKernels() {}

    static boolean isAvailable() {
        return false;
    }

    static Kernels instance() {
        throw new IllegalStateException("the module jdk.incubator.vector is not there; use PlainKernels");
    }
}
