package dev.graft.kernel;

import static dev.graft.kernel.Arguments.address;
import static dev.graft.kernel.Arguments.columns;
import static dev.graft.kernel.Arguments.floats;
import static dev.graft.kernel.Arguments.isHalf;
import static dev.graft.kernel.Arguments.like;
import static dev.graft.kernel.Arguments.shaped;
import static dev.graft.kernel.Arguments.width;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/// The kernels over libtorch's memory with the JDK's Vector API, on all threads libtorch uses.
///
/// This class compares shapes and types ([Arguments]) and deals out rows; the loops are in [Loops], over what
/// [Tile] read. It must not mention vector types itself: without the module `jdk.incubator.vector` it still
/// has to load and say so.
final class VectorKernels implements Kernels {
    private static final VectorKernels INSTANCE = new VectorKernels();

    private VectorKernels() {}

    /// Whether this JVM was started with `--add-modules jdk.incubator.vector`.
    static boolean isAvailable() {
        return ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
    }

    static Kernels instance() {
        return INSTANCE;
    }

    // ---------------------------------------------------------------- normalisation

    @Override
    public Normed rmsNorm(Tensor x, Tensor gain, double epsilon) {
        boolean half = isHalf("x", x);
        long rows = x.size(0);
        int width = width("x", x, 2);
        float[] g = floats("gain", gain, width);
        try (Scope scope = Scope.open()) {
            Tensor y = like(x);
            Tensor inverse = Tensor.empty(DType.F32, Device.cpu(), rows);
            long xs = address(x);
            long ys = address(y);
            long inverses = address(inverse);
            Parallel.rows(rows, width, (from, to) -> {
                float[] row = Tile.of(width);
                for (long r = from; r < to; r++) {
                    Tile.read(Tile.at(xs, r * width, half), half, row, 0, width);
                    float root = (float) (1 / Math.sqrt(Loops.squares(row, row.length) / width + epsilon));
                    Loops.multiply(row, root, g, row.length);
                    Tile.write(row, 0, Tile.at(ys, r * width, half), half, width);
                    Tile.put(root, Tile.at(inverses, r, false), false);
                }
            });
            return new Normed(scope.keep(y), scope.keep(inverse));
        }
    }

    @Override
    public Tensor rmsNormBackward(Tensor dY, Tensor x, Tensor gain, Tensor inverse) {
        boolean half = isHalf("dY", dY);
        long rows = dY.size(0);
        int width = width("dY", dY, 2);
        shaped("x", x, dY.dtype(), rows, width);
        shaped("inverse", inverse, DType.F32, rows);
        float[] g = floats("gain", gain, width);
        Tensor dX = like(dY);
        long dYs = address(dY);
        long xs = address(x);
        long inverses = address(inverse);
        long dXs = address(dX);
        Parallel.rows(rows, width, (from, to) -> {
            float[] dRow = Tile.of(width);
            float[] row = Tile.of(width);
            for (long r = from; r < to; r++) {
                long offset = Tile.at(0, r * width, half);
                Tile.read(dYs + offset, half, dRow, 0, width);
                Tile.read(xs + offset, half, row, 0, width);
                float root = Tile.get(Tile.at(inverses, r, false), false);
                float along = Loops.gainedDot(dRow, g, row, row.length) / width;
                Loops.combine(dRow, root, row, -root * root * root * along, row.length);
                Tile.write(dRow, 0, dXs + offset, half, width);
            }
        });
        return dX;
    }

