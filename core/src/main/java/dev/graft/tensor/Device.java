package dev.graft.tensor;

/// Where a tensor's memory lies.
///
/// @param kind  processor or CUDA card
/// @param index which card; 0 for the processor
public record Device(Kind kind, int index) {
    /// Kinds of device.
    public enum Kind {
        CPU,
        CUDA
    }

    private static final Device CPU = new Device(Kind.CPU, 0);

    public Device {
        if (index < 0 || (kind == Kind.CPU && index != 0)) {
            throw new IllegalArgumentException(
                    "device index is %d; expected 0 for the CPU, 0 or more for CUDA".formatted(index));
        }
    }

    public static Device cpu() {
        return CPU;
    }

    public static Device cuda(int index) {
        return new Device(Kind.CUDA, index);
    }

    public boolean isCpu() {
        return kind == Kind.CPU;
    }

    @Override
    public String toString() {
        return isCpu() ? "cpu" : "cuda:" + index;
    }
}
