package dev.graft.kernel;

import static dev.graft.kernel.Arguments.address;
import static dev.graft.kernel.Arguments.isHalf;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/// Products of few rows over libtorch's memory with the Vector API, on all threads libtorch uses. The
/// loops are in [RowLoops].
enum VectorRowProducts implements RowProducts {
    INSTANCE;

    /// The rows of a packed matrix, for one thread.
    private interface Rows {
        /// Row `row` times one row of activations, which is padded with zeros to whole registers.
        float dot(long row, float[] x);

        /// Row `row` in float32, in the order activations are in.
        void read(long row, float[] tile);
    }

    @Override
    public Tensor blocks(Tensor x, Tensor codes, Codebook book, int block, Scales scales, long out) {
        Arguments.blocks(x, codes, book, block, scales, out);
        int width = (int) x.size(1);
        BlockRows.Matrix matrix = new BlockRows.Matrix(address(codes), book.values(), block, out, width, scales);
        return product(activations(x, matrix::ordered), out, matrix.padded(), x.dtype(), () -> {
            BlockRows rows = new BlockRows(matrix);
            return new Rows() {
                @Override
                public float dot(long row, float[] x) {
                    return rows.dot(row, x);
                }

                @Override
                public void read(long row, float[] tile) {
                    rows.read(row, tile);
                }
            };
        });
    }

    @Override
    public Tensor bytes(Tensor x, Tensor codes) {
        Arguments.bytes(x, codes);
        int width = (int) x.size(1);
        long bytes = address(codes);
        boolean whole = x.dtype() == DType.I8;
        float[][] activations = activations(whole ? x.to(DType.F32) : x, row -> row);
        Supplier<Rows> rows = () -> new Rows() {
            @Override
            public float dot(long row, float[] x) {
                return RowLoops.dotBytes(bytes + row * width, x, width, whole);
            }

            @Override
            public void read(long row, float[] tile) {
                RowLoops.readBytes(bytes + row * width, tile, width);
            }
        };
        return whole
                ? oneByOne(activations, codes.size(0), width, rows)
                : product(activations, codes.size(0), Tile.padded(width), DType.F32, rows);
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
    ///
    /// @param padded length of their tiles
    private static Tensor product(float[][] x, long out, int padded, DType type, Supplier<Rows> matrix) {
        if (x.length <= 1) {
            return oneByOne(x, out, padded, matrix).to(type);
        }
        Tensor y = Tensor.empty(type, Device.cpu(), x.length, out);
        boolean half = isHalf("y", y);
        long ys = address(y);
        Parallel.rows(out, padded, (from, to) -> {
            Rows rows = matrix.get();
            float[] tile = new float[padded];
            float[] sums = new float[x.length];
            for (long row = from; row < to; row++) {
                rows.read(row, tile);
                int r = 0;
                for (; r + 4 <= x.length; r += 4) {
                    RowLoops.dotFour(tile, x, r, padded, sums);
                }
                for (; r < x.length; r++) {
                    sums[r] = RowLoops.dot(tile, x[r], padded);
                }
                for (int i = 0; i < x.length; i++) {
                    Tile.put(sums[i], Tile.at(ys, i * out + row, half), half);
                }
            }
        });
        return y;
    }

    /// float32 `[rows of x, out]`
    private static Tensor oneByOne(float[][] x, long out, int width, Supplier<Rows> matrix) {
        Tensor y = Tensor.empty(DType.F32, Device.cpu(), x.length, out);
        long ys = address(y);
        Parallel.rows(out, width, (from, to) -> {
            Rows rows = matrix.get();
            for (long row = from; row < to; row++) {
                for (int i = 0; i < x.length; i++) {
                    Tile.put(rows.dot(row, x[i]), Tile.at(ys, i * out + row, false), false);
                }
            }
        });
        return y;
    }
}
