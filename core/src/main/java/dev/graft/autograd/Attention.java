package dev.graft.autograd;

import dev.graft.kernel.Kernels;
import dev.graft.kernel.Kernels.Ranges;
import dev.graft.kernel.Kernels.Scoring;
import dev.graft.kernel.RowProducts;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Softmax attention of each query over its own range of keys, in blocks of queries: the scores of one block
/// exist at a time, the columns no query of a block may see are never computed, and the backward pass
/// computes probabilities again from the saved log-sum of each row instead of keeping them.
///
/// Ranges express causality, document boundaries in a packed batch, sliding windows and a cache of earlier
/// keys alike. Dao et al. 2022, <https://arxiv.org/abs/2205.14135>, for recomputing by blocks; ours are
/// blocks of whole rows.
public final class Attention {
    private final Tape tape;
    private final Value q;
    private final Value k;
    private final Value v;
    private final Scoring scoring;
    private final int heads;
    private final int keyHeads;
    private final int headDim;
    private final int tokens;
    private final List<Block> blocks;

    /// Queries `[start, start + ranges.rows())` over keys `[low, high)`; ranges count from `low`.
    private record Block(int start, int low, int high, Ranges ranges) {
        int rows() {
            return ranges.rows();
        }
    }

    private Attention(Tape tape, Value q, Value k, Value v, Ranges ranges, Scoring scoring) {
        this.tape = tape;
        this.q = q;
        this.k = k;
        this.v = v;
        this.scoring = scoring;
        this.heads = (int) q.data().size(0);
        this.tokens = (int) q.data().size(1);
        this.headDim = (int) q.data().size(2);
        this.keyHeads = (int) k.data().size(0);
        if (ranges.rows() != tokens || heads % keyHeads != 0) {
            throw new IllegalArgumentException("%d queries of %d heads with %d ranges over %d key heads"
                    .formatted(tokens, heads, ranges.rows(), keyHeads));
        }
        this.blocks = blocks(ranges, k.data().size(1));
    }

    /// @param q       `[heads, tokens, headDim]`
    /// @param k       `[keyHeads, keys, headDim]`, each shared by `heads / keyHeads` query heads
    /// @param v       the same
    /// @param ranges  for each query the keys it may see
    /// @param scoring scale, usually `1 / √headDim`, and soft cap
    /// @return        `[tokens, heads · headDim]`
    public static Value apply(Tape tape, Value q, Value k, Value v, Ranges ranges, Scoring scoring) {
        Attention attention = new Attention(tape, q, k, v, ranges, scoring);
        return attention.isDecoding() ? attention.decode(ranges) : attention.run();
    }

    /// Whether there is no way back and so few queries that each had best go over its keys by itself.
    private boolean isDecoding() {
        return !tape.isRecording()
                && tokens <= RowProducts.MOST_ROWS
                && RowProducts.areFast(q.data().device());
    }

    private Value decode(Ranges ranges) {
        return tape.constant(RowProducts.of(q.data().device())
                .attention(
                        q.data().contiguous(), k.data().contiguous(), v.data().contiguous(), ranges, scoring));
    }

    private Value run() {
        boolean wanted = tape.wants(List.of(q, k, v), List.of());
        Tensor output = Tensor.empty(q.data().dtype(), q.data().device(), tokens, (long) heads * headDim);
        List<Tensor> saved = new ArrayList<>(List.of(q.data(), k.data(), v.data(), output));
        for (Block block : blocks) {
            saved.add(Scope.local(() -> runBlock(block, output)));
        }
        return tape.record(wanted, output, saved, dY -> back(dY.contiguous(), output, saved.subList(4, saved.size())));
    }

    /// Fills the rows of a block and gives back the log-sum of each of its rows of scores.
    private Tensor runBlock(Block block, Tensor output) {
        Tensor p = scores(block);
        Tensor logSumExp = Tensor.empty(DType.F32, p.device(), p.size(0), p.size(1));
        tape.kernels().rangeSoftmaxInPlace(p, block.ranges, scoring, logSumExp);
        rowsOf(output, block).copyInPlace(byToken(p.bmm(keys(v, block)), block));
        return logSumExp;
    }

    private void back(Tensor dY, Tensor output, List<Tensor> logSumExps) {
        Gradients gradients = new Gradients(
                q.wantsGradient() ? sum(q, q.data().dtype()) : null,
                k.wantsGradient() ? sum(k, DType.F32) : null,
                v.wantsGradient() ? sum(v, DType.F32) : null);
        for (int i = 0; i < blocks.size(); i++) {
            try (var scope = Scope.open()) {
                backBlock(blocks.get(i), dY, output, logSumExps.get(i), gradients);
            }
        }
        accumulate(q, gradients.dQ);
        accumulate(k, gradients.dK);
        accumulate(v, gradients.dV);
    }

    /// Gradients that blocks add to; `null` where none is wanted.
    private record Gradients(Tensor dQ, Tensor dK, Tensor dV) {}

    private static Tensor sum(Value value, DType type) {
        return Tensor.zeros(type, value.data().device(), value.data().shape());
    }

    private static void accumulate(Value value, Tensor gradient) {
        if (gradient != null) {
            value.accumulate(gradient.to(value.data().dtype()));
        }
    }

