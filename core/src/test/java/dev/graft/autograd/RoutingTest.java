package dev.graft.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.kernel.Kernels;
import dev.graft.tensor.DType;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Routed experts, against the same sum over all experts with the weights of those not chosen set to zero.
class RoutingTest extends ScopedTest {
    /// @param perToken experts a token goes to
    private record Size(int tokens, int experts, int perToken, int width) {}

    private static final List<Size> SIZES = List.of(
            new Size(1, 1, 1, 3),
            new Size(1, 7, 2, 5),
            new Size(2, 3, 3, 4),
            new Size(65, 4, 2, 6),
            new Size(33, 9, 8, 3));

    private static Stream<Object[]> cases() {
        return kernels()
                .flatMap(k -> SIZES.stream()
                        .flatMap(s -> Stream.of(true, false).map(normalised -> new Object[] {k, s, normalised})));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void weightsAreTheLargestProbabilities(Kernels kernels, Size size, boolean normalised) {
        GradientCheck check = GradientCheck.of(
                        kernels,
                        on -> Routing.of(on.tape(), on.value(0), size.perToken, normalised)
                                .weights())
                .value(true, size.tokens, size.experts);
        check.against(2e-5, t -> {
            Tensor top = t.getFirst().softmax(1).topk(size.perToken).values();
            return normalised ? top.div(top.sum(1, true)) : top;
        });
        check.slopes(1e-3, 5e-3);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void expertsGiveTheWeightedSumOfTheirOutputs(Kernels kernels, Size size, boolean normalised) {
        experts(kernels, size, normalised).against(3e-5, t -> dense(t, size, normalised));
        experts(kernels, size, normalised).slopes(1e-3, 1e-2);
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void bfloat16StaysNearFloat32(Kernels kernels) {
        Size size = new Size(65, 4, 2, 6);
        experts(kernels, size, true).in(DType.BF16).against(0.02, t -> dense(t, size, true));
    }

    /// Operands: `x`, the router's logits, then one matrix for each expert, those learning that have tokens.
    private static GradientCheck experts(Kernels kernels, Size size, boolean normalised) {
        GradientCheck check = GradientCheck.of(kernels, on -> {
                    Routing routing = Routing.of(on.tape(), on.value(1), size.perToken, normalised);
                    List<Value> rows = routing.dispatch(on.tape(), on.value(0));
                    List<Value> outputs = new ArrayList<>();
                    for (int i = 0; i < rows.size(); i++) {
                        Weight weight = on.weight(2 + routing.experts().get(i));
                        outputs.add(Projection.apply(
                                on.tape(), rows.get(i), new Projection(weight, Optional.empty(), List.of())));
                    }
                    return routing.combine(on.tape(), outputs);
                })
                .value(true, size.tokens, size.width)
                .value(true, size.tokens, size.experts);
        boolean allAreUsed = size.tokens > 30;
        for (int i = 0; i < size.experts; i++) {
            check.weight(allAreUsed, size.width + 1, size.width);
        }
        return check;
    }

    private static Tensor dense(List<Tensor> t, Size size, boolean normalised) {
        Tensor p = t.get(1).softmax(1);
        Tensor least = p.detach().topk(size.perToken).values().narrow(1, size.perToken - 1, 1);
        Tensor chosen = p.mul(p.detach().ge(least).to(DType.F64));
        Tensor weights = normalised ? chosen.div(chosen.sum(1, true)) : chosen;
        Tensor sum = null;
        for (int i = 0; i < size.experts; i++) {
            Tensor part = t.get(0).mm(t.get(2 + i).t()).mul(weights.narrow(1, i, 1));
            sum = sum == null ? part : sum.add(part);
        }
        return sum;
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void anExpertNobodyChoseDoesNothing(Kernels kernels) {
        try (Tape tape = Tape.over(kernels, 0)) {
            Value logits = tape.constant(Tensor.of(new float[] {0, 9, 1, 8, 7, 2}, 2, 3));
            Routing routing = Routing.of(tape, logits, 1, true);
            assertThat(routing.experts()).containsExactly(0, 1);
            Value x = tape.constant(Tensor.of(new float[] {1, 2, 3, 4}, 2, 2));
            List<Value> rows = routing.dispatch(tape, x);
            assertThat(rows.get(0).data().toFloats()).containsExactly(3, 4);
            assertThat(rows.get(1).data().toFloats()).containsExactly(1, 2);
            assertThat(routing.combine(tape, rows).data().toFloats()).containsExactly(1, 2, 3, 4);
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void moreExpertsThanThereAreIsASentence(Kernels kernels) {
        try (Tape tape = Tape.over(kernels, 0)) {
            Value logits = tape.constant(Tensor.of(new float[] {0, 1}, 1, 2));
            assertThatThrownBy(() -> Routing.of(tape, logits, 3, true)).hasMessageContaining("3 experts", "1 to 2");
        }
    }
}