    @Override
    public Tensor rmsNormGainGradient(Tensor dY, Tensor x, Tensor inverse) {
        boolean half = isHalf("dY", dY);
        long rows = dY.size(0);
        int width = width("dY", dY, 2);
        shaped("x", x, dY.dtype(), rows, width);
        shaped("inverse", inverse, DType.F32, rows);
        Tensor sums = Tensor.zeros(DType.F32, Device.cpu(), width);
        long dYs = address(dY);
        long xs = address(x);
        long inverses = address(inverse);
        long s = address(sums);
        // Strips of columns, each summed over all rows in order: the sums do not depend on the number of threads.
        int strip = 256;
        Parallel.rows((width + strip - 1) / strip, rows * strip, (from, to) -> {
            long first = from * strip;
            int n = (int) (Math.min(to * strip, width) - first);
            float[] total = Tile.of(n);
            float[] dPart = Tile.of(n);
            float[] part = Tile.of(n);
            for (long r = 0; r < rows; r++) {
                long offset = Tile.at(0, r * width + first, half);
                Tile.read(dYs + offset, half, dPart, 0, n);
                Tile.read(xs + offset, half, part, 0, n);
                Loops.addProduct(total, dPart, part, Tile.get(Tile.at(inverses, r, false), false), total.length);
            }
            Tile.write(total, 0, Tile.at(s, first, false), false, n);
        });
        return sums;
    }

    // ---------------------------------------------------------------- gated unit

    @Override
    public Tensor swiGlu(Tensor gate, Tensor up) {
        return VectorGates.gated(gate, up, Loops::sigmoid);
    }

    @Override
    public Gated swiGluBackward(Tensor dY, Tensor gate, Tensor up) {
        return VectorGates.gatedBackward(dY, gate, up, (gates, sigmoids, slopes, n) -> {
            Loops.sigmoid(gates, sigmoids, n);
            Arrays.fill(slopes, 0, n, 1);
        });
    }

    @Override
    public Tensor geGlu(Tensor gate, Tensor up) {
        return VectorGates.gated(gate, up, (gates, sigmoids, n) -> {
            Loops.insideGelu(gates, sigmoids, n);
            Loops.sigmoid(sigmoids, sigmoids, n);
        });
    }

    @Override
    public Gated geGluBackward(Tensor dY, Tensor gate, Tensor up) {
        return VectorGates.gatedBackward(dY, gate, up, (gates, sigmoids, slopes, n) -> {
            Loops.insideGelu(gates, sigmoids, n);
            Loops.sigmoid(sigmoids, sigmoids, n);
            Loops.insideGeluSlope(gates, slopes, n);
        });
    }

    // ---------------------------------------------------------------- rotary positions

    @Override
    public Tensor rope(Tensor x, int heads, Tensor cos, Tensor sin) {
        boolean half = isHalf("x", x);
        long tokens = x.size(0);
        int width = width("x", x, 2);
        if (heads < 1 || width % heads != 0) {
            throw new IllegalArgumentException("x is %s; %d heads do not fit in it".formatted(x, heads));
        }
        int headDim = width / heads;
        int pairs = pairs(cos, headDim);
        Tensor y = Tensor.empty(x.dtype(), Device.cpu(), heads, tokens, headDim);
        long xs = address(x);
        long ys = address(y);
        long c = address(shaped("cos", cos, DType.F32, tokens, pairs));
        long s = address(shaped("sin", sin, DType.F32, tokens, pairs));
        Parallel.rows(tokens, width, (from, to) -> {
            float[] row = Tile.of(width);
            float[] cosines = Tile.of(pairs);
            float[] sines = Tile.of(pairs);
            for (long t = from; t < to; t++) {
                Tile.read(Tile.at(c, t * pairs, false), false, cosines, 0, pairs);
                Tile.read(Tile.at(s, t * pairs, false), false, sines, 0, pairs);
                Tile.read(Tile.at(xs, t * width, half), half, row, 0, width);
                for (int head = 0; head < heads; head++) {
                    Loops.turn(row, head * headDim, cosines, sines, pairs);
                    Tile.write(row, head * headDim, Tile.at(ys, (head * tokens + t) * headDim, half), half, headDim);
                }
            }
        });
        return y;
    }

