package dev.graft.model;

import dev.graft.nn.NamedTensors;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.Collectors;

/// Random initial weights. Each tensor has its own generator, seeded by its name, so that the values do
/// not depend on the order in which layers are built.
record RandomTensors(Map<String, TensorSpec> tensors, double deviation, Device device, DType computeType, long seed)
        implements NamedTensors {
    static RandomTensors of(List<TensorSpec> tensors, double deviation, Device device, DType computeType, long seed) {
        return new RandomTensors(
                tensors.stream().collect(Collectors.toMap(TensorSpec::name, Function.identity())),
                deviation,
                device,
                computeType,
                seed);
    }

    @Override
    public boolean has(String name) {
        return tensors.containsKey(name);
    }

    @Override
    public long[] shape(String name) {
        return tensors.get(name).shape().clone();
    }

    @Override
    public Tensor stored(String name) {
        TensorSpec tensor = tensors.get(name);
        return switch (tensor.initial()) {
            case ZEROS -> Tensor.zeros(DType.F32, Device.cpu(), tensor.shape());
            case ONES -> Tensor.full(1, DType.F32, Device.cpu(), tensor.shape());
            case NORMAL -> normal(tensor);
        };
    }

    private Tensor normal(TensorSpec tensor) {
        float[] values = new float[Math.toIntExact(tensor.elements())];
        SplittableRandom random = new SplittableRandom(seed * 31 + tensor.name().hashCode());
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() * deviation);
        }
        return Tensor.of(values, tensor.shape());
    }
}
