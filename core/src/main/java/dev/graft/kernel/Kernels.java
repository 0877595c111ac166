package dev.graft.kernel;

import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;

/// The element-wise work of a transformer, fused: each method reads its inputs once and writes its
/// result once.
///
/// Two bodies exist, [PlainKernels] (ATen operations, any device) and [VectorKernels] (the JDK's Vector API
/// over libtorch's memory, CPU only), and both take the same tests. Activations are float32 or bfloat16 and
/// contiguous; arithmetic is float32 inside; results have the type of the first argument unless said
/// otherwise. Methods neither change nor keep their arguments except those named `…InPlace`.
public interface Kernels {
    /// The fastest kernels of a device.
    static Kernels of(Device device) {
        return device.isCpu() && VectorKernels.isAvailable() ? VectorKernels.instance() : PlainKernels.INSTANCE;
    }

    // ---------------------------------------------------------------- normalisation

    /// Root-mean-square normalisation `x / sqrt(mean(x²) + epsilon) · gain`.
    ///
    /// @param x    `[rows, width]`
    /// @param gain `[width]`, any floating type
    Normed rmsNorm(Tensor x, Tensor gain, double epsilon);

    /// @param y       `[rows, width]`
    /// @param inverse `1 / sqrt(mean(x²) + epsilon)`, float32 `[rows]`
    record Normed(Tensor y, Tensor inverse) {}

    /// Gradient of [#rmsNorm] with respect to `x`.
    ///
    /// @param dY      `[rows, width]`
    /// @param inverse as saved by the forward pass
    Tensor rmsNormBackward(Tensor dY, Tensor x, Tensor gain, Tensor inverse);

    /// Gradient of [#rmsNorm] with respect to `gain`: `Σ_rows dY · x · inverse`, float32 `[width]`.
    Tensor rmsNormGainGradient(Tensor dY, Tensor x, Tensor inverse);

    // ---------------------------------------------------------------- gated unit

    /// `silu(gate) · up`, all of one shape.
    Tensor swiGlu(Tensor gate, Tensor up);

    /// Gradients of [#swiGlu].
    Gated swiGluBackward(Tensor dY, Tensor gate, Tensor up);

    /// `gelu(gate) · up` with GELU's approximation by tanh,
    /// `gelu(x) = x · ½ · (1 + tanh(u)) = x · σ(2u)` where `u = √(2/π) · (x + 0.044715 · x³)`.
    Tensor geGlu(Tensor gate, Tensor up);

    /// Gradients of [#geGlu].
    Gated geGluBackward(Tensor dY, Tensor gate, Tensor up);

    record Gated(Tensor dGate, Tensor dUp) {}

    // ---------------------------------------------------------------- rotary positions

    /// Splits `[tokens, heads · headDim]` into heads and turns each by its position ("rotate half": the pair
    /// of element `i < pairs` is `i + pairs`; elements behind them stay), into `[heads, tokens, headDim]`.
    ///
    /// Su et al. 2021, <https://arxiv.org/abs/2104.09864>, in the layout of Hugging Face's Llama.
    ///
    /// @param cos float32 `[tokens, pairs]`, one row a token; `pairs ≤ headDim/2`
    /// @param sin the same
    Tensor rope(Tensor x, int heads, Tensor cos, Tensor sin);

    /// Gradient of [#rope]: turns `[heads, tokens, headDim]` back and joins the heads into `[tokens, heads ·
    /// headDim]`.
    Tensor ropeBackward(Tensor dY, Tensor cos, Tensor sin);

    // ---------------------------------------------------------------- attention

    /// How a product of a query and a key becomes a score: `f(s) = scale · s`, or with a soft cap
    /// `f(s) = softCap · tanh(scale · s / softCap)`, which stays between −softCap and softCap.
    ///
    /// @param softCap 0 for none
    record Scoring(double scale, double softCap) {
        public Scoring {
            if (!(scale > 0) || !(softCap >= 0) || Double.isInfinite(softCap)) {
                throw new IllegalArgumentException(
                        "scale is %s and softCap %s; expected a positive number, and 0 or a positive number"
                                .formatted(scale, softCap));
            }
        }

        public static Scoring scaled(double scale) {
            return new Scoring(scale, 0);
        }