    @Override
    public Tensor ropeBackward(Tensor dY, Tensor cos, Tensor sin) {
        boolean half = isHalf("dY", dY);
        int headDim = width("dY", dY, 3);
        int heads = Math.toIntExact(dY.size(0));
        long tokens = dY.size(1);
        int width = heads * headDim;
        int pairs = pairs(cos, headDim);
        Tensor dX = Tensor.empty(dY.dtype(), Device.cpu(), tokens, width);
        long dYs = address(dY);
        long dXs = address(dX);
        long c = address(shaped("cos", cos, DType.F32, tokens, pairs));
        long s = address(shaped("sin", sin, DType.F32, tokens, pairs));
        Parallel.rows(tokens, width, (from, to) -> {
            float[] row = Tile.of(width);
            float[] cosines = Tile.of(pairs);
            float[] sines = Tile.of(pairs);
            for (long t = from; t < to; t++) {
                Tile.read(Tile.at(c, t * pairs, false), false, cosines, 0, pairs);
                Tile.read(Tile.at(s, t * pairs, false), false, sines, 0, pairs);
                Loops.multiply(sines, -1, sines.length);
                for (int head = 0; head < heads; head++) {
                    Tile.read(Tile.at(dYs, (head * tokens + t) * headDim, half), half, row, head * headDim, headDim);
                    Loops.turn(row, head * headDim, cosines, sines, pairs);
                }
                Tile.write(row, 0, Tile.at(dXs, t * width, half), half, width);
            }
        });
        return dX;
    }

    private static int pairs(Tensor cos, int headDim) {
        int pairs = width("cos", cos, 2);
        if (2L * pairs > headDim) {
            throw new IllegalArgumentException(
                    "cos is %s; expected at most %d pairs for heads of width %d".formatted(cos, headDim / 2, headDim));
        }
        return pairs;
    }

    // ---------------------------------------------------------------- attention

    @Override
    public void rangeSoftmaxInPlace(Tensor scores, Ranges ranges, Scoring scoring, Tensor logSumExp) {
        VectorSoftmax.forward(scores, ranges, scoring, logSumExp);
    }

    @Override
    public void rangeSoftmaxBackwardInPlace(
            Tensor scores, Tensor dP, Ranges ranges, Scoring scoring, Tensor logSumExp, Tensor delta) {
        VectorSoftmax.backward(scores, dP, ranges, scoring, logSumExp, delta);
    }

    @Override
    public Tensor rowDot(Tensor a, Tensor b) {
        boolean half = isHalf("a", a);
        shaped("b", b, a.dtype(), a.shape());
        int width = Math.toIntExact(a.size(-1));
        long rows = width == 0 ? 0 : a.elements() / width;
        Tensor sums = Tensor.zeros(DType.F32, Device.cpu(), Arrays.copyOf(a.shape(), a.dims() - 1));
        long as = address(a);
        long bs = address(b);
        long s = address(sums);
        int rowsInTile = Math.max(1, Tile.LENGTH / Math.max(1, width));
        Parallel.rows(rows, width, (from, to) -> {
            float[] left = Tile.of(rowsInTile * width);
            float[] right = Tile.of(rowsInTile * width);
            for (long r = from; r < to; r += rowsInTile) {
                int count = (int) Math.min(rowsInTile, to - r);
                long offset = Tile.at(0, r * width, half);
                Tile.read(as + offset, half, left, 0, count * width);
                Tile.read(bs + offset, half, right, 0, count * width);
                Loops.multiply(left, right, Tile.padded(count * width));
                for (int i = 0; i < count; i++) {
                    Tile.put(Loops.sum(left, i * width, width), Tile.at(s, r + i, false), false);
                }
            }
        });
        return sums;
    }

    // ---------------------------------------------------------------- head

    @Override
    public LogProbs logProbs(Tensor logits, Tensor targets) {
        boolean half = isHalf("logits", logits);
        long rows = logits.size(0);
        int vocab = width("logits", logits, 2);
        MemorySegment columns = columns(targets, rows, vocab);
        LogProbs result =
                new LogProbs(Tensor.empty(DType.F32, Device.cpu(), rows), Tensor.empty(DType.F32, Device.cpu(), rows));
        long l = address(logits);
        long values = address(result.values());
        long sums = address(result.logSumExp());
        Parallel.rows(rows, vocab, (from, to) -> {
            float[] tile = Tile.of(Tile.LENGTH);
            for (long r = from; r < to; r++) {
                long row = Tile.at(l, r * vocab, half);
                long target = Tile.at(row, columns.getAtIndex(ValueLayout.JAVA_LONG, r), half);
                float sum = Loops.logSumExp(row, vocab, half, tile);
                Tile.put(Tile.get(target, half) - sum, Tile.at(values, r, false), false);
                Tile.put(sum, Tile.at(sums, r, false), false);
            }
        });
        return result;
    }

