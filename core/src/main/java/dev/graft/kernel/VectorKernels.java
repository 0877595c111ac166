package dev.graft.kernel;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/// The kernels over libtorch's memory with the JDK's Vector API, on all threads libtorch uses.
///
/// This class compares shapes and types and deals out rows; the loops are in [RowLoops] and [ElementLoops].
/// It must not mention vector types itself: without the module `jdk.incubator.vector` it still has to load
/// and say so.
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
        try (Scope scope = Scope.open()) {
            Tensor gains = shaped("gain", gain, gain.dtype(), width).to(DType.F32);
            Tensor y = like(x);
            Tensor inverse = Tensor.empty(DType.F32, Device.cpu(), rows);
            long xs = address(x);
            long ys = address(y);
            long g = address(gains);
            long inverses = address(inverse);
            Parallel.rows(rows, width, (from, to) -> {
                for (long r = from; r < to; r++) {
                    long row = Lanes.at(xs, r * width, half);
                    float root = (float) (1 / Math.sqrt(RowLoops.dot(row, row, width, half) / width + epsilon));
                    RowLoops.scaled(row, root, g, Lanes.at(ys, r * width, half), width, half);
                    Lanes.put(root, Lanes.at(inverses, r, false), false);
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
        return Scope.local(() -> {
            Tensor gains = shaped("gain", gain, gain.dtype(), width).to(DType.F32);
            Tensor dX = like(dY);
            long dYs = address(dY);
            long xs = address(x);
            long g = address(gains);
            long inverses = address(inverse);
            long dXs = address(dX);
            Parallel.rows(rows, width, (from, to) -> {
                for (long r = from; r < to; r++) {
                    float root = Lanes.get(Lanes.at(inverses, r, false), false);
                    long offset = Lanes.at(0, r * width, half);
                    RowLoops.rmsNormBackward(dYs + offset, xs + offset, g, root, dXs + offset, width, half);
                }
            });
            return dX;
        });
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
        int strip = 128;
        Parallel.rows((width + strip - 1) / strip, rows * strip, (from, to) -> {
            long first = from * strip;
            int n = (int) (Math.min(to * strip, width) - first);
            for (long r = 0; r < rows; r++) {
                long offset = Lanes.at(0, r * width + first, half);
                float root = Lanes.get(Lanes.at(inverses, r, false), false);
                RowLoops.addGainGradient(dYs + offset, xs + offset, root, Lanes.at(s, first, false), n, half);
            }
        });
        return sums;
    }

    // ---------------------------------------------------------------- gated unit

    @Override
    public Tensor swiGlu(Tensor gate, Tensor up) {
        boolean half = isHalf("gate", gate);
        shaped("up", up, gate.dtype(), gate.shape());
        Tensor y = like(gate);
        long g = address(gate);
        long u = address(up);
        long ys = address(y);
        Parallel.elements(gate.elements(), (from, to) -> {
            long offset = Lanes.at(0, from, half);
            ElementLoops.swiGlu(g + offset, u + offset, ys + offset, (int) (to - from), half);
        });
        return y;
    }

    @Override
    public Gated swiGluBackward(Tensor dY, Tensor gate, Tensor up) {
        boolean half = isHalf("dY", dY);
        shaped("gate", gate, dY.dtype(), dY.shape());
        shaped("up", up, dY.dtype(), dY.shape());
        Gated result = new Gated(like(dY), like(dY));
        long d = address(dY);
        long g = address(gate);
        long u = address(up);
        long dG = address(result.dGate());
        long dU = address(result.dUp());
        Parallel.elements(dY.elements(), (from, to) -> {
            long at = Lanes.at(0, from, half);
            ElementLoops.swiGluBackward(d + at, g + at, u + at, dG + at, dU + at, (int) (to - from), half);
        });
        return result;
    }

    // ---------------------------------------------------------------- rotary positions

    @Override
    public Tensor rope(Tensor x, int heads, Tensor cos, Tensor sin) {
        boolean half = isHalf("x", x);
        long tokens = x.size(0);
        int width = width("x", x, 2);
        if (heads < 1 || width % (2L * heads) != 0) {
            throw new IllegalArgumentException(
                    "x is %s; %d heads of an even width do not fit in it".formatted(x, heads));
        }
        int headDim = width / heads;
        Tensor y = Tensor.empty(x.dtype(), Device.cpu(), heads, tokens, headDim);
        long joined = Lanes.at(0, headDim, half);
        turnAll(address(x), joined, address(y), joined * tokens, tokens, heads, headDim, cos, sin, 1, half);
        return y;
    }

    @Override
    public Tensor ropeBackward(Tensor dY, Tensor cos, Tensor sin) {
        boolean half = isHalf("dY", dY);
        int headDim = width("dY", dY, 3);
        int heads = Math.toIntExact(dY.size(0));
        long tokens = dY.size(1);
        if (headDim % 2 != 0) {
            throw new IllegalArgumentException("dY is %s; expected heads of an even width".formatted(dY));
        }
        Tensor dX = Tensor.empty(dY.dtype(), Device.cpu(), tokens, (long) heads * headDim);
        long joined = Lanes.at(0, headDim, half);
        turnAll(address(dY), joined * tokens, address(dX), joined, tokens, heads, headDim, cos, sin, -1, half);
        return dX;
    }

    /// @param stepX bytes from one head of a token to the next in `x`; `stepY` in `y`
    private static void turnAll(
            long x,
            long stepX,
            long y,
            long stepY,
            long tokens,
            int heads,
            int headDim,
            Tensor cos,
            Tensor sin,
            float sign,
            boolean half) {
        int pairs = headDim / 2;
        long c = address(shaped("cos", cos, DType.F32, tokens, pairs));
        long s = address(shaped("sin", sin, DType.F32, tokens, pairs));
        long joined = Lanes.at(0, headDim, half);
        long tokenX = stepX == joined ? joined * heads : joined;
        long tokenY = stepY == joined ? joined * heads : joined;
        Parallel.rows(tokens, (long) heads * headDim, (from, to) -> {
            for (long t = from; t < to; t++) {
                long angles = Lanes.at(0, t * pairs, false);
                ElementLoops.turn(
                        x + t * tokenX, stepX, y + t * tokenY, stepY, heads, pairs, c + angles, s + angles, sign, half);
            }
        });
    }

    // ---------------------------------------------------------------- attention

    @Override
    public void rangeSoftmaxInPlace(Tensor scores, Ranges ranges, double scale, Tensor logSumExp) {
        boolean half = isHalf("scores", scores);
        int columns = width("scores", scores, 3);
        long rows = scores.size(1);
        shaped("logSumExp", logSumExp, DType.F32, scores.size(0), rows);
        check(ranges, columns, scale);
        long s = address(scores);
        long sums = address(logSumExp);
        Parallel.rows(scores.size(0) * rows, columns, (from, to) -> {
            for (long r = from; r < to; r++) {
                int range = (int) (r % rows % ranges.rows());
                int first = ranges.first()[range];
                int end = ranges.end()[range];
                long row = Lanes.at(s, r * columns, half);
                long start = Lanes.at(row, first, half);
                float sum = RowLoops.logSumExp(start, end - first, (float) scale, half);
                RowLoops.clear(row, first, half);
                RowLoops.expInPlace(start, end - first, (float) scale, sum, 1, half);
                RowLoops.clear(Lanes.at(row, end, half), columns - end, half);
                Lanes.put(sum, Lanes.at(sums, r, false), false);
            }
        });
    }

    @Override
    public void rangeSoftmaxBackwardInPlace(
            Tensor scores, Tensor dP, Ranges ranges, double scale, Tensor logSumExp, Tensor delta) {
        boolean half = isHalf("scores", scores);
        int columns = width("scores", scores, 3);
        long rows = scores.size(1);
        shaped("dP", dP, scores.dtype(), scores.shape());
        shaped("logSumExp", logSumExp, DType.F32, scores.size(0), rows);
        shaped("delta", delta, DType.F32, scores.size(0), rows);
        check(ranges, columns, scale);
        long s = address(scores);
        long d = address(dP);
        long sums = address(logSumExp);
        long deltas = address(delta);
        Parallel.rows(scores.size(0) * rows, columns, (from, to) -> {
            for (long r = from; r < to; r++) {
                int range = (int) (r % rows % ranges.rows());
                int first = ranges.first()[range];
                int end = ranges.end()[range];
                long before = Lanes.at(0, r * columns, half);
                long inside = Lanes.at(before, first, half);
                long after = Lanes.at(before, end, half);
                RowLoops.clear(s + before, first, half);
                RowLoops.clear(d + before, first, half);
                float sum = Lanes.get(Lanes.at(sums, r, false), false);
                float shift = Lanes.get(Lanes.at(deltas, r, false), false);
                RowLoops.softmaxBackward(s + inside, d + inside, end - first, (float) scale, sum, shift, half);
                RowLoops.clear(s + after, columns - end, half);
                RowLoops.clear(d + after, columns - end, half);
            }
        });
    }

    private static void check(Ranges ranges, int columns, double scale) {
        for (int i = 0; i < ranges.rows(); i++) {
            int first = ranges.first()[i];
            int end = ranges.end()[i];
            if (first < 0 || first >= end || end > columns) {
                throw new IllegalArgumentException("range %d is [%d, %d); expected columns inside [0, %d), at least one"
                        .formatted(i, first, end, columns));
            }
        }
        if (!(scale > 0)) {
            throw new IllegalArgumentException("scale is %s; expected a positive number".formatted(scale));
        }
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
        Parallel.rows(rows, width, (from, to) -> {
            for (long r = from; r < to; r++) {
                long row = Lanes.at(0, r * width, half);
                Lanes.put(RowLoops.dot(as + row, bs + row, width, half), Lanes.at(s, r, false), false);
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
            for (long r = from; r < to; r++) {
                long row = Lanes.at(l, r * vocab, half);
                long target = Lanes.at(row, columns.getAtIndex(ValueLayout.JAVA_LONG, r), half);
                float sum = RowLoops.logSumExp(row, vocab, 1, half);
                Lanes.put(Lanes.get(target, half) - sum, Lanes.at(values, r, false), false);
                Lanes.put(sum, Lanes.at(sums, r, false), false);
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
            for (long r = from; r < to; r++) {
                long row = Lanes.at(l, r * vocab, half);
                long target = Lanes.at(row, columns.getAtIndex(ValueLayout.JAVA_LONG, r), half);
                float sum = Lanes.get(Lanes.at(sums, r, false), false);
                float weight = Lanes.get(Lanes.at(w, r, false), false);
                float missing = (float) -Math.expm1(Lanes.get(target, half) - sum); // 1 − p
                RowLoops.expInPlace(row, vocab, 1, sum, -weight, half);
                Lanes.put(weight * missing, target, half);
            }
        });
    }

    private static MemorySegment columns(Tensor targets, long rows, int vocab) {
        MemorySegment columns = shaped("targets", targets, DType.I64, rows).memory();
        for (long r = 0; r < rows; r++) {
            long column = columns.getAtIndex(ValueLayout.JAVA_LONG, r);
            if (column < 0 || column >= vocab) {
                throw new IllegalArgumentException(
                        "targets[%d] is %d; expected a column below %d".formatted(r, column, vocab));
            }
        }
        return columns;
    }

    // ---------------------------------------------------------------- dropout

    @Override
    public Tensor dropout(Tensor x, double rate, long seed) {
        boolean half = isHalf("x", x);
        DropoutMask mask = DropoutMask.of(rate, seed);
        Tensor y = like(x);
        long xs = address(x);
        long ys = address(y);
        Parallel.elements(x.elements(), (from, to) -> {
            long offset = Lanes.at(0, from, half);
            ElementLoops.dropout(xs + offset, ys + offset, from, (int) (to - from), mask, half);
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
        ElementLoops.AdamWStep numbers = new ElementLoops.AdamWStep(
                (float) gradientScale,
                (float) (1 - settings.learningRate() * settings.weightDecay()),
                (float) (1 - settings.beta1()),
                (float) settings.beta2(),
                (float) (1 - settings.beta2()),
                (float) (1 / Math.sqrt(1 - Math.pow(settings.beta2(), step))),
                (float) settings.epsilon(),
                (float) (settings.learningRate() / (1 - Math.pow(settings.beta1(), step))));
        Parallel.elements(parameter.elements(), (from, to) -> {
            long offset = Lanes.at(0, from, false);
            ElementLoops.adamW(p + offset, g + offset, ms + offset, vs + offset, (int) (to - from), numbers);
        });
    }

    // ---------------------------------------------------------------- arguments

    /// Whether an argument is bfloat16 rather than float32.
    private static boolean isHalf(String name, Tensor tensor) {
        return switch (tensor.dtype()) {
            case F32 -> false;
            case BF16 -> true;
            default -> throw new IllegalArgumentException("%s is %s; expected F32 or BF16".formatted(name, tensor));
        };
    }

    /// Length of the last dimension of an argument that must have `dims` of them.
    private static int width(String name, Tensor tensor, int dims) {
        if (tensor.dims() != dims || tensor.size(-1) > Integer.MAX_VALUE - Lanes.COUNT) {
            throw new IllegalArgumentException(
                    "%s is %s; expected %d dimensions, the last below 2³¹".formatted(name, tensor, dims));
        }
        return (int) tensor.size(-1);
    }

    private static Tensor shaped(String name, Tensor tensor, DType dtype, long... shape) {
        if (tensor.dtype() != dtype || !Arrays.equals(tensor.shape(), shape)) {
            throw new IllegalArgumentException(
                    "%s is %s; expected %s of %s".formatted(name, tensor, Arrays.toString(shape), dtype));
        }
        return tensor;
    }

    private static Tensor like(Tensor tensor) {
        return Tensor.empty(tensor.dtype(), Device.cpu(), tensor.shape());
    }

    private static long address(Tensor tensor) {
        return tensor.memory().address();
    }
}
