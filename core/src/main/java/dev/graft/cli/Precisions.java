package dev.graft.cli;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Torch;
import java.util.Optional;

/// Types by the names users give them.
final class Precisions {
    private Precisions() {}

    /// Type to compute in; `auto` is the fastest of the device.
    static DType toCompute(Recipe.Precision precision, Device device) {
        return toSave(precision).orElseGet(() -> Torch.bestComputeType(device));
    }

    /// Type to save in; empty for `auto`.
    static Optional<DType> toSave(Recipe.Precision precision) {
        return switch (precision) {
            case AUTO -> Optional.empty();
            case FLOAT32 -> Optional.of(DType.F32);
            case BFLOAT16 -> Optional.of(DType.BF16);
        };
    }

    /// The best device of this machine.
    static Device device() {
        return Torch.cudaAvailable() ? Device.cuda(0) : Device.cpu();
    }

    static String name(DType dtype) {
        return switch (dtype) {
            case F32 -> "float32";
            case BF16 -> "bfloat16";
            default -> dtype.name();
        };
    }
}
