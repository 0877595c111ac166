package dev.graft.quant;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Tensor;
import java.util.Map;

/// A tensor that a [QuantFormat] has packed.
public interface Quantised extends Packed {
    /// What packed it.
    QuantFormat format();

    /// Type of the numbers before they were packed.
    DType dtype();

    /// Where its parts lie, and where it is unpacked.
    Device device();

    /// What is stored in a file: tensors by what follows the weight's name there, the codes under `""`.
    Map<String, Tensor> parts();

    @Override
    default long bytes() {
        return parts().values().stream().mapToLong(Tensor::bytes).sum();
    }

    /// Bits a number takes, scales and tables included.
    default double bitsPerWeight() {
        return 8.0 * bytes() / elements();
    }
}
