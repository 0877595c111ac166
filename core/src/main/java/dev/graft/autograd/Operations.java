package dev.graft.autograd;

import dev.graft.kernel.Kernels;
import dev.graft.tensor.DType;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.BinaryOperator;

/// The operations of a transformer that are not matrix products.
public final class Operations {
    private Operations() {}

    /// `a + b`, of one shape.
    public static Value add(Tape tape, Value a, Value b) {
        boolean wanted = tape.wants(List.of(a, b), List.of());
        return tape.record(wanted, a.data().add(b.data()), List.of(), dY -> {
            a.accumulate(dY);
            b.accumulate(dY);
        });
    }

    /// `x · factor`.
    public static Value scale(Tape tape, Value x, double factor) {
        boolean wanted = tape.wants(List.of(x), List.of());
        return tape.record(wanted, x.data().mul(factor), List.of(), dY -> x.accumulate(dY.mul(factor)));
    }

    /// Root-mean-square normalisation of each row.
    ///
    /// @param x    `[rows, width]`
    /// @param gain `[width]`
    public static Value rmsNorm(Tape tape, Value x, Weight gain, double epsilon) {
        return rmsNorm(tape, x, gain, epsilon, 0);
    }

    /// Root-mean-square normalisation of each stretch of a row that is as wide as the gain: the row, or
    /// each head in it.
    ///
    /// @param x      `[rows, n · width]`
    /// @param gain   `[width]`
    /// @param offset added to the gain, in float32
    public static Value rmsNorm(Tape tape, Value x, Weight gain, double epsilon, double offset) {
        Kernels kernels = tape.kernels();
        boolean wanted = tape.wants(List.of(x), List.of(gain));
        long[] shape = x.data().shape();
        long width = gain.elements();
        Kernels.Normed normed = kernels.rmsNorm(x.data().view(-1, width), plus(gain, offset), epsilon);
        Tensor inverse = normed.inverse();
        return tape.record(wanted, normed.y().view(shape), List.of(x.data(), inverse), dY -> {
            Tensor stretches = x.data().view(-1, width);
            Tensor d = dY.view(-1, width);
            if (x.wantsGradient()) {
                Tensor dX = kernels.rmsNormBackward(d, stretches, plus(gain, offset), inverse);
                x.accumulate(dX.view(shape));
            }
            if (gain.isTrainable()) {
                gain.accumulate(kernels.rmsNormGainGradient(d, stretches, inverse));
            }
        });
    }

    /// float32 where there is something to add: a gain near zero has digits that one plus it has not.
    private static Tensor plus(Weight gain, double offset) {
        return offset == 0 ? gain.value() : gain.value().to(DType.F32).add(offset);
    }

    /// Layer normalisation: `(x − mean) / √(variance + epsilon) · gain + bias` of each row, computed in
    /// float32.
    ///
    /// Ba et al. 2016, <https://arxiv.org/abs/1607.06450>.
    ///
    /// @param x    `[rows, width]`
    /// @param gain `[width]`, as is `bias`
    public static Value layerNorm(Tape tape, Value x, Weight gain, Weight bias, double epsilon) {
        boolean wanted = tape.wants(List.of(x), List.of(gain, bias));
        DType type = x.data().dtype();
        Tensor.LayerNorm normed = wide(x.data()).layerNorm(wide(gain.value()), wide(bias.value()), epsilon);
        return tape.record(wanted, normed.y().to(type), List.of(x.data(), normed.mean(), normed.inverse()), dY -> {
            List<Optional<Tensor>> gradients = wide(dY.contiguous())
                    .layerNormBackward(
                            wide(x.data()),
                            wide(gain.value()),
                            wide(bias.value()),
                            normed,
                            x.wantsGradient(),
                            gain.isTrainable(),
                            bias.isTrainable());
            gradients.get(0).ifPresent(dX -> x.accumulate(dX.to(type)));
            gradients.get(1).ifPresent(gain::accumulate);
            gradients.get(2).ifPresent(bias::accumulate);
        });
    }

    private static Tensor wide(Tensor tensor) {
        return tensor.to(DType.F32);
    }

    /// Gaussian error linear unit `x · Φ(x)`.
    ///
    /// Hendrycks & Gimpel 2016, <https://arxiv.org/abs/1606.08415>.
    ///
    /// @param tanh whether Φ is approximated by a hyperbolic tangent ("gelu_new") or exact
    public static Value gelu(Tape tape, Value x, boolean tanh) {
        boolean wanted = tape.wants(List.of(x), List.of());
        return tape.record(
                wanted, x.data().gelu(tanh), List.of(x.data()), dY -> x.accumulate(dY.geluBackward(x.data(), tanh)));
    }

