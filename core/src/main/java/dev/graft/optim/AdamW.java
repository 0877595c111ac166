package dev.graft.optim;

import dev.graft.autograd.Parameter;
import dev.graft.kernel.Kernels;
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

/// AdamW with decoupled weight decay. The moments begin with a parameter's first gradient, and each parameter
/// counts its own steps, so that one without a gradient is passed over.
///
/// [Moments] says how they are kept: in float32, exactly as `torch.optim.AdamW`, or in 8 bits, as
/// bitsandbytes' `AdamW8bit`. [StateMemory] says where.
///
/// Loshchilov & Hutter 2019, <https://arxiv.org/abs/1711.05101>.
public final class AdamW implements Optimizer {
    private static final String STEP = ".step";

    private final AdamWSettings settings;
    private final List<Parameter> parameters;
    private final Predicate<Parameter> decays;
    private final Moments moments;
    private final StateMemory memory;
    private final Map<String, State> states = new LinkedHashMap<>();
    private long steps;

    /// What is kept of one parameter, and the steps it has seen.
    private static final class State {
        private final Map<String, Tensor> tensors;
        private long steps;

        State(Map<String, Tensor> tensors) {
            this.tensors = tensors;
        }
    }

    /// Moments in float32, in the memory of the device.
    ///
    /// @param parameters each with a name of its own
    /// @param decays     which of them lose weight at each step: [#everyParameter] or [#matrices]
    public AdamW(List<Parameter> parameters, AdamWSettings settings, Predicate<Parameter> decays) {
        this(parameters, settings, decays, new Moments.Float32(), StateMemory.ofDevice());
    }

    /// @param parameters each with a name of its own
    /// @param decays     which of them lose weight at each step: [#everyParameter] or [#matrices]
    /// @param memory     closed with this optimizer
    public AdamW(
            List<Parameter> parameters,
            AdamWSettings settings,
            Predicate<Parameter> decays,
            Moments moments,
            StateMemory memory) {
        this.parameters = List.copyOf(parameters);
        this.settings = settings;
        this.decays = decays;
        this.moments = moments;
        this.memory = memory;
        long names = parameters.stream().map(Parameter::name).distinct().count();
        if (names != parameters.size()) {
            throw new IllegalArgumentException(
                    "%d parameters have %d different names; each needs its own, or a checkpoint could not tell them apart"
                            .formatted(parameters.size(), names));
        }
        memory.reserve(stateBytes());
    }

    /// Bytes that the state takes once every parameter has had a gradient.
    public long stateBytes() {
        return parameters.stream()
                .flatMap(parameter -> moments.parts(parameter).values().stream())
                .mapToLong(Moments.Part::bytes)
                .sum();
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
        State state = states.computeIfAbsent(parameter.name(), name -> fresh(parameter));
        state.steps++;
        var kernelSettings = new Kernels.AdamW(
                learningRate,
                settings.beta1(),
                settings.beta2(),
                settings.epsilon(),
                decays.test(parameter) ? settings.weightDecay() : 0);
        moments.step(parameter, state.tensors, kernelSettings, state.steps, gradientScale);
        parameter.refresh();
    }

    private State fresh(Parameter parameter) {
        Tensor values = parameter.master();
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        moments.parts(parameter)
                .forEach((suffix, part) ->
                        tensors.put(suffix, memory.zeros(part.dtype(), values.device(), part.shape())));
        return new State(tensors);
    }

    @Override
    public long steps() {
        return steps;
    }

    /// For each parameter that has had a gradient: its moments `<parameter>.exp_avg` and
    /// `<parameter>.exp_avg_sq`, of its shape, with their scales (`….absmax`) where they have any, and its
    /// count `<parameter>.step`, int64 `[1]`, which belongs to the current scope.
    @Override
    public Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>();
        states.forEach((name, of) -> {
            of.tensors.forEach((suffix, tensor) -> state.put(name + suffix, tensor));
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
                Stored found = stored(parameter, lookup);
                found.faults(steps, faults);
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
        State state = fresh(parameter);
        state.tensors.forEach((suffix, tensor) -> tensor.copyInPlace(stored.tensors.get(suffix)));
        state.steps = stored.steps();
        states.put(parameter.name(), state);
    }

    private Stored stored(Parameter parameter, Function<String, Optional<Tensor>> lookup) {
        Map<String, Moments.Part> parts = moments.parts(parameter);
        Map<String, Tensor> found = new LinkedHashMap<>();
        Stream.concat(parts.keySet().stream(), Stream.of(STEP))
                .forEach(suffix ->
                        lookup.apply(parameter.name() + suffix).ifPresent(tensor -> found.put(suffix, tensor)));
        return new Stored(parameter.name(), parts, found);
    }

    /// What a lookup has about one parameter.
    private record Stored(String name, Map<String, Moments.Part> parts, Map<String, Tensor> tensors) {
        boolean isEmpty() {
            return tensors.isEmpty();
        }

        long steps() {
            return tensors.get(STEP).toLongs()[0];
        }

        void faults(long allSteps, List<String> faults) {
            if (isEmpty()) {
                return;
            }
            if (tensors.size() != parts.size() + 1) {
                faults.add("%s: has some of %s, %s; expected all or none"
                        .formatted(name, String.join(", ", parts.keySet()), STEP));
                return;
            }
            parts.forEach((suffix, part) -> {
                Tensor tensor = tensors.get(suffix);
                if (!Arrays.equals(tensor.shape(), part.shape()) || tensor.dtype() != part.dtype()) {
                    faults.add("%s%s: %s %s; expected %s %s"
                            .formatted(
                                    name,
                                    suffix,
                                    Arrays.toString(tensor.shape()),
                                    tensor.dtype(),
                                    Arrays.toString(part.shape()),
                                    part.dtype()));
                }
            });
            if (tensors.get(STEP).elements() != 1 || steps() < 1 || steps() > allSteps) {
                faults.add("%s%s: %s; expected one number from 1 to %d"
                        .formatted(name, STEP, Arrays.toString(tensors.get(STEP).toLongs()), allSteps));
            }
        }
    }

    private void forget() {
        states.values().forEach(state -> state.tensors.values().forEach(Tensor::release));
        states.clear();
    }

    @Override
    public void close() {
        forget();
        memory.close();
    }
}
