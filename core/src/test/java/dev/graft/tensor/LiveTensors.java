package dev.graft.tensor;

/// What tests of other packages may know about memory.
public final class LiveTensors {
    private LiveTensors() {}

    /// Tensors that have not been freed.
    public static long count() {
        return Tensor.live();
    }

    public static boolean isAlive(Tensor tensor) {
        return tensor.isAlive();
    }
}
