package dev.graft.kernel;

import static dev.graft.kernel.Arguments.address;
import static dev.graft.kernel.Arguments.isHalf;

import dev.graft.kernel.QuantLoops.Finder;
import dev.graft.kernel.RowProducts.Scales;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;

/// Packing and unpacking over libtorch's memory with the Vector API, on all threads libtorch uses. The
/// loops are in [QuantLoops]; blocks and rows are worked on whole by one thread, so results do not
/// depend on their number.
enum VectorQuantKernels implements QuantKernels {
    INSTANCE;

    /// Scales that a thread unpacks at a time, with the blocks they are of.
    private static final int SCALES = 512;

    @Override
    public void quantiseBlocks(Tensor x, Codebook book, int block, Tensor codes, Tensor absmax) {
        Arguments.blocks(x, book, block, codes, absmax);
        try (Scope scope = Scope.open()) {
            Tensor numbers = readable(x);
            boolean half = isHalf("x", numbers);
            long xs = address(numbers);
            long bytes = address(codes);
            long scales = address(absmax);
            long elements = x.elements();
            Finder finder = book.bits() == 4 ? Finder.of(book) : null;
            Parallel.rows(absmax.elements(), block, (from, to) -> {
                float[] tile = Tile.of(block);
                int[] found = new int[tile.length];
                for (long b = from; b < to; b++) {
                    int n = (int) Math.min(block, elements - b * block);
                    Tile.read(Tile.at(xs, b * block, half), half, tile, 0, n);
                    Tile.pad(tile, n, 0);
                    float largest = QuantLoops.magnitude(tile, Tile.padded(n));
                    boolean empty = largest < Float.MIN_NORMAL;
                    Tile.put(empty ? 0 : largest, Tile.at(scales, b, false), false);
                    long target = bytes + book.bytes(b * block);
                    if (empty) {
                        Tile.MEMORY.asSlice(target, book.bytes(n)).fill((byte) 0);
                        continue;
                    }
                    Loops.multiply(tile, 1 / largest, Tile.padded(n));
                    if (book.bits() == 4) {
                        QuantLoops.find(tile, found, finder, Tile.padded(n));
                        QuantLoops.pack(found, n, book, target);
                    } else {
                        QuantLoops.search(tile, n, book, target);
                    }
                }
            });
        }
    }

    @Override
    public void dequantiseBlocks(Tensor codes, Scales scales, Codebook book, int block, Tensor y) {
        Arguments.blocks(y, book, block, codes, scales);
        boolean half = isHalf("y", y);
        long bytes = address(codes);
        long ys = address(y);
        long elements = y.elements();
        float[] values = book.values();
        if (book.bits() == 8) {
            long absmax = address(((Scales.Plain) scales).absmax());
            Parallel.rows(Math.ceilDiv(elements, block), block, (from, to) -> {
                long end = Math.min(to * block, elements);
                unpackBytes(bytes, absmax, values, block, from * block, end, ys, half);
            });
            return;
        }
        ScaleReader reader = ScaleReader.of(scales);
        long whole = elements / block;
        Parallel.rows(reader.blocks(), block, (from, to) -> {
            float[] some = Tile.of(SCALES);
            for (long first = from; first < to; first += SCALES) {
                int n = (int) Math.min(SCALES, to - first);
                reader.read(first, n, some, 0);
                int full = (int) Math.min(n, whole - first);
                long source = bytes + book.bytes(first * block);
                QuantLoops.unpack(source, some, values, block, full, Tile.at(ys, first * block, half), half);
                if (n > full) {
                    long rest = bytes + book.bytes(whole * block);
                    int left = (int) (elements - whole * block);
                    QuantLoops.tail(rest, some[full], values, left, Tile.at(ys, whole * block, half), half);
                }
            }
        });
    }

    /// Numbers `from … to-1` of 8-bit codes.
    private static void unpackBytes(
            long codes, long scales, float[] values, int block, long from, long to, long y, boolean half) {
        float[] tile = Tile.of(Tile.LENGTH);
        for (long first = from; first < to; first += Tile.LENGTH) {
            int n = (int) Math.min(Tile.LENGTH, to - first);
            QuantLoops.lookUpBytes(codes, scales, values, block, -0f, first, n, tile, 0); // adding −0 changes nothing
            Tile.write(tile, 0, Tile.at(y, first, half), half, n);
        }
    }

    @Override
    public void quantiseRows(Tensor x, Tensor codes, Tensor absmax) {
        Arguments.rows(x, codes, absmax);
        try (Scope scope = Scope.open()) {
            Tensor numbers = readable(x);
            boolean half = isHalf("x", numbers);
            int width = (int) x.size(1);
            long xs = address(numbers);
            long bytes = address(codes);
            long scales = address(absmax);
            Parallel.rows(x.size(0), width, (from, to) -> {
                float[] row = Tile.of(width);
                for (long r = from; r < to; r++) {
                    Tile.read(Tile.at(xs, r * width, half), half, row, 0, width);
                    float largest = QuantLoops.magnitude(row, row.length);
                    Tile.put(largest, Tile.at(scales, r, false), false);
                    Loops.multiply(row, largest == 0 ? 0 : 1 / largest * 127, row.length);
                    QuantLoops.round(row, width, bytes + r * width);
                }
            });
        }
    }

    @Override
    public void dequantiseRows(Tensor codes, Tensor absmax, Tensor y) {
        Arguments.rows(y, codes, absmax);
        boolean half = isHalf("y", y);
        int width = (int) y.size(1);
        long bytes = address(codes);
        long scales = address(absmax);
        long ys = address(y);
        Parallel.rows(y.size(0), width, (from, to) -> {
            for (long r = from; r < to; r++) {
                float scale = Tile.get(Tile.at(scales, r, false), false);
                long row = Tile.at(ys, r * width, half);
                QuantLoops.scaleBytes(bytes + r * width, width, scale, PER_ROW_STEP, row, half);
            }
        });
    }

    @Override
    public void adamWInPlace(
            Tensor parameter,
            Tensor gradient,
            Moments moments,
            Kernels.AdamW settings,
            long step,
            double gradientScale) {
        Arguments.moments(parameter, gradient, moments);
        MomentsStep numbers = MomentsStep.of(settings, step, gradientScale);
        long p = address(parameter);
        long g = address(gradient);
        long m = address(moments.m());
        long v = address(moments.v());
        long ms = address(moments.mAbsmax());
        long vs = address(moments.vAbsmax());
        long elements = parameter.elements();
        Parallel.rows(moments.mAbsmax().elements(), MOMENTS_BLOCK, (from, to) -> {
            MomentsLoops block = new MomentsLoops(numbers, MOMENTS_BLOCK);
            for (long b = from; b < to; b++) {
                long at = b * MOMENTS_BLOCK;
                int n = (int) Math.min(MOMENTS_BLOCK, elements - at);
                block.step(p + 4 * at, g + 4 * at, m + at, ms + 4 * b, v + at, vs + 4 * b, n);
            }
        });
    }

    /// In a type that tiles read; float16 exactly as float32.
    private static Tensor readable(Tensor x) {
        return x.dtype() == DType.F16 ? x.to(DType.F32) : x;
    }
}
