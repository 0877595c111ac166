package dev.graft.export;

import dev.graft.model.ModelSource;
import dev.graft.quant.PackedLayout;
import dev.graft.quant.Quantised;
import dev.graft.tensor.DType;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Weights of a quantised base on their way into a merged one: unpacked, changed, and packed again in
/// the format they had. Those that nothing changes keep their bytes. One is in memory at a time; each is
/// made once to see what comes of it, and again when it is written.
final class Requantising implements AutoCloseable {
    private final ModelSource files;
    private String held = "";
    private Quantised packed;

    Requantising(ModelSource files) {
        this.files = files;
    }

    /// The tensors of a weight; empty when the base does not pack it.
    Map<String, ModelDirectory.Weight> weights(String name, TensorMerge merge, List<MergedTensor> report) {
        Map<String, ModelDirectory.Weight> parts = new LinkedHashMap<>();
        if (!isPacked(name)) {
            return parts;
        }
        try (Scope scope = Scope.open()) {
            Quantised made = packed(name, merge);
            PackedLayout.tensors(name, made)
                    .forEach((key, tensor) -> parts.put(
                            key,
                            new ModelDirectory.Weight(
                                    tensor.dtype(),
                                    tensor.shape(),
                                    () -> PackedLayout.tensors(name, packed(name, merge))
                                            .get(key))));
            if (!merge.isNothing()) {
                report.add(compared(name, merge, made));
            }
        }
        return parts;
    }

    private boolean isPacked(String name) {
        if (!files.names().contains(name)) {
            return false;
        }
        try (Packed base = files.packed(name).orElse(null)) {
            return base != null;
        }
    }

    private Quantised packed(String name, TensorMerge merge) {
        if (!name.equals(held)) {
            close();
            packed = made(name, merge);
            held = name;
        }
        return packed;
    }

    private Quantised made(String name, TensorMerge merge) {
        Quantised base = (Quantised) files.packed(name).orElseThrow();
        if (merge.isNothing()) {
            return base;
        }
        try (Scope scope = Scope.open()) {
            return base.format()
                    .quantise(turned(name, merge.exact(files.stored(name)).to(base.dtype())));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(name + ": " + e.getMessage(), e);
        } finally {
            base.close();
        }
    }

    private MergedTensor compared(String name, TensorMerge merge, Quantised made) {
        Tensor base = files.stored(name).to(DType.F32).contiguous();
        Tensor change = merge.exact(base).sub(base).contiguous();
        MergedTensor.Sums sums = new MergedTensor.Sums(name, made.format().name());
        sums.add(
                base,
                change,
                turned(name, made.unpacked(DType.F32, made.device())).contiguous(),
                base);
        return sums.result();
    }

    /// From the way a weight lies to the way it is packed, or back.
    private Tensor turned(String name, Tensor matrix) {
        return files.isPackedTransposed(name) ? matrix.t() : matrix;
    }

    @Override
    public void close() {
        if (packed != null) {
            packed.close();
            packed = null;
            held = "";
        }
    }
}
