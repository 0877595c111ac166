package dev.graft.kernel;

import static dev.graft.kernel.Arguments.address;
import static dev.graft.kernel.Arguments.isHalf;

import dev.graft.kernel.Kernels.Ranges;
import dev.graft.kernel.Kernels.Scoring;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/// Products of few rows over libtorch's memory with the Vector API, on all threads libtorch uses. The
/// loops are in [RowLoops].
enum VectorRowProducts implements RowProducts {
    INSTANCE;

    private static final int TOGETHER = 4;

    /// The rows of a matrix, for one thread.
    interface Rows {
        /// Most rows that [#dot] takes one after another.
        default int atOnce() {
            return 1;
        }

        /// Rows `row … row+count-1` times one row of activations, which is padded with zeros, and as many at
        /// `row + apart`, `row + 2·apart` and `row + 3·apart`.
        ///
        /// @param sums the four first rows, the four second ones, …
        void dot(long row, long apart, int count, float[] x, float[] sums);

        /// Row `row` in float32, in the order activations are in.
        void read(long row, float[] tile);
    }

    /// A matrix to multiply by.
    ///
    /// @param out    its rows
    /// @param quick  how many of them, from the first, [Rows#dot] can take
    /// @param padded length of tiles for its rows
    /// @param rows   makes what one thread needs
    private record Matrix(long out, long quick, int padded, Supplier<Rows> rows) {}

    @Override
    public Tensor blocks(Tensor x, Tensor codes, Codebook book, int block, Scales scales, long out) {
        Arguments.blocks(x, codes, book, block, scales, out);
        int width = (int) x.size(1);
        BlockRows.Matrix blocks =
                new BlockRows.Matrix(address(codes), book.values(), block, out, width, ScaleReader.of(scales));
        Matrix matrix = new Matrix(out, blocks.quickRows(), blocks.padded(), () -> new BlockRows(blocks));
        return product(activations(x, blocks::ordered), matrix, x.dtype());
    }

    @Override
    public Tensor bytes(Tensor x, Tensor codes) {
        Arguments.bytes(x, codes);
        int width = (int) x.size(1);
        long out = codes.size(0);
        long bytes = address(codes);
        boolean whole = x.dtype() == DType.I8;
        Matrix matrix = new Matrix(out, out, Tile.padded(width), () -> new Rows() {
            private final float[] lanes = RowLoops.lanes();

            @Override
            public void dot(long row, long apart, int count, float[] x, float[] sums) {
                RowLoops.dotBytes(bytes + row * width, apart * width, x, width, whole, lanes, sums);
            }

            @Override
            public void read(long row, float[] tile) {
                RowLoops.readBytes(bytes + row * width, tile, width);
            }
        });
        float[][] activations = activations(whole ? x.to(DType.F32) : x, row -> row);
        return whole ? oneByOne(activations, matrix, DType.F32) : product(activations, matrix, DType.F32);
    }

    @Override
    public Tensor halves(Tensor x, Tensor matrix) {
        Arguments.halves(x, matrix);
        int width = (int) x.size(1);
        long out = matrix.size(0);
        long halves = address(matrix);
        return product(
                activations(x, row -> row),
                new Matrix(out, out, Tile.padded(width), () -> new Rows() {
                    private final float[] lanes = RowLoops.lanes();

                    @Override
                    public void dot(long row, long apart, int count, float[] x, float[] sums) {
                        long first = halves + 2 * row * width;
                        RowLoops.dotNumbers(first, 2 * apart * width, true, x, width, lanes, sums);
                    }

                    @Override
                    public void read(long row, float[] tile) {
                        Tile.read(halves + 2 * row * width, true, tile, 0, width);
                    }
                }),
                x.dtype());
    }

    @Override
    public Tensor attention(Tensor q, Tensor k, Tensor v, Ranges ranges, Scoring scoring) {
        Arguments.attention(q, k, v, ranges);
        Tensor y = Tensor.empty(q.dtype(), Device.cpu(), q.size(1), q.size(0) * q.size(2));
        RowAttention work = new RowAttention(q, k, v, ranges, scoring, y);
        Parallel.rows(q.size(0) * q.size(1), 2 * work.longest() * q.size(2), work::rows);
        return y;
    }