    @Override
    public void logProbsBackwardInPlace(Tensor logits, Tensor targets, Tensor logSumExp, Tensor weights) {
        boolean half = isHalf("logits", logits);
        long rows = logits.size(0);
        int vocab = width("logits", logits, 2);
        MemorySegment columns = columns(targets, rows, vocab);
        long l = address(logits);
        long sums = address(shaped("logSumExp", logSumExp, DType.F32, rows));
        long w = address(shaped("weights", weights, DType.F32, rows));
        Parallel.rows(rows, vocab, (from, to) -> {
            float[] tile = Tile.of(Tile.LENGTH);
            for (long r = from; r < to; r++) {
                long row = Tile.at(l, r * vocab, half);
                long target = Tile.at(row, columns.getAtIndex(ValueLayout.JAVA_LONG, r), half);
                float sum = Tile.get(Tile.at(sums, r, false), false);
                float weight = Tile.get(Tile.at(w, r, false), false);
                float missing = (float) -Math.expm1(Tile.get(target, half) - sum); // 1 − p
                for (int i = 0; i < vocab; i += Tile.LENGTH) {
                    int n = Math.min(Tile.LENGTH, vocab - i);
                    Tile.read(Tile.at(row, i, half), half, tile, 0, n);
                    Loops.expSum(tile, Tile.padded(n), 1, sum);
                    Loops.multiply(tile, -weight, Tile.padded(n));
                    Tile.write(tile, 0, Tile.at(row, i, half), half, n);
                }
                Tile.put(weight * missing, target, half);
            }
        });
    }

    // ---------------------------------------------------------------- dropout

    @Override
    public Tensor dropout(Tensor x, double rate, long seed) {
        boolean half = isHalf("x", x);
        DropoutMask mask = DropoutMask.of(rate, seed);
        Tensor y = like(x);
        long xs = address(x);
        long ys = address(y);
        float scale = mask.scale();
        Parallel.elements(x.elements(), (from, to) -> {
            float[] tile = Tile.of(Tile.LENGTH);
            for (long i = from; i < to; i += Tile.LENGTH) {
                int n = (int) Math.min(Tile.LENGTH, to - i);
                Tile.read(Tile.at(xs, i, half), half, tile, 0, n);
                Loops.dropout(tile, (int) i, mask, scale, Tile.padded(n));
                Tile.write(tile, 0, Tile.at(ys, i, half), half, n);
            }
        });
        return y;
    }

    // ---------------------------------------------------------------- optimizer

    @Override
    public void adamWInPlace(
            Tensor parameter, Tensor gradient, Tensor m, Tensor v, AdamW settings, long step, double gradientScale) {
        long[] shape = parameter.shape();
        long p = address(shaped("parameter", parameter, DType.F32, shape));
        long g = address(shaped("gradient", gradient, DType.F32, shape));
        long ms = address(shaped("m", m, DType.F32, shape));
        long vs = address(shaped("v", v, DType.F32, shape));
        Loops.AdamWStep numbers = new Loops.AdamWStep(
                (float) gradientScale,
                (float) (1 - settings.learningRate() * settings.weightDecay()),
                (float) (1 - settings.beta1()),
                (float) settings.beta2(),
                (float) (1 - settings.beta2()),
                (float) (1 / Math.sqrt(1 - Math.pow(settings.beta2(), step))),
                (float) settings.epsilon(),
                (float) (settings.learningRate() / (1 - Math.pow(settings.beta1(), step))));
        Parallel.elements(parameter.elements(), (from, to) -> {
            long offset = Tile.at(0, from, false);
            Loops.adamW(p + offset, g + offset, ms + offset, vs + offset, (int) (to - from), numbers);
        });
    }
}
