package dev.graft;

import dev.graft.format.Safetensors.Entry;
import dev.graft.format.WeightFiles;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;

/// Tensors of safetensors files, to compare with.
public final class StoredTensors {
    private StoredTensors() {}

    /// A copy in float32; belongs to the current scope.
    public static Tensor of(WeightFiles files, String name) {
        Entry entry = files.entry(name);
        Tensor copy = Tensor.empty(entry.dtype().orElseThrow(), Device.cpu(), entry.shape());
        copy.memory().copyFrom(files.data(name));
        return copy.to(DType.F32);
    }
}
