package dev.graft.tensor;

/// Element types, with the names safetensors uses for them.
public enum DType {
    F64(8, true),
    F32(4, true),
    BF16(2, true),
    F16(2, true),
    I64(8, false),
    I32(4, false),
    I16(2, false),
    I8(1, false),
    U8(1, false),
    BOOL(1, false);

    private final int bytes;
    private final boolean floating;

    DType(int bytes, boolean floating) {
        this.bytes = bytes;
        this.floating = floating;
    }

    /// Bytes one element takes.
    public int bytes() {
        return bytes;
    }

    public boolean isFloating() {
        return floating;
    }
}