        public boolean isCapped() {
            return softCap > 0;
        }
    }

    /// Softmax over a range of each row, in place: `p = exp(f(s) − logSumExp)` inside the range, 0 outside.
    ///
    /// @param scores `[batch, rows, columns]`; row `r` of every batch entry attends to columns
    ///               `[ranges.first[r % n], ranges.end[r % n])` where `n` is the length of the
    ///               ranges (so that grouped heads stacked along `rows` share them)
    /// @param logSumExp float32 `[batch, rows]`, written: log of the sum of `exp(f(s))` over the range
    void rangeSoftmaxInPlace(Tensor scores, Ranges ranges, Scoring scoring, Tensor logSumExp);

    /// Backward of [#rangeSoftmaxInPlace] from raw scores: `scores` becomes the probabilities
    /// `p = exp(f(s) − logSumExp)` and `dP` becomes `dS = p · (dP − delta) · f′(s)`; both 0 outside the
    /// range.
    ///
    /// @param delta float32 `[batch, rows]`: `Σ_columns p · dP`, which is `Σ dOutput · output`
    void rangeSoftmaxBackwardInPlace(
            Tensor scores, Tensor dP, Ranges ranges, Scoring scoring, Tensor logSumExp, Tensor delta);

    /// For each row of a block, the columns it may see: from `first` up to and without `end`; never empty.
    record Ranges(int[] first, int[] end) {
        public Ranges {
            if (first.length != end.length || first.length == 0) {
                throw new IllegalArgumentException("%d firsts and %d ends; expected the same number, at least one"
                        .formatted(first.length, end.length));
            }
        }

        public int rows() {
            return first.length;
        }

        /// The same without all but the last `count` columns of each row: a sliding window.
        public Ranges last(int count) {
            int[] later = new int[first.length];
            for (int i = 0; i < first.length; i++) {
                later[i] = Math.max(first[i], end[i] - count);
            }
            return new Ranges(later, end);
        }
    }

    /// Row sums of a product, float32: `Σ_j a[i, j] · b[i, j]` for `[…, width]` tensors, shape `[…]`.
    Tensor rowDot(Tensor a, Tensor b);

    // ---------------------------------------------------------------- head

    /// Log-probability of one column of each row.
    ///
    /// @param logits  `[rows, vocab]`
    /// @param targets int64 `[rows]`
    LogProbs logProbs(Tensor logits, Tensor targets);

    /// @param values    float32 `[rows]`: `logits[target] − logSumExp`
    /// @param logSumExp float32 `[rows]`
    record LogProbs(Tensor values, Tensor logSumExp) {}

    /// Turns logits into the gradient of the weighted log-probabilities, in place:
    /// `logits[i, j] ← weights[i] · ((j = targets[i]) − exp(logits[i, j] − logSumExp[i]))`.
    ///
    /// @param weights float32 `[rows]`
    void logProbsBackwardInPlace(Tensor logits, Tensor targets, Tensor logSumExp, Tensor weights);

    // ---------------------------------------------------------------- dropout

    /// Zeroes each element with probability `rate` and scales the rest by `1 / (1 − rate)`. Which elements
    /// depends on `seed` and their index alone, so the backward pass calls it again instead of keeping a
    /// mask.
    ///
    /// @param rate in `[0, 1)`
    Tensor dropout(Tensor x, double rate, long seed);

    // ---------------------------------------------------------------- optimizer

    /// One AdamW step with decoupled weight decay, in place, exactly as PyTorch's: `p ← p·(1 − lr·decay)`,
    /// moments updated with the gradient times `gradientScale`, `p ← p − lr/c1 · m / (sqrt(v)/sqrt(c2) +
    /// epsilon)` with `c = 1 − beta^step`.
    ///
    /// Loshchilov & Hutter 2019, <https://arxiv.org/abs/1711.05101>.
    ///
    /// @param parameter float32, any shape; `gradient`, `m` and `v` alike
    /// @param step      counted from 1
    void adamWInPlace(
            Tensor parameter, Tensor gradient, Tensor m, Tensor v, AdamW settings, long step, double gradientScale);

    record AdamW(double learningRate, double beta1, double beta2, double epsilon, double weightDecay) {}
}
