package dev.graft.model;

import dev.graft.format.Safetensors.Entry;
import dev.graft.format.WeightFiles;
import dev.graft.nn.NamedTensors;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// Weights in memory-mapped files.
public record FileTensors(WeightFiles files, Device device, DType computeType) implements NamedTensors {
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
        Entry entry = files.entry(name);
        MemorySegment data = files.data(name); // refuses types Graft cannot compute with
        DType dtype = entry.dtype().orElseThrow();
        if (data.address() % dtype.bytes() == 0) {
            return Tensor.over(data, dtype, entry.shape());
        }
        Tensor copy = Tensor.empty(dtype, Device.cpu(), entry.shape()); // old writers did not align
        copy.memory().copyFrom(data);
        return copy;
    }
}
