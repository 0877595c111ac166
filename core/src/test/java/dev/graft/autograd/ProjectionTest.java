package dev.graft.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.kernel.Kernels;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Projections, alone and in groups over one input, with every mixture of frozen and learning parts.
class ProjectionTest extends ScopedTest {
    private static final long SEED = 7;

    /// One low-rank change to be made.
    private record Change(int rank, boolean aLearns, boolean bLearns, double scale, double dropout) {}

    /// One projection to be made.
    ///
    /// @param bias empty for none, otherwise whether it learns
    /// @param used whether its output reaches the loss
    private record Spec(int out, boolean learns, Optional<Boolean> bias, List<Change> changes, boolean used) {}

    /// Projections of an input of random numbers.
    private record Group(int rows, int in, boolean inputLearns, List<Spec> specs) {
        boolean learns() {
            return inputLearns
                    || specs.stream()
                            .anyMatch(s -> s.used
                                    && (s.learns
                                            || s.bias.orElse(false)
                                            || s.changes.stream().anyMatch(c -> c.aLearns || c.bLearns)));
        }
    }

    private static final Change LORA = new Change(3, true, true, 0.7, 0);
    private static final Change LORA_WITH_DROPOUT = new Change(4, true, true, 1.3, 0.25);

    private static Spec frozen(Change... changes) {
        return new Spec(6, false, Optional.empty(), List.of(changes), true);
    }

    static Stream<Group> groups() {
        Spec trained = new Spec(9, true, Optional.of(true), List.of(), true);
        Spec frozenBias = new Spec(4, true, Optional.of(false), List.of(LORA), true);
        Spec unused = new Spec(5, true, Optional.of(true), List.of(LORA, LORA_WITH_DROPOUT), false);
        return Stream.of(
                        List.of(trained),
                        List.of(frozenBias),
                        List.of(frozen(LORA)),
                        List.of(frozen(LORA_WITH_DROPOUT)),
                        List.of(frozen(LORA, LORA_WITH_DROPOUT, LORA)),
                        List.of(frozen(LORA), frozen(LORA_WITH_DROPOUT), frozen(LORA)),
                        List.of(frozen(LORA), unused, trained, frozen()),
                        List.of(unused, frozen(LORA_WITH_DROPOUT), frozen(LORA_WITH_DROPOUT)))
                .flatMap(specs -> Stream.of(new Group(1, 8, true, specs), new Group(65, 7, false, specs)));
    }

    private static Stream<Object[]> groupsAndKernels() {
        return kernels().flatMap(k -> groups().map(g -> new Object[] {k, g}));
    }

    @ParameterizedTest
    @MethodSource("groupsAndKernels")
    void gradientsAreLibtorchs(Kernels kernels, Group group) {
        check(kernels, group).against(2e-5, oracle(kernels, group));
    }

    @ParameterizedTest
    @MethodSource("groupsAndKernels")
    void bfloat16IsCloseToo(Kernels kernels, Group group) {
        check(kernels, group).in(DType.BF16).against(0.01, oracle(kernels, group));
    }

    @ParameterizedTest
    @MethodSource("groupsAndKernels")
    void gradientsAreTheSlopes(Kernels kernels, Group group) {
        check(kernels, group).slopes(2e-2, 2e-3);
    }

    @Property(tries = 60)
    void anyMixtureHasLibtorchsGradients(@ForAll("mixtures") Group group) {
        for (Kernels kernels : kernels().toList()) {
            try (Scope scope = Scope.open()) {
                check(kernels, group).against(3e-5, oracle(kernels, group));
            }
        }
    }

    @Provide
    Arbitrary<Group> mixtures() {
        Arbitrary<Boolean> flags = Arbitraries.of(true, false);
        Arbitrary<Change> changes = Combinators.combine(
                        Arbitraries.integers().between(1, 5),
                        flags,
                        flags,
                        Arbitraries.doubles().between(-2, 2),
                        Arbitraries.of(0.0, 0.5))
                .as(Change::new);
        Arbitrary<Spec> specs = Combinators.combine(
                        Arbitraries.integers().between(1, 9),
                        flags,
                        flags.optional(),
                        changes.list().ofMaxSize(3),
                        flags)
                .as(Spec::new);
        return Combinators.combine(
                        Arbitraries.integers().between(1, 9),
                        Arbitraries.integers().between(1, 9),
                        flags,
                        specs.list().ofMinSize(1).ofMaxSize(4))
                .as(Group::new)
                .filter(g -> g.learns() && g.specs.stream().anyMatch(Spec::used));
    }

