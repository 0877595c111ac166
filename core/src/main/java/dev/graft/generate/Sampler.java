package dev.graft.generate;

import dev.graft.tensor.DType;
import dev.graft.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;

/// Chooses the next token from logits: temperature, then top-k, then top-p, then one draw; in the order
/// and with the rules of Transformers. Of equal tokens the lower id goes first.
///
/// Holtzman et al. 2020, <https://arxiv.org/abs/1904.09751>, for top-p ("nucleus") sampling.
public final class Sampler {
    private final GenerationSettings settings;

    public Sampler(GenerationSettings settings) {
        this.settings = settings;
    }

    /// Chooses a token for each row.
    ///
    /// @param logits  `[rows, vocab]`, any floating type
    /// @param randoms one for each row; each gives one number, or none when the choice is greedy
    public int[] pick(Tensor logits, List<? extends RandomGenerator> randoms) {
        int rows = (int) logits.size(0);
        int vocab = (int) logits.size(1);
        if (rows != randoms.size()) {
            throw new IllegalArgumentException(
                    "%d rows of logits and %d random generators; expected as many".formatted(rows, randoms.size()));
        }
        float[] values = settings.isGreedy() ? logits.toFloats() : probabilities(logits);
        int[] picked = new int[rows];
        for (int row = 0; row < rows; row++) {
            float[] one = rows == 1 ? values : Arrays.copyOfRange(values, row * vocab, (row + 1) * vocab);
            picked[row] = settings.isGreedy()
                    ? largest(one)
                    : draw(one, randoms.get(row).nextDouble());
        }
        return picked;
    }

    private float[] probabilities(Tensor logits) {
        return logits.to(DType.F32).mul(1 / settings.temperature()).softmax(1).toFloats();
    }

    /// Where the largest value stands; the first of equals.
    static int largest(float[] logits) {
        int best = 0;
        for (int i = 0; i < logits.length; i++) {
            if (logits[i] > logits[best]) {
                best = i;
            } else if (Float.isNaN(logits[i])) {
                throw notNumbers();
            }
        }
        return best;
    }

    /// Chooses by probabilities among the tokens that top-k and top-p leave.
    ///
    /// @param probabilities of every token, temperature applied
    /// @param uniform       in `[0, 1)`, decides
    int draw(float[] probabilities, double uniform) {
        boolean limited = settings.topK() > 0 && settings.topK() < probabilities.length;
        float least = limited ? kthLargest(probabilities, settings.topK()) : 0;
        double total = 0;
        for (float p : probabilities) {
            total += p >= least ? p : 0;
            if (Float.isNaN(p)) {
                throw notNumbers();
            }
        }
        if (settings.topP() < 1) {
            return drawFromNucleus(probabilities, least, total, uniform);
        }
        double left = uniform * total;
        int last = 0;
        for (int i = 0; i < probabilities.length; i++) {
            if (probabilities[i] >= least && probabilities[i] > 0) {
                last = i;
                left -= probabilities[i];
                if (left < 0) {
                    return i;
                }
            }
        }
        return last; // rounding left a crumb of the sum over
    }

    private int drawFromNucleus(float[] probabilities, float least, double total, double uniform) {
        long[] sorted = candidates(probabilities, least, total);
        double kept = 0;
        int size = 0;
        while (size < sorted.length && (size == 0 || kept < settings.topP() * total)) {
            kept += probabilities[id(sorted[size++])];
        }
        double left = uniform * kept;
        for (int i = 0; i < size - 1; i++) {
            left -= probabilities[id(sorted[i])];
            if (left < 0) {
                return id(sorted[i]);
            }
        }
        return id(sorted[size - 1]);
    }

    /// The tokens that could belong to the nucleus, likeliest first. Tokens of less than `(1 − topP) /
    /// vocab` of the total are not among them: even all together they make up less than what top-p cuts off.
    private long[] candidates(float[] probabilities, float least, double total) {
        double floor = Math.max(least, (1 - settings.topP()) * total / probabilities.length);
        long[] keys = new long[probabilities.length];
        int count = 0;
        for (int i = 0; i < probabilities.length; i++) {
            if (probabilities[i] >= floor) {
                // ascending keys are descending probabilities (positive floats order like their bits), then ids
                keys[count++] = (long) ~Float.floatToIntBits(probabilities[i]) << 32 | i;
            }
        }
        Arrays.sort(keys, 0, count);
        return Arrays.copyOf(keys, count);
    }

    private static int id(long key) {
        return (int) key;
    }

    /// The value of which `k` are as large or larger, by a heap with the smallest of the `k` largest on top.
    private static float kthLargest(float[] values, int k) {
        float[] heap = Arrays.copyOf(values, k);
        Arrays.sort(heap);
        for (int i = k; i < values.length; i++) {
            if (values[i] > heap[0]) {
                replaceTop(heap, values[i]);
            }
        }
        return heap[0];
    }

    private static void replaceTop(float[] heap, float value) {
        int at = 0;
        for (int child = 1; child < heap.length; child = 2 * at + 1) {
            if (child + 1 < heap.length && heap[child + 1] < heap[child]) {
                child++;
            }
            if (heap[child] >= value) {
                break;
            }
            heap[at] = heap[child];
            at = child;
        }
        heap[at] = value;
    }

    private static IllegalStateException notNumbers() {
        return new IllegalStateException(
                "the model's logits hold NaN; its weights are damaged, or too large for the computing type (try float32)");
    }
}
