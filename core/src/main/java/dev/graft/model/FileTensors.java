package dev.graft.model;

import dev.graft.nn.NamedTensors;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Tensor;
import java.util.Optional;

/// Weights in the files of a model.
public record FileTensors(ModelSource files, Device device, DType computeType) implements NamedTensors {
    @Override
    public boolean has(String name) {
        return files.names().contains(name);
    }

    @Override
    public long[] shape(String name) {
        return files.entry(name).shape();
    }

    @Override
    public Tensor stored(String name) {
        return files.stored(name);
    }

    @Override
    public Optional<Packed> packed(String name) {
        return files.packed(name);
    }

    @Override
    public Tensor computed(String name) {
        Tensor values = files.as(computeType, name).to(device);
        boolean copied = !device.isCpu() || !files.entry(name).dtype().equals(Optional.of(computeType));
        if (copied) {
            files.unload(name);
        }
        return values;
    }

    @Override
    public void unload(String name) {
        files.unload(name);
    }
}
