package dev.graft.export;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;

/// The changes of one tensor by several adapters, made into one.
final class Combination {
    private final MergeSettings settings;

    Combination(MergeSettings settings) {
        this.settings = settings;
    }

    /// One adapter's change of a tensor.
    ///
    /// @param index of the adapter among all of them
    record Change(int index, Tensor delta) {}

    /// @param tensor  its name; what is dropped at random depends on it, on the adapter and on the seed alone
    /// @param changes float32 and contiguous, all of one shape; may be changed
    /// @return        float32, of their shape
    Tensor of(String tensor, List<Change> changes) {
        for (Change change : changes) {
            if (settings.method().trims()) {
                trim(change.delta);
            } else if (settings.method().drops()) {
                drop(change.delta, seed(tensor, change.index));
            }
        }
        return settings.method().electsSigns() ? meanOfElected(changes) : weightedSum(changes);
    }

    private double weight(Change change) {
        return settings.weights().get(change.index);
    }

    private Tensor weightedSum(List<Change> changes) {
        Change first = changes.getFirst();
        Tensor sum = first.delta.mulInPlace(weight(first));
        changes.stream().skip(1).forEach(change -> sum.addInPlace(change.delta, weight(change)));
        return sum;
    }

    /// Zeroes all but the `density` share of elements that is largest in magnitude. Where several are as
    /// large as the smallest one kept, all of them are kept.
    private void trim(Tensor delta) {
        long keep = (long) (settings.density() * delta.elements());
        MemorySegment values = delta.memory();
        float threshold = keep == 0 ? Float.POSITIVE_INFINITY : Magnitudes.kthLargest(values, keep);
        for (long i = 0; i < delta.elements(); i++) {
            if (Math.abs(values.getAtIndex(ValueLayout.JAVA_FLOAT, i)) < threshold) {
                values.setAtIndex(ValueLayout.JAVA_FLOAT, i, 0);
            }
        }
    }

    private long seed(String tensor, int adapter) {
        return (settings.seed() * 31 + tensor.hashCode()) * 31 + adapter;
    }

    private void drop(Tensor delta, long seed) {
        double density = settings.density();
        SplittableRandom random = new SplittableRandom(seed);
        MemorySegment values = delta.memory();
        for (long i = 0; i < delta.elements(); i++) {
            float value = values.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            values.setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextDouble() < density ? (float) (value / density) : 0);
        }
    }

    private Tensor meanOfElected(List<Change> changes) {
        Tensor mean =
                Tensor.empty(DType.F32, Device.cpu(), changes.getFirst().delta.shape());
        MemorySegment out = mean.memory();
        MemorySegment[] values =
                changes.stream().map(change -> change.delta.memory()).toArray(MemorySegment[]::new);
        double[] weights = changes.stream().mapToDouble(this::weight).toArray();
        boolean byCount = settings.signs() == MergeMethod.Signs.FREQUENCY;
        for (long i = 0; i < mean.elements(); i++) {
            double votes = 0;
            for (MemorySegment change : values) {
                float value = change.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                votes += byCount ? Math.signum(value) : value;
            }
            float elected = votes >= 0 ? 1 : -1;
            double sum = 0;
            int count = 0;
            for (int k = 0; k < values.length; k++) {
                float value = values[k].getAtIndex(ValueLayout.JAVA_FLOAT, i);
                if (Math.signum(value) == elected) {
                    sum += weights[k] * value;
                    count++;
                }
            }
            out.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (sum / Math.max(1, count)));
        }
        return mean;
    }
}
