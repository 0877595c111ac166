package dev.graft.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// Parts of a parameter as weights.
class ParameterPartTest extends ScopedTest {
    @Test
    void gradientsOfPartsAddUpInTheWhole() {
        try (Parameter whole = new Parameter("whole", Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 3, 2), DType.F32)) {
            Weight upper = whole.part(t -> t.narrow(0, 0, 2));
            Weight column = whole.part(t -> t.narrow(1, 1, 1));
            assertThat(upper.elements()).isEqualTo(4);
            assertThat(column.value().toFloats()).containsExactly(2, 4, 6);
            upper.accumulate(Tensor.of(new float[] {1, 1, 1, 1}, 2, 2));
            column.accumulate(Tensor.of(new float[] {10, 20, 30}, 3, 1));
            assertThat(whole.gradient().toFloats()).containsExactly(1, 11, 1, 21, 0, 30);
            whole.clearGradient();
            column.accumulate(Tensor.of(new float[] {1, 2, 3}, 3, 1));
            assertThat(whole.gradient().toFloats()).containsExactly(0, 1, 0, 2, 0, 3);
        }
    }

    @Test
    void aPartFollowsTheWhole() {
        try (Parameter whole = new Parameter("whole", Tensor.of(new float[] {1, 2}, 2, 1), DType.BF16)) {
            Weight part = whole.part(t -> t.narrow(0, 1, 1));
            whole.set(Tensor.of(new float[] {3, 4}, 2, 1));
            assertThat(part.value().dtype()).isEqualTo(DType.BF16);
            assertThat(part.value().toFloats()).containsExactly(4);
        }
    }

    /// Two experts' factors in one parameter each, rows of `A` and strided columns of `B`: the gradients are
    /// those of the product written out.
    @Test
    void factorsThatArePartsLearn() {
        int rank = 2;
        Tensor x = GradientCheck.random(1, 5, 3);
        try (Parameter a = new Parameter("a", GradientCheck.random(2, 2 * rank, 3), DType.F32);
                Parameter b = new Parameter("b", GradientCheck.random(3, 4, 2 * rank), DType.F32);
                Tape tape = Tape.recording(Device.cpu(), 0, false)) {
            Weight a1 = a.part(t -> t.narrow(0, rank, rank));
            Weight b1 = b.part(t -> t.view(4, rank, 2).select(2, 1));
            Weight frozen = new Weight.Frozen(GradientCheck.random(4, 4, 3));
            Value y = Projection.apply(
                    tape,
                    tape.constant(x),
                    new Projection(frozen, Optional.empty(), List.of(new LowRank(a1, b1, 0.5, 0, 1))));
            tape.backward(y, Tensor.full(1, DType.F32, Device.cpu(), 5, 4));

            Tensor leafA = a.master().leaf();
            Tensor leafB = b.master().leaf();
            Tensor oracle = x.mm(leafA.narrow(0, rank, rank).t())
                    .mm(leafB.view(4, rank, 2).select(2, 1).t())
                    .mul(0.5);
            oracle.sum().backward();
            assertThat(a.gradient().sub(leafA.grad().orElseThrow()).norm()).isLessThan(1e-5);
            assertThat(b.gradient().sub(leafB.grad().orElseThrow()).norm()).isLessThan(1e-5);
            assertThat(y.data()
                            .sub(x.mm(frozen.value().t()))
                            .sub(oracle.detach())
                            .norm())
                    .isLessThan(1e-5);
        }
    }
}
