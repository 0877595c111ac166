package dev.graft.quant;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Stream;

/// One of ggml's block formats: `elements()` neighbouring weights of a row become `bytes()` bytes. The
/// layouts are those of `ggml-quants.c`; decoding gives the floats of the `gguf` Python package bit for bit.
public sealed interface BlockCodec permits SmallBlocks, SuperBlocks {
    ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /// As in GGUF files: `Q4_K`.
    String name();

    /// Weights in one block.
    int elements();

    /// Bytes one block takes.
    int bytes();

    /// Decodes the block at byte `at` into `values[from …]`.
    void decode(MemorySegment packed, long at, float[] values, int from);

    /// The format of this name.
    static Optional<BlockCodec> named(String name) {
        return Stream.<BlockCodec>concat(Arrays.stream(SmallBlocks.values()), Arrays.stream(SuperBlocks.values()))
                .filter(codec -> codec.name().equals(name))
                .findFirst();
    }

    /// A float16 as float32.
    static float half(MemorySegment packed, long at) {
        return Float.float16ToFloat(packed.get(SHORT, at));
    }

    /// A byte as 0 … 255.
    static int unsigned(MemorySegment packed, long at) {
        return packed.get(ValueLayout.JAVA_BYTE, at) & 0xff;
    }
}
