package dev.graft.kernel;

import static dev.graft.kernel.Lanes.COUNT;

import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/// Rows of a matrix in 4-bit blocks, for one thread: it unpacks the scales of some rows at a time, at each
/// of the four places where rows are read at once.
final class BlockRows implements VectorRowProducts.Rows {
    private static final int FEWEST_SCALES = 64;
    private static final int MOST_SCALES = 512;

    /// Into so many stretches the scales of a small matrix are cut, so that few are unpacked twice.
    private static final int STRETCHES = 32;

    private final Matrix matrix;
    private final int blockBits;
    private final int[] words;

    /// For each of four rows that are read at once: a stretch of `scales`, which of the matrix's scales it
    /// begins with, how many it holds, and where in it the row begins.
    private final float[] scales;

    private final int stretch;
    private final float[] lanes = RowLoops.lanes();
    private final long[] firstScale = new long[4];
    private final int[] scalesRead = new int[4];
    private final int[] at = new int[4];

    /// @param codes  address of the codes
    /// @param values by code
    record Matrix(long codes, float[] values, int block, long rows, int width, ScaleReader scales) {
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

        /// Rows that the loops can take: the last run of a row may reach into later ones, but not beyond the
        /// codes.
        long quickRows() {
            if (!isSpread()) {
                return 0;
            }
            return Math.max(0, Math.floorDiv(rows * width - padded(), width) + 1);
        }
    }

    BlockRows(Matrix matrix) {
        this.matrix = matrix;
        this.blockBits = Integer.numberOfTrailingZeros(matrix.block);
        this.words = RowLoops.blockOfWord(matrix.block);
        int some = Math.clamp(matrix.scales.blocks() / STRETCHES, FEWEST_SCALES, MOST_SCALES);
        this.stretch = Tile.padded(Math.max(some, matrix.width / matrix.block + 2)) + COUNT;
        this.scales = new float[4 * stretch];
    }

    /// As many as their scales have room.
    @Override
    public int atOnce() {
        return Math.max(1, (stretch - COUNT) / Math.max(1, matrix.width >> blockBits));
    }

    /// All rows are below [Matrix#quickRows].
    @Override
    public void dot(long row, long apart, int count, float[] x, float[] sums) {
        int blocks = matrix.width >> blockBits;
        for (int r = 0; r < 4; r++) {
            long first = (row + r * apart) * blocks;
            findScales(r, first, first + (long) count * blocks - 1);
        }
        RowLoops.dotBlocks(
                codes(row),
                apart * matrix.width / 2,
                count,
                matrix.values,
                scales,
                at,
                blockBits,
                words,
                x,
                matrix.width,
                lanes,
                sums);
    }

    @Override
    public void read(long row, float[] target) {
        if (row < matrix.quickRows()) {
            long blocks = matrix.width >> blockBits;
            findScales(0, row * blocks, row * blocks + blocks - 1);
            RowLoops.readBlocks(codes(row), matrix.values, scales, at[0], blockBits, words, target, matrix.width);
            return;
        }
        long first = row * matrix.width;
        long firstBlock = first / matrix.block;
        findScales(0, firstBlock, (first + matrix.width - 1) / matrix.block);
        float[] plain = new float[matrix.width];
        for (int i = 0; i < matrix.width; i++) {
            int both = Tile.MEMORY.get(ValueLayout.JAVA_BYTE, matrix.codes + (first + i) / 2) & 0xff;
            int code = (first + i) % 2 == 0 ? both >> 4 : both & 15;
            plain[i] = matrix.values[code] * scales[at[0] + (int) ((first + i) / matrix.block - firstBlock)];
        }
        float[] ordered = matrix.ordered(plain);
        System.arraycopy(ordered, 0, target, 0, ordered.length);
    }

    private long codes(long row) {
        return matrix.codes + row * matrix.width / 2;
    }

    /// Has the scales of these blocks in the stretch of a place, unpacked if they were not.
    private void findScales(int place, long firstBlock, long lastBlock) {
        int start = place * stretch;
        if (firstBlock < firstScale[place] || lastBlock >= firstScale[place] + scalesRead[place]) {
            firstScale[place] = firstBlock;
            scalesRead[place] = (int) Math.min(stretch - COUNT, matrix.scales.blocks() - firstBlock);
            matrix.scales.read(firstBlock, scalesRead[place], scales, start);
        }
        at[place] = start + (int) (firstBlock - firstScale[place]);
    }
}
