package dev.graft.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.kernel.Kernels;
import dev.graft.kernel.PlainKernels;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.Stream;

/// Compares an operation of the tape with the same mathematics in plain ATen operations in float64: results,
/// and gradients by libtorch's autograd. [#slopes] compares its gradients with its own results instead, by
/// central differences. An operand that learns must get its gradient, one that does not must get none.
///
/// Both sides are given the same gradient of the result, random numbers of size 1.
final class GradientCheck {
    /// Where gradients nearly vanish they are compared in this unit; what they are made of has size 1.
    private static final double FLOOR = 0.05;

    /// Something the operation reads.
    ///
    /// @param weight  whether it is a [Weight] or a [Value]
    /// @param learns  whether a gradient for it is wanted
    private record Operand(Tensor data, boolean weight, boolean learns) {}

    /// The operands of one run on a tape, in the order they were added.
    static final class Operands {
        private final Tape tape;
        private final List<Object> all = new ArrayList<>();

        private Operands(Tape tape) {
            this.tape = tape;
        }

        Tape tape() {
            return tape;
        }

        Value value(int i) {
            return (Value) all.get(i);
        }

        Weight weight(int i) {
            return (Weight) all.get(i);
        }
    }

    private final Kernels kernels;
    private final Function<Operands, Value> operation;
    private final List<Operand> operands = new ArrayList<>();
    private final SplittableRandom random = new SplittableRandom(5);
    private DType type = DType.F32;
    private long seed = 7;

    private GradientCheck(Kernels kernels, Function<Operands, Value> operation) {
        this.kernels = kernels;
        this.operation = operation;
    }

    /// @param operation what to check, as a function of operands added later
    static GradientCheck of(Kernels kernels, Function<Operands, Value> operation) {
        return new GradientCheck(kernels, operation);
    }

    /// The kernels that every operation is checked with: the plain ones and the fastest of this machine.
    static Stream<Kernels> kernels() {
        return Stream.of(PlainKernels.INSTANCE, Kernels.of(Device.cpu())).distinct();
    }

    /// Computes in this type instead of float32.
    GradientCheck in(DType computeType) {
        type = computeType;
        return this;
    }

    GradientCheck seed(long tapeSeed) {
        seed = tapeSeed;
        return this;
    }

    GradientCheck value(boolean learns, long... shape) {
        return add(random(shape), false, learns);
    }

    GradientCheck weight(boolean learns, long... shape) {
        return add(random(shape), true, learns);
    }

    private GradientCheck add(Tensor data, boolean weight, boolean learns) {
        Tensor rounded = data.to(type).to(DType.F32); // so that both sides begin with the same numbers
        operands.add(new Operand(rounded, weight, learns));
        return this;
    }

    private Tensor random(long... shape) {
        return random(random.nextLong(), shape);
    }

