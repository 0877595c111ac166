package dev.graft.tensor;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Small native helpers that live as long as the process, so that none is made (and leaked) per call.
final class Natives {
    static {
        Torch.load();
    }

    static final MemoryFormatOptional NO_MEMORY_FORMAT = new MemoryFormatOptional();
    static final ScalarTypeOptional NO_TYPE = new ScalarTypeOptional();
    static final BoolOptional NO_BOOL = new BoolOptional();
    static final TensorArrayRefOptional NO_TENSORS = new TensorArrayRefOptional();

    private record Kind(DType dtype, Device device) {}

    private static final Map<Kind, TensorOptions> OPTIONS = new ConcurrentHashMap<>();
    private static final Map<Device, org.bytedeco.pytorch.Device> DEVICES = new ConcurrentHashMap<>();

    private Natives() {}

    static TensorOptions options(DType dtype, Device device) {
        return OPTIONS.computeIfAbsent(new Kind(dtype, device), kind -> {
            try (TensorOptions typed = new TensorOptions(scalarType(dtype))) {
                return typed.device(new org.bytedeco.pytorch.DeviceOptional(device(device)));
            }
        });
    }

    static org.bytedeco.pytorch.Device device(Device device) {
        return DEVICES.computeIfAbsent(device, d -> new org.bytedeco.pytorch.Device(d.toString()));
    }

    static int deviceIndex(org.bytedeco.pytorch.Tensor tensor) {
        try (var device = tensor.device()) {
            return device.index();
        }
    }

    static ScalarType scalarType(DType dtype) {
        return switch (dtype) {
            case F64 -> ScalarType.Double;
            case F32 -> ScalarType.Float;
            case BF16 -> ScalarType.BFloat16;
            case F16 -> ScalarType.Half;
            case I64 -> ScalarType.Long;
            case I32 -> ScalarType.Int;
            case I16 -> ScalarType.Short;
            case I8 -> ScalarType.Char;
            case U8 -> ScalarType.Byte;
            case BOOL -> ScalarType.Bool;
        };
    }

    static DType dtype(ScalarType type) {
        for (DType dtype : DType.values()) {
            if (scalarType(dtype) == type.intern()) {
                return dtype;
            }
        }
        throw new IllegalArgumentException("libtorch type " + type + " has no counterpart among the types Graft uses");
    }

    static long address(org.bytedeco.pytorch.Tensor tensor) {
        return tensor.data_ptr().address();
    }

    /// A JavaCPP pointer to a segment's memory; closing it frees nothing.
    static Pointer pointer(MemorySegment memory) {
        return new Address(memory.address());
    }

    /// JavaCPP has no public constructor from an address; this is the way its documentation names.
    private static final class Address extends Pointer {
        Address(long value) {
            address = value;
        }
    }
}
