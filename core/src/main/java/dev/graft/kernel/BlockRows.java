package dev.graft.kernel;

import static dev.graft.kernel.Arguments.address;
import static dev.graft.kernel.Lanes.COUNT;

import dev.graft.kernel.RowProducts.Scales;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/// Rows of a matrix in 4-bit blocks, for one thread: it unpacks the scales of some rows at a time.
final class BlockRows {
    private static final int SCALES_AT_ONCE = 1024;

    private final Matrix matrix;
    private final float[] scales;
    private final float[] tile;
    private final int[] words;
    private long firstScale;
    private int scalesRead;

    /// @param codes  address of the codes
    /// @param values by code
    record Matrix(long codes, float[] values, int block, long rows, int width, Scales scales) {
        /// Whether each row is made of whole blocks, and a block of words, as nearly every matrix is;
        /// its activations are then spread.
        boolean isSpread() {
            return COUNT >= 8
                    && COUNT <= 16
                    && block % RowLoops.CODES == 0
                    && Integer.bitCount(block) == 1
                    && width % block == 0;
        }

        /// Elements of a tile for a row.
        int padded() {
            return isSpread() ? Math.ceilDiv(width, RowLoops.RUN) * RowLoops.RUN : Tile.padded(width);
        }

        /// A row of activations, or of this, as the loops want it.
        float[] ordered(float[] row) {
            return isSpread() ? RowLoops.spread(row, width) : Arrays.copyOf(row, padded());
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
        this.tile = new float[matrix.padded()];
        this.words = RowLoops.blockOfWord(matrix.block);
        this.scales = new float[Tile.padded(Math.max(SCALES_AT_ONCE, matrix.width / matrix.block + 2)) + COUNT];
    }

    /// Row `row` times one row of activations, padded with zeros as rows are.
    float dot(long row, float[] x) {
        if (!mayReadBehind(row)) {
            read(row, tile);
            return RowLoops.dot(tile, x, tile.length);
        }
        return RowLoops.dotBlocks(codes(row), matrix.values, scales, scales(row), blockBits(), words, x, matrix.width);
    }

    /// Row `row` in float32, in the order activations are in.
    void read(long row, float[] target) {
        if (mayReadBehind(row)) {
            RowLoops.readBlocks(
                    codes(row), matrix.values, scales, scales(row), blockBits(), words, target, matrix.width);
            return;
        }
        long first = row * matrix.width;
        long firstBlock = first / matrix.block;
        int at = scales(firstBlock, (first + matrix.width - 1) / matrix.block);
        float[] plain = new float[matrix.width];
        for (int i = 0; i < matrix.width; i++) {
            int both = Tile.MEMORY.get(ValueLayout.JAVA_BYTE, matrix.codes + (first + i) / 2) & 0xff;
            int code = (first + i) % 2 == 0 ? both >> 4 : both & 15;
            plain[i] = matrix.values[code] * scales[at + (int) ((first + i) / matrix.block - firstBlock)];
        }
        float[] ordered = matrix.ordered(plain);
        System.arraycopy(ordered, 0, target, 0, ordered.length);
    }

    /// Whether the loops can take a row: its last run may reach into later rows, but not beyond the codes.
    private boolean mayReadBehind(long row) {
        return matrix.isSpread() && row * matrix.width + matrix.padded() <= matrix.rows * matrix.width;
    }

    private long codes(long row) {
        return matrix.codes + row * matrix.width / 2;
    }

    private int blockBits() {
        return Integer.numberOfTrailingZeros(matrix.block);
    }

    private int scales(long row) {
        int blocks = matrix.width / matrix.block;
        return scales(row * blocks, row * blocks + blocks - 1);
    }

    /// Where the scales of these blocks lie in `scales`, unpacked if they were not.
    private int scales(long firstBlock, long lastBlock) {
        if (firstBlock < firstScale || lastBlock >= firstScale + scalesRead) {
            firstScale = firstBlock;
            scalesRead = (int) Math.min(scales.length - COUNT, matrix.blocks() - firstBlock);
            matrix.readScales(firstScale, scalesRead, scales);
        }
        return (int) (firstBlock - firstScale);
    }
}