    private void backBlock(Block block, Tensor dY, Tensor output, Tensor logSumExp, Gradients gradients) {
        Kernels kernels = tape.kernels();
        Tensor dO = byHead(dY, block);
        Tensor delta = kernels.rowDot(dO, byHead(output, block));
        Tensor queries = queries(block);
        Tensor p = scores(block);
        Tensor dS = dO.bmm(keys(v, block).transpose(1, 2));
        kernels.rangeSoftmaxBackwardInPlace(p, dS, block.ranges, scoring, logSumExp, delta);
        int width = block.high - block.low;
        if (gradients.dV != null) {
            gradients
                    .dV
                    .narrow(1, block.low, width)
                    .addInPlace(p.transpose(1, 2).bmm(dO));
        }
        if (gradients.dK != null) {
            gradients
                    .dK
                    .narrow(1, block.low, width)
                    .addInPlace(dS.transpose(1, 2).bmm(queries));
        }
        if (gradients.dQ != null) {
            Tensor part = dS.bmm(keys(k, block)); // [keyHeads, group · rows, headDim] is [heads, rows, headDim]
            gradients.dQ.narrow(1, block.start, block.rows()).copyInPlace(part.view(heads, block.rows(), headDim));
        }
    }

    /// Raw scores `[keyHeads, group · rows, columns]`.
    private Tensor scores(Block block) {
        return queries(block).bmm(keys(k, block).transpose(1, 2));
    }

    private Tensor queries(Block block) {
        return q.data()
                .narrow(1, block.start, block.rows())
                .reshape(keyHeads, (long) heads / keyHeads * block.rows(), headDim);
    }

    private static Tensor keys(Value keys, Block block) {
        return keys.data().narrow(1, block.low, (long) block.high - block.low);
    }

    /// The rows of a block of `[tokens, heads · headDim]`, as `[rows, heads, headDim]`, sharing memory.
    private Tensor rowsOf(Tensor byToken, Block block) {
        return byToken.narrow(0, block.start, block.rows()).view(block.rows(), heads, headDim);
    }

    /// The rows of a block of `[tokens, heads · headDim]` as `[keyHeads, group · rows, headDim]`.
    private Tensor byHead(Tensor byToken, Block block) {
        return rowsOf(byToken, block)
                .transpose(0, 1)
                .reshape(keyHeads, (long) heads / keyHeads * block.rows(), headDim)
                .contiguous(); // a group of one head is reshaped without a copy
    }

    /// `[keyHeads, group · rows, headDim]` as `[rows, heads, headDim]`.
    private Tensor byToken(Tensor byHead, Block block) {
        return byHead.view(heads, block.rows(), headDim).transpose(0, 1);
    }

    /// How many scores are computed for each head.
    static long scores(Ranges ranges) {
        return blocks(ranges, Integer.MAX_VALUE).stream()
                .mapToLong(block -> (long) block.rows() * (block.high - block.low))
                .sum();
    }

    private static List<Block> blocks(Ranges ranges, long keys) {
        int tokens = ranges.rows();
        int longest = 1;
        for (int i = 0; i < tokens; i++) {
            if (ranges.first()[i] < 0 || ranges.first()[i] >= ranges.end()[i] || ranges.end()[i] > keys) {
                throw new IllegalArgumentException("query %d has the range [%d, %d); there are %d keys"
                        .formatted(i, ranges.first()[i], ranges.end()[i], keys));
            }
            longest = Math.max(longest, ranges.end()[i] - ranges.first()[i]);
        }
        // Short documents get short blocks, so that little of a block lies between documents.
        int size = Math.clamp(Integer.highestOneBit(2 * longest - 1), 64, 256);
        List<Block> result = new ArrayList<>();
        int start = 0;
        while (start < tokens) {
            Block block = block(ranges, start, size);
            result.add(block);
            start += block.rows();
        }
        return result;
    }

    /// Scores worth computing for nothing rather than beginning another block.
    private static final long SCORES_OF_A_BLOCK = 1024;

    /// The block that begins with a query and has at most `size`. It ends early where a query's keys lie
    /// apart from those of the queries before it and computing the scores between would cost more than a
    /// block of its own, as with sequences that decode side by side.
    private static Block block(Ranges ranges, int start, int size) {
        int low = ranges.first()[start];
        int high = ranges.end()[start];
        int end = start + 1;
        for (int last = Math.min(ranges.rows(), start + size); end < last; end++) {
            int first = ranges.first()[end];
            int after = ranges.end()[end];
            int newLow = Math.min(low, first);
            int newHigh = Math.max(high, after);
            long rows = end - start;
            long apart = rows * (high - low) + (after - first);
            long together = (rows + 1) * (newHigh - newLow);
            boolean disjoint = first >= high || after <= low;
            if (disjoint && together - apart > SCORES_OF_A_BLOCK) {
                break;
            }
            low = newLow;
            high = newHigh;
        }
        int from = low;
        int[] firsts =
                Arrays.stream(ranges.first(), start, end).map(i -> i - from).toArray();
        int[] ends = Arrays.stream(ranges.end(), start, end).map(i -> i - from).toArray();
        return new Block(start, low, high, new Ranges(firsts, ends));
    }
}
