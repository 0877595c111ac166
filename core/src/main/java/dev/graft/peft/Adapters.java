package dev.graft.peft;

import dev.graft.autograd.LowRank;
import dev.graft.autograd.Parameter;
import dev.graft.autograd.Projection;
import dev.graft.autograd.Tape;
import dev.graft.autograd.Value;
import dev.graft.autograd.Weight;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.LinearLayer;
import dev.graft.nn.NamedTensors;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

/// The adapters of one model: made while the model is built, trained with it, saved beside it.
///
/// ```java
/// var adapters = new Adapters(new Lora(8, 16, 0.05, Targets.allLinear()), 42);
/// var model = Architectures.load(directory, adapters.over(LinearFactory.frozen()), Device.cpu(), DType.BF16);
/// …
/// adapters.save(Path.of("adapter"), "base-model-name");
/// ```
public final class Adapters {
    private final Lora settings;
    private final long seed;
    /// Adapted layers in the order of the model.
    private final Map<String, Adapted> adapted = new LinkedHashMap<>();
    /// Tensors that are trained whole, by full name.
    private final Map<String, Parameter> saved = new LinkedHashMap<>();
    private final List<String> seen = new ArrayList<>();
    private final boolean fromFile;
    private boolean enabled = true;

    /// The learnt factors of one layer: `a` is `[r, in]`, `b` is `[out, r]`.
    public record Adapted(Parameter a, Parameter b, double scale) {}

    /// @param seed of the initial factors; each layer's depend on the seed and its name alone
    public Adapters(Lora settings, long seed) {
        this(settings, seed, false);
    }

    private Adapters(Lora settings, long seed, boolean fromFile) {
        this.settings = settings;
        this.seed = seed;
        this.fromFile = fromFile;
    }

    /// Adapters with the settings of a PEFT adapter directory. Build the model [over][#over] them, then [#load].
    public static Adapters read(Path directory) {
        return new Adapters(AdapterConfig.read(directory), 0, true);
    }

    public Lora settings() {
        return settings;
    }

    /// Adapted layers by name, in the order of the model.
    public Map<String, Adapted> adapted() {
        return Collections.unmodifiableMap(adapted);
    }

    /// Tensors trained whole, by full name.
    public Map<String, Parameter> saved() {
        return Collections.unmodifiableMap(saved);
    }

    /// Switches the adapters off or on again; off, the model computes exactly what its base computes.
    public void enable(boolean on) {
        if (!on && !saved.isEmpty()) {
            throw new IllegalStateException(
                    "these adapters also hold whole modules (%s), which cannot be switched off; load the base model instead"
                            .formatted(String.join(", ", saved.keySet())));
        }
        enabled = on;
    }

    /// Wraps adapters around the layers of another factory.
    public LinearFactory over(LinearFactory base) {
        return new Over(base, LinearFactory.trainable());
    }

    /// Writes a PEFT adapter directory (`adapter_config.json`, `adapter_model.safetensors`).
    ///
    /// @param baseModel name or path of the base model, for `base_model_name_or_path`
    public void save(Path directory, String baseModel) {
        AdapterFiles.save(directory, this, baseModel);
    }

    /// Reads factors from a PEFT adapter directory that was made with these settings for this model.
    public void load(Path directory) {
        AdapterFiles.load(directory, this);
    }

    private final class Over implements LinearFactory {
        private final LinearFactory base;
        private final LinearFactory whole;

        Over(LinearFactory base, LinearFactory whole) {
            this.base = base;
            this.whole = whole;
        }

        @Override
        public LinearLayer linear(String name, NamedTensors source) {
            seen.add(name);
            if (settings.saves(name)) {
                LinearLayer layer = whole.linear(name, source);
                whole.parameters().forEach(p -> saved.put(p.name(), p));
                return layer;
            }
            LinearLayer layer = base.linear(name, source);
            if (!settings.adapts(name)) {
                return layer;
            }
            Projection projection = layer.projection()
                    .orElseThrow(() -> new IllegalStateException(name + " is no projection that LoRA could wrap"));
            Adapted change = fresh(name, source);
            adapted.put(name, change);
            LowRank lowRank = new LowRank(change.a, change.b, change.scale, settings.dropout(), adapted.size());
            return new AdaptedLayer(
                    projection, new Projection(projection.weight(), projection.bias(), List.of(lowRank)));
        }

