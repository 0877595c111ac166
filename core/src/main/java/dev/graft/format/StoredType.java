package dev.graft.format;

import dev.graft.tensor.DType;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/// Every element type safetensors knows (0.8), which is more than Graft computes with. Declared in the order
/// of the reference implementation: files are written from the last of these to the first, so that wide
/// elements stay aligned.
enum StoredType {
    BOOL(8),
    F4(4),
    F6_E2M3(6),
    F6_E3M2(6),
    U8(8),
    I8(8),
    F8_E5M2(8),
    F8_E4M3(8),
    F8_E8M0(8),
    F8_E4M3FNUZ(8),
    F8_E5M2FNUZ(8),
    I16(16),
    U16(16),
    F16(16),
    BF16(16),
    I32(32),
    U32(32),
    F32(32),
    C64(64),
    F64(64),
    I64(64),
    U64(64);

    private final int bits;

    StoredType(int bits) {
        this.bits = bits;
    }

    /// Bits one element takes; below 8 for the packed types.
    int bits() {
        return bits;
    }

    /// The type Graft computes with, where there is one.
    Optional<DType> dtype() {
        return Arrays.stream(DType.values())
                .filter(dtype -> dtype.name().equals(name()))
                .findFirst();
    }

    static Optional<StoredType> named(String name) {
        return Arrays.stream(values()).filter(type -> type.name().equals(name)).findFirst();
    }

    static StoredType of(DType dtype) {
        return valueOf(dtype.name());
    }

    static String names() {
        return Arrays.stream(values()).map(Enum::name).collect(Collectors.joining(", "));
    }
}
