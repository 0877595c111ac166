package dev.graft.export;

import dev.graft.format.GgufType;
import dev.graft.format.SafetensorsWriter;
import dev.graft.quant.SmallBlocks;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.WritableByteChannel;
import java.util.Optional;

/// Writes the rows of a tensor in a type of GGUF, some at a time.
final class RowWriter {
    private static final long ELEMENTS_AT_ONCE = 4 << 20;

    private RowWriter() {}

    /// @throws IllegalStateException when it holds numbers that are not finite, or too large for the type
    static void write(String name, Tensor tensor, GgufType type, WritableByteChannel channel) throws IOException {
        long columns = tensor.dims() < 2 ? tensor.elements() : tensor.size(tensor.dims() - 1);
        Tensor rows = tensor.reshape(-1, columns);
        long step = Math.max(1, ELEMENTS_AT_ONCE / Math.max(1, columns));
        for (long from = 0; from < rows.size(0); from += step) {
            try (Scope scope = Scope.open()) {
                Tensor some = rows.narrow(0, from, Math.min(step, rows.size(0) - from));
                if (!some.allFinite()) {
                    throw new IllegalStateException(name + " holds numbers that are not finite; nothing was written");
                }
                some(name, some, type, channel);
            }
        }
    }

    private static void some(String name, Tensor rows, GgufType type, WritableByteChannel channel) throws IOException {
        Optional<DType> plain = type.dtype();
        if (plain.isPresent()) {
            Tensor rounded = rows.to(plain.get()).to(Device.cpu()).contiguous();
            if (!rounded.allFinite()) {
                throw new IllegalStateException(
                        "%s holds numbers too large for %s; export it as f32 or bf16".formatted(name, type));
            }
            SafetensorsWriter.writeAll(rounded.memory(), channel);
            return;
        }
        SmallBlocks codec = SmallBlocks.valueOf(type.name());
        float[] values = rows.toFloats();
        byte[] packed = new byte[values.length / SmallBlocks.ELEMENTS * codec.bytes()];
        MemorySegment segment = MemorySegment.ofArray(packed);
        try {
            for (int block = 0; block < values.length / SmallBlocks.ELEMENTS; block++) {
                codec.encode(values, SmallBlocks.ELEMENTS * block, segment, (long) block * codec.bytes());
            }
        } catch (ArithmeticException e) {
            throw new IllegalStateException("%s: %s; export it as f32 or bf16".formatted(name, e.getMessage()), e);
        }
        SafetensorsWriter.writeAll(segment, channel);
    }
}