    @Test
    void nothingButTheChangeLearnsInALoraLayer() {
        Tensor x = GradientCheck.random(1, 4, 3);
        Weight frozen = new Weight.Frozen(GradientCheck.random(2, 5, 3));
        Parameter a = new Parameter("a", GradientCheck.random(3, 2, 3), DType.F32);
        Parameter b = new Parameter("b", Tensor.zeros(DType.F32, Device.cpu(), 5, 2), DType.F32);
        LowRank change = new LowRank(a, b, 2, 0, 0);
        try (Tape tape = Tape.recording(Device.cpu(), 0, false)) {
            Value y =
                    Projection.apply(tape, tape.constant(x), new Projection(frozen, Optional.empty(), List.of(change)));
            // B is zero: the change changes nothing yet, and no gradient reaches A
            assertThat(y.data().toFloats())
                    .containsExactly(x.mm(frozen.value().t()).toFloats());
            tape.backward(y, GradientCheck.random(4, 4, 5));
            assertThat(a.gradient().norm()).isZero();
            assertThat(b.gradient().norm()).isPositive();
        }
        a.close();
        b.close();
    }

    @Test
    void dropoutIsOffWithoutRecordingAndDiffersFromPassToPass() {
        Tensor x = GradientCheck.random(1, 4, 16);
        Weight frozen = new Weight.Frozen(GradientCheck.random(2, 5, 16));
        Weight a = new Weight.Frozen(GradientCheck.random(3, 2, 16));
        Weight b = new Weight.Frozen(GradientCheck.random(4, 5, 2));
        Projection dropping = new Projection(frozen, Optional.empty(), List.of(new LowRank(a, b, 1, 0.5, 3)));
        Projection plain = new Projection(frozen, Optional.empty(), List.of(new LowRank(a, b, 1, 0, 3)));
        float[] silent = result(Tape.silent(Device.cpu()), x, dropping);
        assertThat(silent).containsExactly(result(Tape.silent(Device.cpu()), x, plain));
        float[] first = result(Tape.recording(Device.cpu(), 1, false), x, dropping);
        assertThat(first).isNotEqualTo(silent);
        assertThat(first).containsExactly(result(Tape.recording(Device.cpu(), 1, false), x, dropping));
        assertThat(first).isNotEqualTo(result(Tape.recording(Device.cpu(), 2, false), x, dropping));
    }

    private static float[] result(Tape tape, Tensor x, Projection projection) {
        try (tape) {
            return Projection.apply(tape, tape.constant(x), projection).data().toFloats();
        }
    }

    private static GradientCheck check(Kernels kernels, Group group) {
        GradientCheck check = GradientCheck.of(kernels, on -> operation(on, group))
                .seed(SEED)
                .value(group.inputLearns, group.rows, group.in);
        for (Spec spec : group.specs) {
            check.weight(spec.learns && spec.used, spec.out, group.in);
            spec.bias.ifPresent(learns -> check.weight(learns && spec.used, spec.out));
            for (Change change : spec.changes) {
                check.weight(change.aLearns && spec.used, change.rank, group.in);
                check.weight(change.bLearns && spec.used, spec.out, change.rank);
            }
        }
        return check;
    }

    /// The used outputs of a group, side by side.
    private static Value operation(GradientCheck.Operands on, Group group) {
        int next = 1;
        int id = 0;
        List<Projection> projections = new ArrayList<>();
        for (Spec spec : group.specs) {
            Weight weight = on.weight(next++);
            Optional<Weight> bias = spec.bias.isPresent() ? Optional.of(on.weight(next++)) : Optional.empty();
            List<LowRank> changes = new ArrayList<>();
            for (Change change : spec.changes) {
                changes.add(new LowRank(on.weight(next++), on.weight(next++), change.scale, change.dropout, id++));
            }
            projections.add(new Projection(weight, bias, changes));
        }
        List<Value> all = Projection.applyAll(on.tape(), on.value(0), projections);
        List<Value> used = IntStream.range(0, all.size())
                .filter(i -> group.specs.get(i).used)
                .mapToObj(all::get)
                .toList();
        return on.tape().torch(used, t -> Tensor.cat(t, 1));
    }

    private static Function<List<Tensor>, Tensor> oracle(Kernels kernels, Group group) {
        return t -> {
            int next = 1;
            int id = 0;
            List<Tensor> used = new ArrayList<>();
            for (Spec spec : group.specs) {
                Tensor y = t.getFirst().mm(t.get(next++).t());
                y = spec.bias.isPresent() ? y.add(t.get(next++)) : y;
                for (Change change : spec.changes) {
                    Tensor factors = mask(kernels, group, change, id++);
                    Tensor u = t.getFirst().mul(factors).mm(t.get(next++).t());
                    y = y.add(u.mm(t.get(next++).t()).mul(change.scale));
                }
                if (spec.used) {
                    used.add(y);
                }
            }
            return Tensor.cat(used, 1);
        };
    }

    /// What dropout multiplies the input with.
    private static Tensor mask(Kernels kernels, Group group, Change change, int id) {
        Tensor ones = Tensor.full(1, DType.F32, Device.cpu(), group.rows, group.in);
        try (Tape tape = Tape.over(kernels, SEED)) {
            return change.dropout == 0
                    ? ones.to(DType.F64)
                    : kernels.dropout(ones, change.dropout, tape.seedOf(id)).to(DType.F64);
        }
    }
}
