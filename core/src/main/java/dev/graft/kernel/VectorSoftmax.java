package dev.graft.kernel;

import static dev.graft.kernel.Arguments.address;
import static dev.graft.kernel.Arguments.check;
import static dev.graft.kernel.Arguments.isHalf;
import static dev.graft.kernel.Arguments.shaped;
import static dev.graft.kernel.Arguments.width;

import dev.graft.kernel.Kernels.Ranges;
import dev.graft.kernel.Kernels.Scoring;
import dev.graft.tensor.DType;
import dev.graft.tensor.Tensor;

/// Attention's softmax of [VectorKernels].
final class VectorSoftmax {
    private VectorSoftmax() {}

    /// [Kernels#rangeSoftmaxInPlace].
    static void forward(Tensor scores, Ranges ranges, Scoring scoring, Tensor logSumExp) {
        boolean half = isHalf("scores", scores);
        int columns = width("scores", scores, 3);
        long rows = scores.size(1);
        shaped("logSumExp", logSumExp, DType.F32, scores.size(0), rows);
        check(ranges, columns);
        long s = address(scores);
        long sums = address(logSumExp);
        float scale = scoring.isCapped() ? 1 : (float) scoring.scale();
        Parallel.rows(scores.size(0) * rows, columns, (from, to) -> {
            float[] p = Tile.of(columns);
            for (long r = from; r < to; r++) {
                int range = (int) (r % rows % ranges.rows());
                int first = ranges.first()[range];
                int n = ranges.end()[range] - first;
                long row = Tile.at(s, r * columns, half);
                Tile.read(Tile.at(row, first, half), half, p, 0, n);
                if (scoring.isCapped()) {
                    Loops.softCap(p, Tile.padded(n), scoring);
                }
                Tile.pad(p, n, Float.NEGATIVE_INFINITY);
                float largest = scale * Loops.largest(p, Tile.padded(n));
                float sum = Loops.expSum(p, Tile.padded(n), scale, largest);
                Loops.multiply(p, 1 / sum, Tile.padded(n));
                Tile.writeRow(p, row, first, n, columns, half);
                Tile.put((float) (largest + Math.log(sum)), Tile.at(sums, r, false), false);
            }
        });
    }

    /// [Kernels#rangeSoftmaxBackwardInPlace].
    static void backward(Tensor scores, Tensor dP, Ranges ranges, Scoring scoring, Tensor logSumExp, Tensor delta) {
        boolean half = isHalf("scores", scores);
        int columns = width("scores", scores, 3);
        long rows = scores.size(1);
        shaped("dP", dP, scores.dtype(), scores.shape());
        shaped("logSumExp", logSumExp, DType.F32, scores.size(0), rows);
        shaped("delta", delta, DType.F32, scores.size(0), rows);
        check(ranges, columns);
        long s = address(scores);
        long d = address(dP);
        long sums = address(logSumExp);
        long deltas = address(delta);
        float scale = scoring.isCapped() ? 1 : (float) scoring.scale();
        Parallel.rows(scores.size(0) * rows, columns, (from, to) -> {
            float[] p = Tile.of(columns);
            float[] dS = Tile.of(columns);
            float[] slopes = Tile.of(scoring.isCapped() ? columns : 0);
            for (long r = from; r < to; r++) {
                int range = (int) (r % rows % ranges.rows());
                int first = ranges.first()[range];
                int n = ranges.end()[range] - first;
                long before = Tile.at(0, r * columns, half);
                long inside = Tile.at(before, first, half);
                Tile.read(s + inside, half, p, 0, n);
                Tile.read(d + inside, half, dS, 0, n);
                if (scoring.isCapped()) {
                    Loops.softCap(p, Tile.padded(n), scoring);
                    Loops.softCapSlope(p, slopes, Tile.padded(n), scoring);
                }
                Loops.expSum(p, Tile.padded(n), scale, Tile.get(Tile.at(sums, r, false), false));
                float shift = Tile.get(Tile.at(deltas, r, false), false);
                Loops.softmaxBackward(p, dS, shift, (float) scoring.scale(), Tile.padded(n));
                if (scoring.isCapped()) {
                    Loops.multiply(dS, slopes, Tile.padded(n));
                }
                Tile.writeRow(p, s + before, first, n, columns, half);
                Tile.writeRow(dS, d + before, first, n, columns, half);
            }
        });
    }
}
