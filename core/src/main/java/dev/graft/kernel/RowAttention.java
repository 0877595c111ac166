package dev.graft.kernel;

import static dev.graft.kernel.Arguments.address;
import static dev.graft.kernel.Arguments.isHalf;

import dev.graft.kernel.Kernels.Ranges;
import dev.graft.kernel.Kernels.Scoring;
import dev.graft.tensor.Tensor;
import java.util.Arrays;

/// Attention of [VectorRowProducts]: each query of each head goes once over its keys and once over its
/// values where they lie, in float32.
final class RowAttention {
    private static final int TOGETHER = 4;

    private final long q;
    private final long k;
    private final long v;
    private final long y;
    private final boolean half;
    private final int heads;
    private final int tokens;
    private final int headDim;
    private final int group;
    private final long slots;
    private final Ranges ranges;
    private final Scoring scoring;
    private final int longest;

    /// @param y `[tokens, heads · headDim]`
    RowAttention(Tensor q, Tensor k, Tensor v, Ranges ranges, Scoring scoring, Tensor y) {
        this.half = isHalf("q", q);
        this.q = address(q);
        this.k = address(k);
        this.v = address(v);
        this.y = address(y);
        this.heads = (int) q.size(0);
        this.tokens = (int) q.size(1);
        this.headDim = (int) q.size(2);
        this.group = heads / (int) k.size(0);
        this.slots = k.size(1);
        this.ranges = ranges;
        this.scoring = scoring;
        int most = 0;
        for (int i = 0; i < tokens; i++) {
            most = Math.max(most, ranges.end()[i] - ranges.first()[i]);
        }
        this.longest = most;
    }

    /// Keys of the query that has most.
    int longest() {
        return longest;
    }

    /// Rows of `q`, head after head.
    void rows(long from, long to) {
        float[] query = Tile.of(headDim);
        float[] scores = Tile.of(longest + TOGETHER);
        float[] sum = Tile.of(headDim);
        float[] lanes = RowLoops.lanes();
        for (long row = from; row < to; row++) {
            int head = (int) (row / tokens);
            int token = (int) (row % tokens);
            int first = ranges.first()[token];
            int n = ranges.end()[token] - first;
            long start = ((long) head / group * slots + first) * headDim;
            Tile.read(Tile.at(q, row * headDim, half), half, query, 0, headDim);
            score(query, Tile.at(k, start, half), n, scores, lanes);
            softmax(scores, n);
            Arrays.fill(sum, 0);
            add(scores, Tile.at(v, start, half), n, sum);
            Tile.write(sum, 0, Tile.at(y, ((long) token * heads + head) * headDim, half), half, headDim);
        }
    }

    private void score(float[] query, long keys, int n, float[] scores, float[] lanes) {
        long one = Tile.at(0, headDim, half);
        float[] sums = new float[TOGETHER];
        int quarter = n / TOGETHER;
        for (int j = 0; j < quarter; j++) {
            RowLoops.dotNumbers(keys + j * one, quarter * one, half, query, headDim, lanes, sums);
            for (int r = 0; r < TOGETHER; r++) {
                scores[j + r * quarter] = sums[r];
            }
        }
        for (int j = TOGETHER * quarter; j < n; j++) {
            RowLoops.dotNumbers(keys + j * one, 0, half, query, headDim, lanes, sums);
            scores[j] = sums[0];
        }
    }

    private void softmax(float[] scores, int n) {
        int padded = Tile.padded(n);
        Tile.pad(scores, n, 0);
        if (scoring.isCapped()) {
            Loops.softCap(scores, padded, scoring);
        }
        Tile.pad(scores, n, Float.NEGATIVE_INFINITY);
        float scale = scoring.isCapped() ? 1 : (float) scoring.scale();
        float sum = Loops.expSum(scores, padded, scale, scale * Loops.largest(scores, padded));
        Loops.multiply(scores, 1 / sum, padded);
    }

    private void add(float[] p, long values, int n, float[] sum) {
        long one = Tile.at(0, headDim, half);
        int j = 0;
        for (; j + TOGETHER <= n; j += TOGETHER) {
            RowLoops.addRows(values + j * one, one, half, p, j, sum, headDim);
        }
        float[] alone = new float[TOGETHER];
        for (; j < n; j++) {
            alone[0] = p[j];
            RowLoops.addRows(values + j * one, 0, half, alone, 0, sum, headDim);
        }
    }
}
