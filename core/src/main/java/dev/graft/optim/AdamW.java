package dev.graft.optim;

import dev.graft.autograd.Parameter;
import dev.graft.kernel.Kernels;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Stream;

/// AdamW with decoupled weight decay, exactly as `torch.optim.AdamW`: the moments begin with a parameter's first
/// gradient, and each parameter counts its own steps, so that one without a gradient is passed over.
///
/// Loshchilov & Hutter 2019, <https://arxiv.org/abs/1711.05101>.
public final class AdamW implements Optimizer {
    private static final String FIRST = ".exp_avg";
    private static final String SECOND = ".exp_avg_sq";
    private static final String STEP = ".step";

    private final AdamWSettings settings;
    private final List<Parameter> parameters;
    private final Predicate<Parameter> decays;
    private final Map<String, Moments> moments = new LinkedHashMap<>();
    private long steps;

    /// Running means of one parameter, float32 of its shape, and the steps they have seen.
    private static final class Moments {
        private final Tensor first;
        private final Tensor second;
        private long steps;

        Moments(Tensor like) {
            try (Scope scope = Scope.open()) {
                first = Tensor.zeros(DType.F32, like.device(), like.shape()).retain();
                second = Tensor.zeros(DType.F32, like.device(), like.shape()).retain();
            }
        }

        void free() {
            first.release();
            second.release();
        }
    }

    /// @param parameters each with a name of its own
    /// @param decays     which of them lose weight at each step: [#everyParameter] or [#matrices]
    public AdamW(List<Parameter> parameters, AdamWSettings settings, Predicate<Parameter> decays) {
        this.parameters = List.copyOf(parameters);
        this.settings = settings;
        this.decays = decays;
        long names = parameters.stream().map(Parameter::name).distinct().count();
        if (names != parameters.size()) {
            throw new IllegalArgumentException(
                    "%d parameters have %d different names; each needs its own, or a checkpoint could not tell them apart"
                            .formatted(parameters.size(), names));
        }
    }

    /// All parameters decay, as in `torch.optim.AdamW` over one group.
    public static Predicate<Parameter> everyParameter() {
        return parameter -> true;
    }

    /// Biases and norms (one dimension) do not decay, as in Transformers' trainer.
    public static Predicate<Parameter> matrices() {
        return parameter -> parameter.master().dims() > 1;
    }

    @Override
    public void step(double learningRate, double gradientScale) {
        for (Parameter parameter : parameters) {
            if (parameter.hasGradient()) {
                change(parameter, learningRate, gradientScale);
            }
        }
        steps++;
    }

    private void change(Parameter parameter, double learningRate, double gradientScale) {
        Tensor values = parameter.master();
        Moments state = moments.computeIfAbsent(parameter.name(), name -> new Moments(values));
        state.steps++;
        var kernelSettings = new Kernels.AdamW(
                learningRate,
                settings.beta1(),
                settings.beta2(),
                settings.epsilon(),
                decays.test(parameter) ? settings.weightDecay() : 0);
        Kernels.of(values.device())
                .adamWInPlace(
                        values,
                        parameter.gradient(),
                        state.first,
                        state.second,
                        kernelSettings,
                        state.steps,
                        gradientScale);
        parameter.refresh();
    }

    @Override
    public long steps() {
        return steps;
    }

    /// For each parameter that has had a gradient: its moments `<parameter>.exp_avg` and `<parameter>.exp_avg_sq`,
    /// float32 of its shape, and its count `<parameter>.step`, int64 `[1]`, which belongs to the current scope.
    @Override
    public Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>();
        moments.forEach((name, of) -> {
            state.put(name + FIRST, of.first);
            state.put(name + SECOND, of.second);
            state.put(name + STEP, Tensor.of(new long[] {of.steps}));
        });
        return state;
    }

    @Override
    public void load(long steps, Function<String, Optional<Tensor>> lookup) {
        if (steps < 0) {
            throw new IllegalArgumentException("the optimizer state has %d steps; expected 0 or more".formatted(steps));
        }
        try (Scope scope = Scope.open()) {
            Map<Parameter, Stored> stored = new LinkedHashMap<>();
            List<String> faults = new ArrayList<>();
            for (Parameter parameter : parameters) {
                Stored found = Stored.find(parameter.name(), lookup);
                found.faults(parameter, steps, faults);
                if (!found.isEmpty()) {
                    stored.put(parameter, found);
                }
            }
            if (!faults.isEmpty()) {
                throw new IllegalArgumentException("the optimizer state does not fit these parameters:\n  "
                        + String.join("\n  ", faults)
                        + "\nIt was saved by another run. Resume with that run's recipe, or start without --resume.");
            }
            forget();
            stored.forEach(this::restore);
            this.steps = steps;
        }
    }

    private void restore(Parameter parameter, Stored stored) {
        Moments state = new Moments(parameter.master());
        state.first.copyInPlace(stored.first.orElseThrow());
        state.second.copyInPlace(stored.second.orElseThrow());
        state.steps = stored.steps();
        moments.put(parameter.name(), state);
    }

    /// What a lookup has about one parameter.
    private record Stored(Optional<Tensor> first, Optional<Tensor> second, Optional<Tensor> step) {
        static Stored find(String name, Function<String, Optional<Tensor>> lookup) {
            return new Stored(lookup.apply(name + FIRST), lookup.apply(name + SECOND), lookup.apply(name + STEP));
        }

        boolean isEmpty() {
            return first.isEmpty() && second.isEmpty() && step.isEmpty();
        }

        long steps() {
            return step.orElseThrow().toLongs()[0];
        }

        void faults(Parameter parameter, long allSteps, List<String> faults) {
            if (isEmpty()) {
                return;
            }
            if (first.isEmpty() || second.isEmpty() || step.isEmpty()) {
                faults.add("%s: has some of %s, %s, %s; expected all or none"
                        .formatted(parameter.name(), FIRST, SECOND, STEP));
                return;
            }
            Stream.of(first.get(), second.get())
                    .filter(t -> !Arrays.equals(t.shape(), parameter.master().shape()) || t.dtype() != DType.F32)
                    .forEach(t -> faults.add("%s: %s %s; expected %s F32"
                            .formatted(
                                    parameter.name(),
                                    Arrays.toString(t.shape()),
                                    t.dtype(),
                                    Arrays.toString(parameter.master().shape()))));
            if (step.get().elements() != 1 || steps() < 1 || steps() > allSteps) {
                faults.add("%s%s: %s; expected one number from 1 to %d"
                        .formatted(
                                parameter.name(),
                                STEP,
                                Arrays.toString(step.get().toLongs()),
                                allSteps));
            }
        }
    }

    private void forget() {
        moments.values().forEach(Moments::free);
        moments.clear();
    }

    @Override
    public void close() {
        forget();
    }
}