    /// Rows of `x` as padded tiles.
    private static float[][] activations(Tensor x, UnaryOperator<float[]> order) {
        boolean half = isHalf("x", x);
        int width = (int) x.size(1);
        float[][] tiles = new float[(int) x.size(0)][];
        for (int r = 0; r < tiles.length; r++) {
            float[] tile = Tile.of(width);
            Tile.read(Tile.at(address(x), (long) r * width, half), half, tile, 0, width);
            tiles[r] = order.apply(tile);
        }
        return tiles;
    }

    /// Unpacks each row of the matrix once when there are several of activations.
    private static Tensor product(float[][] x, Matrix matrix, DType type) {
        if (x.length <= 1) {
            return oneByOne(x, matrix, type);
        }
        Tensor y = Tensor.empty(type, Device.cpu(), x.length, matrix.out);
        boolean half = isHalf("y", y);
        long ys = address(y);
        Parallel.rowsOfThreads(matrix.out, matrix.padded, () -> {
            Rows rows = matrix.rows.get();
            float[] tile = new float[matrix.padded];
            float[] lanes = RowLoops.lanes();
            float[] sums = new float[x.length];
            return (from, to) -> {
                for (long row = from; row < to; row++) {
                    rows.read(row, tile);
                    int r = 0;
                    for (; r + 4 <= x.length; r += 4) {
                        RowLoops.dotFour(tile, x, r, matrix.padded, lanes, sums);
                    }
                    for (; r < x.length; r++) {
                        sums[r] = RowLoops.dot(tile, x[r], matrix.padded, lanes);
                    }
                    for (int i = 0; i < x.length; i++) {
                        Tile.put(sums[i], Tile.at(ys, i * matrix.out + row, half), half);
                    }
                }
            };
        });
        return y;
    }

    /// `[rows of x, out]`
    private static Tensor oneByOne(float[][] x, Matrix matrix, DType type) {
        Tensor y = Tensor.empty(type, Device.cpu(), x.length, matrix.out);
        boolean half = isHalf("y", y);
        long ys = address(y);
        Parallel.rowsOfThreads(matrix.out, matrix.padded, () -> new OneByOne(x, matrix, ys, half));
        return y;
    }

    /// The rows one thread takes: four at a time, each from its own quarter.
    private static final class OneByOne implements Parallel.Rows {
        private final float[][] x;
        private final Matrix matrix;
        private final Rows rows;
        private final long ys;
        private final boolean half;
        private final int atOnce;
        private final float[] sums;

        OneByOne(float[][] x, Matrix matrix, long ys, boolean half) {
            this.x = x;
            this.matrix = matrix;
            this.rows = matrix.rows.get();
            this.ys = ys;
            this.half = half;
            this.atOnce = rows.atOnce();
            this.sums = new float[TOGETHER * atOnce];
        }

        @Override
        public void work(long from, long to) {
            long quick = Math.max(from, Math.min(to, matrix.quick));
            long apart = (quick - from) / TOGETHER;
            for (long row = from; row < from + apart; row += atOnce) {
                dot(row, apart, (int) Math.min(atOnce, from + apart - row), TOGETHER);
            }
            for (long row = from + TOGETHER * apart; row < quick; row++) {
                dot(row, 0, 1, 1);
            }
            if (quick < to) {
                workOnTiles(quick, to);
            }
        }

        private void workOnTiles(long from, long to) {
            float[] tile = new float[matrix.padded];
            float[] lanes = RowLoops.lanes();
            for (long row = from; row < to; row++) {
                rows.read(row, tile);
                for (int i = 0; i < x.length; i++) {
                    put(RowLoops.dot(tile, x[i], matrix.padded, lanes), i, row);
                }
            }
        }

        private void dot(long row, long apart, int count, int places) {
            for (int i = 0; i < x.length; i++) {
                rows.dot(row, apart, count, x[i], sums);
                for (int g = 0; g < count; g++) {
                    for (int r = 0; r < places; r++) {
                        put(sums[TOGETHER * g + r], i, row + g + r * apart);
                    }
                }
            }
        }

        private void put(float sum, int i, long row) {
            Tile.put(sum, Tile.at(ys, i * matrix.out + row, half), half);
        }
    }
}
