package dev.graft.kernel;

import static dev.graft.kernel.Arguments.address;
import static dev.graft.kernel.Lanes.COUNT;

import dev.graft.kernel.RowProducts.Scales;
import java.lang.foreign.ValueLayout;

/// Rows of a matrix in 4-bit blocks, for one thread: it unpacks the scales of some rows at a time.
final class BlockRows {
    private static final int SCALES_AT_ONCE = 1024;

    private final Matrix matrix;
    private final float[] scales;
    private final float[] tile;
    private long firstScale;
    private int scalesRead;

    /// @param codes  address of the codes
    /// @param values by code
    /// @param width  of a row
    record Matrix(long codes, float[] values, int block, int width, Scales scales) {
        /// Whether each row is made of whole blocks and a block of whole pairs of registers, as nearly every matrix is;
        /// its activations are then paired.
        boolean isPaired() {
            return COUNT >= 8
                    && COUNT <= 16
                    && block % RowLoops.PAIR == 0
                    && Integer.bitCount(block / RowLoops.PAIR) == 1
                    && width % block == 0;
        }

        long blocks() {
            return switch (scales) {
                case Scales.Plain plain -> plain.absmax().elements();
                case Scales.Nested nested -> nested.codes().elements();
            };
        }

        void readScales(long first, int n, float[] target) {
            switch (scales) {
                case Scales.Plain plain ->
                    Tile.read(Tile.at(address(plain.absmax()), first, false), false, target, 0, n);
                case Scales.Nested nested ->
                    QuantLoops.lookUpBytes(
                            address(nested.codes()),
                            address(nested.absmax()),
                            nested.book().values(),
                            nested.block(),
                            nested.offset(),
                            first,
                            n,
                            target);
            }
        }
    }

    BlockRows(Matrix matrix) {
        this.matrix = matrix;
        this.tile = matrix.isPaired() ? null : Tile.of(matrix.width);
        this.scales = new float[Math.max(SCALES_AT_ONCE, matrix.width / matrix.block + 2)];
    }

    /// Row `row` times one row of activations.
    float dot(long row, float[] x) {
        if (!matrix.isPaired()) {
            read(row, tile);
            return RowLoops.dot(tile, x, tile.length);
        }
        return RowLoops.dotBlocks(codes(row), matrix.values, scales, scales(row), steps(), x, runs());
    }

    /// Row `row` in float32, in the order activations are in.
    void read(long row, float[] target) {
        if (matrix.isPaired()) {
            RowLoops.readBlocks(codes(row), matrix.values, scales, scales(row), steps(), target, runs());
            return;
        }
        long first = row * matrix.width;
        long firstBlock = first / matrix.block;
        int at = scales(firstBlock, (first + matrix.width - 1) / matrix.block);
        for (int i = 0; i < matrix.width; i++) {
            int both = Tile.MEMORY.get(ValueLayout.JAVA_BYTE, matrix.codes + (first + i) / 2) & 0xff;
            int code = (first + i) % 2 == 0 ? both >> 4 : both & 15;
            target[i] = matrix.values[code] * scales[at + (int) ((first + i) / matrix.block - firstBlock)];
        }
    }

    private long codes(long row) {
        return matrix.codes + row * matrix.width / 2;
    }

    private int steps() {
        return Integer.numberOfTrailingZeros(matrix.block / RowLoops.PAIR);
    }

    private int runs() {
        return matrix.width / RowLoops.PAIR;
    }

    private int scales(long row) {
        int blocks = matrix.width / matrix.block;
        return scales(row * blocks, row * blocks + blocks - 1);
    }

    /// Where the scales of these blocks lie in `scales`, unpacked if they were not.
    private int scales(long firstBlock, long lastBlock) {
        if (firstBlock < firstScale || lastBlock >= firstScale + scalesRead) {
            firstScale = firstBlock;
            scalesRead = (int) Math.min(scales.length, matrix.blocks() - firstBlock);
            matrix.readScales(firstScale, scalesRead, scales);
        }
        return (int) (firstBlock - firstScale);
    }
}
