package dev.graft.quant;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Shapes;
import dev.graft.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;

/// Whole tensors of a [BlockCodec].
public final class BlockTensors {
    private static final int ROWS_AT_ONCE = 64;

    private BlockTensors() {}

    /// Unpacks a tensor, some rows at a time, so that no float32 copy of the whole is made on the way to
    /// bfloat16.
    ///
    /// @param packed rows one after another, each a whole number of blocks
    /// @param type   bfloat16 is decoded into at once, any other by way of float32
    /// @return       belongs to the current scope
    public static Tensor decoded(BlockCodec codec, MemorySegment packed, long[] shape, DType type) {
        DType target = type == DType.BF16 ? DType.BF16 : DType.F32;
        Tensor result = Tensor.empty(target, Device.cpu(), shape);
        MemorySegment memory = result.memory();
        long columns = shape[shape.length - 1];
        long rows = Shapes.elements(shape) / Math.max(1, columns);
        long rowBytes = columns / codec.elements() * codec.bytes();
        IntStream.range(0, (int) Math.ceilDiv(rows, ROWS_AT_ONCE)).parallel().forEach(part -> {
            float[] row = new float[Math.toIntExact(columns)];
            for (long i = (long) part * ROWS_AT_ONCE; i < Math.min(rows, (part + 1L) * ROWS_AT_ONCE); i++) {
                for (int block = 0; block < columns / codec.elements(); block++) {
                    codec.decode(packed, i * rowBytes + (long) block * codec.bytes(), row, block * codec.elements());
                }
                write(row, memory, i * columns, target);
            }
        });
        return result.to(type);
    }

    private static void write(float[] row, MemorySegment memory, long at, DType type) {
        if (type == DType.F32) {
            MemorySegment.copy(row, 0, memory, ValueLayout.JAVA_FLOAT, 4 * at, row.length);
            return;
        }
        for (int i = 0; i < row.length; i++) {
            int bits = Float.floatToIntBits(row[i]); // one NaN for all: others would be rounded to numbers
            int rounded = bits + 0x7fff + (bits >>> 16 & 1); // to the nearest, ties to even
            memory.setAtIndex(ValueLayout.JAVA_SHORT, at + i, (short) (rounded >>> 16));
        }
    }
}
