package dev.graft.optim;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;

/// Where an optimizer's state lies: [#ofDevice] or [PagedMemory].
public interface StateMemory extends AutoCloseable {
    /// Makes sure of room for this many bytes more, before a run begins that would need them.
    void reserve(long bytes);

    /// Zeros held for the caller, whatever scope is open, until [Tensor#release].
    Tensor zeros(DType dtype, Device device, long... shape);

    /// Frees what is not a tensor; after their release.
    @Override
    void close();

    /// The memory of the device itself, taken as it is needed.
    static StateMemory ofDevice() {
        return new StateMemory() {
            @Override
            public void reserve(long bytes) {}

            @Override
            public Tensor zeros(DType dtype, Device device, long... shape) {
                try (Scope scope = Scope.open()) {
                    return Tensor.zeros(dtype, device, shape).retain();
                }
            }

            @Override
            public void close() {}
        };
    }
}