    /// Normal numbers of size 1.
    static Tensor random(long seed, long... shape) {
        SplittableRandom random = new SplittableRandom(seed);
        long elements = 1;
        for (long size : shape) {
            elements *= size;
        }
        float[] values = new float[(int) elements];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, shape);
    }

    /// Compares with the same mathematics in float64.
    ///
    /// @param tolerance see [#assertClose]
    /// @param oracle    over tensors in the order of the operands
    void against(double tolerance, Function<List<Tensor>, Tensor> oracle) {
        try (Scope scope = Scope.open()) {
            List<Tensor> leaves =
                    operands.stream().map(o -> o.data.to(DType.F64).leaf()).toList();
            Tensor expected = oracle.apply(leaves);
            Tensor dY = gradientLike(expected);
            expected.backward(dY.to(DType.F64));
            Run run = run(dY);
            assertClose("result", run.result, expected.detach(), tolerance);
            for (int i = 0; i < leaves.size(); i++) {
                if (operands.get(i).learns) {
                    assertClose(
                            "gradient of operand " + i,
                            run.gradients.get(i),
                            leaves.get(i).grad().orElseThrow(),
                            tolerance);
                } else {
                    assertThat(run.gradients.get(i))
                            .as("gradient of operand " + i)
                            .isNull();
                }
            }
        }
    }

    /// Compares the gradient with how the result changes: every operand that learns is moved both ways along
    /// some random directions.
    void slopes(double step, double tolerance) {
        try (Scope scope = Scope.open()) {
            Tensor dY = gradientLike(resultAt(-1, null));
            Run run = run(dY);
            for (int i = 0; i < operands.size(); i++) {
                for (int direction = 0; operands.get(i).learns && direction < 4; direction++) {
                    Tensor along =
                            random(31L * i + direction, operands.get(i).data.shape());
                    double up = dot(resultAt(i, along.mul(step)), dY);
                    double down = dot(resultAt(i, along.mul(-step)), dY);
                    double norms = Math.max(FLOOR, run.gradients.get(i).norm());
                    double expected = dot(run.gradients.get(i), along);
                    assertThat((up - down) / (2 * step) - expected)
                            .as("slope of operand %d is %s, found %s", i, expected, (up - down) / (2 * step))
                            .isBetween(-tolerance * norms, tolerance * norms);
                }
            }
        }
    }

    private static Tensor gradientLike(Tensor result) {
        return random(99, result.shape());
    }

    private static double dot(Tensor a, Tensor b) {
        return a.to(DType.F64).mul(b.to(DType.F64)).sum().item();
    }

    private record Run(Tensor result, List<Tensor> gradients) {}

    private Run run(Tensor dY) {
        try (Tape tape = Tape.over(kernels, seed)) {
            Operands on = operands(tape, -1, null);
            Value y = operation.apply(on);
            Tensor result = y.data().copy();
            tape.backward(y, dY.to(y.data().dtype()));
            List<Tensor> gradients = on.all.stream().map(o -> gradient(tape, o)).toList();
            close(on);
            return new Run(result, gradients);
        }
    }

    private Tensor resultAt(int moved, Tensor by) {
        try (Tape tape = Tape.over(kernels, seed)) {
            Operands on = operands(tape, moved, by);
            Tensor result = operation.apply(on).data().copy();
            close(on);
            return result;
        }
    }

    private Operands operands(Tape tape, int moved, Tensor by) {
        Operands on = new Operands(tape);
        for (int i = 0; i < operands.size(); i++) {
            Operand operand = operands.get(i);
            Tensor data = i == moved ? operand.data.add(by) : operand.data;
            Tensor typed = data.to(type);
            if (operand.weight) {
                on.all.add(operand.learns ? new Parameter("w" + i, data, type) : new Weight.Frozen(typed.retain()));
            } else {
                on.all.add(operand.learns ? tape.input(typed) : tape.constant(typed));
            }
        }
        return on;
    }

    private static Tensor gradient(Tape tape, Object operand) {
        return switch (operand) {
            case Parameter p -> p.hasGradient() ? p.gradient().copy() : null;
            case Value v -> v.hasGradient() ? tape.gradientOf(v) : null;
            default -> null;
        };
    }

    private static void close(Operands on) {
        on.all.stream().filter(Weight.class::isInstance).forEach(w -> ((Weight) w).close());
    }

    /// In float32 the largest difference counts, in units of the expected tensor's root mean square; in
    /// bfloat16, whose rounding is coarse and known, the norm of all differences in units of the
    /// expected norm.
    private void assertClose(String what, Tensor found, Tensor expected, double tolerance) {
        assertThat(found).as(what + " is there").isNotNull();
        assertThat(found.shape()).as("shape of " + what).containsExactly(expected.shape());
        assertThat(found.allFinite()).as(what + " is finite").isTrue();
        Tensor difference = found.to(DType.F64).sub(expected.to(DType.F64));
        double root = Math.sqrt(expected.elements());
        double unit = Math.max(FLOOR, expected.norm() / root);
        double off = type == DType.F32 ? difference.abs().max().item() : difference.norm() / root;
        assertThat(off / unit)
                .as("difference of the %s in units of %s", what, unit)
                .isLessThanOrEqualTo(tolerance);
    }
}