    /// `silu(gate) · up`.
    ///
    /// Shazeer 2020, <https://arxiv.org/abs/2002.05202>.
    public static Value swiGlu(Tape tape, Value gate, Value up) {
        Kernels kernels = tape.kernels();
        return gated(tape, gate, up, kernels::swiGlu, kernels::swiGluBackward);
    }

    /// `gelu(gate) · up` with GELU's approximation by tanh.
    ///
    /// Shazeer 2020, <https://arxiv.org/abs/2002.05202>.
    public static Value geGlu(Tape tape, Value gate, Value up) {
        Kernels kernels = tape.kernels();
        return gated(tape, gate, up, kernels::geGlu, kernels::geGluBackward);
    }

    private static Value gated(Tape tape, Value gate, Value up, BinaryOperator<Tensor> forward, GatedBackward back) {
        boolean wanted = tape.wants(List.of(gate, up), List.of());
        Tensor y = forward.apply(gate.data(), up.data());
        return tape.record(wanted, y, List.of(gate.data(), up.data()), dY -> {
            Kernels.Gated gradients = back.apply(dY, gate.data(), up.data());
            gate.accumulate(gradients.dGate());
            up.accumulate(gradients.dUp());
        });
    }

    private interface GatedBackward {
        Kernels.Gated apply(Tensor dY, Tensor gate, Tensor up);
    }

    /// Cuts the columns of a matrix into parts of these widths.
    ///
    /// @param x `[rows, Σ widths]`
    public static List<Value> split(Tape tape, Value x, List<Integer> widths) {
        boolean wanted = tape.wants(List.of(x), List.of());
        List<Tensor> parts = new ArrayList<>();
        long start = 0;
        for (int width : widths) {
            parts.add(x.data().narrow(1, start, width).contiguous());
            start += width;
        }
        if (start != x.data().size(1)) {
            throw new IllegalArgumentException("widths %s add up to %d; x is %s".formatted(widths, start, x.data()));
        }
        return tape.recordAll(wanted, parts, List.of(), gradients -> {
            Tensor first =
                    gradients.stream().filter(Objects::nonNull).findFirst().orElseThrow();
            List<Tensor> whole = new ArrayList<>();
            for (int i = 0; i < widths.size(); i++) {
                Tensor own = gradients.get(i);
                whole.add(
                        own != null ? own : Tensor.zeros(first.dtype(), first.device(), first.size(0), widths.get(i)));
            }
            x.accumulate(Tensor.cat(whole, 1));
        });
    }

    /// Splits `[tokens, heads · headDim]` into turned heads `[heads, tokens, headDim]`.
    ///
    /// @param cos float32 `[tokens, pairs]`, `pairs ≤ headDim / 2`
    public static Value rope(Tape tape, Value x, int heads, Tensor cos, Tensor sin) {
        Kernels kernels = tape.kernels();
        boolean wanted = tape.wants(List.of(x), List.of());
        Tensor y = kernels.rope(x.data(), heads, cos, sin);
        return tape.record(
                wanted, y, List.of(cos, sin), dY -> x.accumulate(kernels.ropeBackward(dY.contiguous(), cos, sin)));
    }

    /// Splits `[tokens, heads · headDim]` into `[heads, tokens, headDim]` as it is.
    public static Value splitHeads(Tape tape, Value x, int heads) {
        boolean wanted = tape.wants(List.of(x), List.of());
        long tokens = x.data().size(0);
        long width = x.data().size(1);
        Tensor y = x.data().view(tokens, heads, width / heads).transpose(0, 1).contiguous();
        return tape.record(
                wanted, y, List.of(), dY -> x.accumulate(dY.transpose(0, 1).reshape(tokens, width)));
    }

    /// Rows of a table.
    ///
    /// @param table   `[vocab, width]`
    /// @param ids     int64 `[tokens]`
    /// @param padding the id whose row gets no gradient, where there is one
    public static Value embedding(Tape tape, Weight table, Tensor ids, OptionalInt padding) {
        boolean wanted = tape.wants(List.of(), List.of(table));
        Tensor values = table.rows(ids);
        long vocab = table.elements() / values.size(1);
        return tape.record(
                wanted,
                values,
                List.of(ids),
                dY -> table.accumulate(dY.to(DType.F32).embeddingBackward(ids, vocab, padding)));
    }
}
