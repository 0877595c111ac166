package dev.graft.model;

import dev.graft.nn.NamedTensors;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.util.Map;
import java.util.SplittableRandom;

/// Random initial weights. Each tensor has its own generator, seeded by its name, so that the values do not depend on
/// the order in which layers are built.
record RandomTensors(Map<String, long[]> shapes, double deviation, Device device, DType computeType, long seed)
        implements NamedTensors {
    @Override
    public boolean has(String name) {
        return shapes.containsKey(name);
    }

    @Override
    public long[] shape(String name) {
        return shapes.get(name).clone();
    }

    @Override
    public Tensor stored(String name) {
        long[] shape = shapes.get(name);
        if (name.endsWith(".bias")) {
            return Tensor.zeros(DType.F32, Device.cpu(), shape);
        }
        if (shape.length == 1) {
            return Tensor.full(1, DType.F32, Device.cpu(), shape);
        }
        float[] values = new float[Math.toIntExact(shape[0] * shape[1])];
        SplittableRandom random = new SplittableRandom(seed * 31 + name.hashCode());
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() * deviation);
        }
        return Tensor.of(values, shape);
    }
}