        @Override
        public Weight weight(String tensor, NamedTensors source) {
            String module = tensor.replaceFirst("\\.(weight|bias)$", "");
            if (!settings.saves(module)) {
                return base.weight(tensor, source);
            }
            if (module.endsWith("embed_tokens") && !source.has("lm_head.weight")) {
                throw new IllegalArgumentException(
                        "modules_to_save names %s, which this model shares with its head; training one copy would untie them. Leave it out, or use a model with a head of its own."
                                .formatted(module));
            }
            Weight weight = whole.weight(tensor, source);
            whole.parameters().forEach(p -> saved.put(p.name(), p));
            return weight;
        }

        @Override
        public List<Parameter> parameters() {
            List<Parameter> all = new ArrayList<>(base.parameters());
            adapted.values().forEach(change -> {
                all.add(change.a);
                all.add(change.b);
            });
            all.addAll(saved.values());
            return all;
        }

        @Override
        public void complete() {
            base.complete();
            // of a file, PEFT takes names that match nothing beside others that do; the rest is checked on loading
            if (!fromFile || (adapted.isEmpty() && saved.isEmpty())) {
                requireEveryTargetMatched();
            }
        }

        @Override
        public void close() {
            base.close();
            whole.close();
            adapted.values().forEach(change -> {
                change.a.close();
                change.b.close();
            });
            adapted.clear();
            saved.clear();
        }
    }

    /// A base layer with its change, which can be switched off.
    private final class AdaptedLayer implements LinearLayer {
        private final Projection plain;
        private final Projection changed;

        AdaptedLayer(Projection plain, Projection changed) {
            this.plain = plain;
            this.changed = changed;
        }

        @Override
        public Value forward(Tape tape, Value x) {
            return Projection.apply(tape, x, enabled ? changed : plain);
        }

        @Override
        public Optional<Projection> projection() {
            return Optional.of(enabled ? changed : plain);
        }
    }

    private Adapted fresh(String name, NamedTensors source) {
        long[] shape = source.shape(name + ".weight");
        int out = Math.toIntExact(shape[0]);
        int in = Math.toIntExact(shape[1]);
        SplittableRandom random = new SplittableRandom(seed * 31 + name.hashCode());
        float[] a = new float[settings.r() * in];
        float[] b = new float[out * settings.r()];
        switch (settings.init()) {
            case DEFAULT -> uniform(a, 1 / Math.sqrt(in), random);
            case GAUSSIAN -> normal(a, 1.0 / settings.r(), random);
            case RANDOM -> {
                uniform(a, 1 / Math.sqrt(in), random);
                uniform(b, 1 / Math.sqrt(settings.r()), random);
            }
        }
        return new Adapted(
                parameter(name + ".lora_A.weight", a, source, settings.r(), in),
                parameter(name + ".lora_B.weight", b, source, out, settings.r()),
                settings.scale());
    }

    private static Parameter parameter(String name, float[] values, NamedTensors source, long rows, long columns) {
        Device device = source.device();
        DType type = source.computeType();
        try (Scope scope = Scope.open()) {
            return new Parameter(name, Tensor.of(values, rows, columns).to(device), type);
        }
    }

    private static void uniform(float[] values, double bound, SplittableRandom random) {
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextDouble(-bound, bound);
        }
    }

    private static void normal(float[] values, double deviation, SplittableRandom random) {
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() * deviation);
        }
    }

    private void requireEveryTargetMatched() {
        List<String> lost = new ArrayList<>();
        if (settings.targets() instanceof Targets.Names names) {
            names.names().stream()
                    .filter(name -> seen.stream().noneMatch(Targets.names(name)::matches))
                    .forEach(lost::add);
        } else if (adapted.isEmpty()) {
            lost.add(settings.targets().toString());
        }
        if (!lost.isEmpty() || (adapted.isEmpty() && saved.isEmpty())) {
            throw new IllegalArgumentException(
                    "target_modules: no linear layer of this model is named %s. Its linear layers end in %s; \"all-linear\" means all of them."
                            .formatted(String.join(", ", lost), String.join(", ", shortNames())));
        }
        settings.modulesToSave().stream()
                .filter(name -> saved.keySet().stream()
                        .noneMatch(tensor ->
                                tensor.replaceFirst("\\.(weight|bias)$", "").endsWith(name)))
                .findFirst()
                .ifPresent(name -> {
                    throw new IllegalArgumentException(
                            "modules_to_save: no module of this model ends in \"%s\"".formatted(name));
                });
    }

    private List<String> shortNames() {
        return seen.stream()
                .map(name -> name.substring(name.lastIndexOf('.') + 1))
                .distinct()
                .toList();
    }
}
